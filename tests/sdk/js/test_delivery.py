"""The browser SDK against the real gateway, with faults: each event is stored, and counts once."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from tests.ingest_gateway.running import read_back
from tests.sdk.js.site import Site, begin, flush, records, track, visitor
from tests.tcp_proxy import TcpProxy
from tests.vendors.running import (
    StoredEvent,
    VendorGateway,
    by_name,
    one,
    stored_once,
    until_stored,
    vendor_gateway,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("js")]


def ids(events: list[StoredEvent]) -> list[str]:
    """Return the ids of events, sorted."""
    return sorted(event.event_id for event in events)


@pytest.mark.parametrize("answers_only", [False, True], ids=["anywhere", "acks"])
async def test_connections_cut_in_the_middle_of_batches_lose_nothing(
    browser: Browser,
    site: Site,
    tmp_path: Path,
    answers_only: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    """Cut at many places, in what is sent and in acks alone: each event is stored, none under another id."""
    tracked: list[str] = []
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        with TcpProxy(gateway.port) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            page = await somebody.tab(url, batchEvents=10, is_patient=False)
            for cut in range(4):
                proxy.cut_after_bytes(cut * (60 if answers_only else 5_000), answers_only=answers_only)
                tracked += await track(page, 100)
                await asyncio.to_thread(proxy.wait_until_cut)
                proxy.restore()
            await flush(page)
            assert await records(page) == []
            await somebody.context.close()
    assert ids(await stored_once(tmp_path)) == sorted(tracked)


async def test_a_gateway_that_is_restarted_loses_nothing(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """It closes with 1012 while batches are under way, is away for a while, and is there again."""
    async with visitor(browser, site) as somebody:
        with ExitStack() as proxies:
            async with vendor_gateway(tmp_path) as gateway:
                proxy = proxies.enter_context(TcpProxy(gateway.port))
                url = f"http://127.0.0.1:{proxy.port}"
                page = await somebody.tab(url, batchEvents=10, is_patient=False)
                tracked = await track(page, 1, "first")
                await flush(page)
                tracked += await track(page, 300)
            tracked += await track(page, 100)
            async with vendor_gateway(tmp_path) as gateway:
                proxy._target = ("127.0.0.1", gateway.port)
                await flush(page)
                await somebody.context.close()
    assert ids(await stored_once(tmp_path)) == sorted(tracked)


async def test_http_where_websockets_do_not_get_through(browser: Browser, site: Site, tmp_path: Path) -> None:
    """Batches go by HTTP, also again after 503; with the key in the header and never in the address."""
    async with vendor_gateway(tmp_path, "refuse", "forget") as gateway, visitor(browser, site) as somebody:
        await somebody.context.add_init_script("window.WebSocket = class { constructor() { throw 1 } }")
        page = await somebody.blank()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        await begin(page, gateway.url, is_patient=False)
        tracked = await track(page, 250)
        await flush(page)
        assert set(requests) == {f"{gateway.url}/v1/batch"}
        assert gateway.log.faults_left == 0
    events = await stored_once(tmp_path)
    assert ids(events) == sorted(tracked)
    assert {event.source for event in events} == {"http.v1"}


async def test_what_was_tracked_offline_is_sent_when_online(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """On a page that stays, and on one that was closed meanwhile: the next page delivers for it."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        staying = await somebody.tab(gateway.url)
        closed = await somebody.tab(gateway.url)
        tracked = await track(staying, 1, "before")
        await flush(staying)
        await somebody.context.set_offline(True)
        tracked += await track(staying, 20, "offline")
        tracked += await track(closed, 20, "closed")
        await closed.close()
        await somebody.context.set_offline(False)
        await flush(staying)
        tracked += await track(await somebody.tab(gateway.url), 1, "afterwards")
        await until_stored(gateway, "closed", "afterwards")
        await somebody.context.close()
    events = await stored_once(tmp_path)
    assert ids(events) == sorted(tracked)
    assert len({event.distinct_id for event in events}) == len({event.session_id for event in events}) == 1


async def test_a_page_that_is_left_says_its_last_words(browser: Browser, site: Site, tmp_path: Path) -> None:
    """What was tracked just before, and while it is left, is sent by the browser; the next page has no SDK."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.tab(gateway.url, pageViews=True)
        await page.evaluate("addEventListener('pagehide', () => smolhog.track('at the door'), true)")
        tracked = await track(page, 3, "last words")
        await page.goto(f"{site.url}/away")
        await until_stored(gateway, "$pageview", "last words", "at the door")
    events = await stored_once(tmp_path)
    assert ids(by_name(events, "last words")) == sorted(tracked)
    assert one(events, "at the door").source == "http.v1"


async def test_the_next_page_sends_what_could_not_be_sent(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """Pages are left one after the other while the gateway is away; the last one delivers for all."""
    tracked: list[str] = []
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        with TcpProxy(gateway.port) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            proxy.cut()
            page = await somebody.blank()
            for _ in range(3):
                await page.goto(site.url)
                await begin(page, url)
                tracked += await track(page, 100)
            proxy.restore()
            await page.goto(site.url)
            await begin(page, url)
            tracked += await track(page, 1, "last")
            await until_count(gateway, len(tracked))
            await flush(page)
            await somebody.context.close()
    assert ids(await stored_once(tmp_path)) == sorted(tracked)


async def test_tabs_share_their_queues_safely(browser: Browser, site: Site, tmp_path: Path) -> None:
    """Of four tabs that track at once while the gateway is away, three are closed; nothing is lost."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        with TcpProxy(gateway.port) as proxy:
            proxy.cut()
            url = f"http://127.0.0.1:{proxy.port}"
            tabs = [await somebody.tab(url) for _ in range(4)]
            tracked = [
                one for many in await asyncio.gather(*(track(tab, 100) for tab in tabs)) for one in many
            ]
            # The browser tells its tabs of each other's storage in its own time.
            await tabs[0].wait_for_function(
                "Object.keys(localStorage).filter((name) => name.split('.').length === 3).length === 4"
            )
            for tab in tabs[1:]:
                await tab.close(run_before_unload=False)
            proxy.restore()
            # Looks for what other tabs left whenever it is shown.
            await tabs[0].evaluate(
                "void setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 100)"
            )
            await until_count(gateway, len(tracked))
            await flush(tabs[0])
            assert await records(tabs[0]) == []
            await somebody.context.close()
    events = await stored_once(tmp_path)
    assert ids(events) == sorted(tracked)
    assert len({event.distinct_id for event in events}) == 1


async def test_the_oldest_are_dropped_from_a_full_queue_and_counted(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """Tracked is stored plus reported, to the event; apart is what the page tried to send when it was left."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        with TcpProxy(gateway.port) as proxy:
            proxy.cut()
            url = f"http://127.0.0.1:{proxy.port}"
            page = await somebody.tab(url, queueEvents=100, via="websocket")
            tracked = await track(page, 150)
            await page.goto("about:blank")
            await page.goto(site.url)
            await begin(page, url, queueEvents=100, via="websocket")
            tracked += await track(page, 30)
            proxy.restore()
            await page.evaluate("dispatchEvent(new Event('online'))")
            await flush(page)
            await somebody.context.close()
    events = await stored_once(tmp_path)
    drops: Counter[str] = Counter()
    for report in by_name(events, "$events_dropped"):
        drops.update(report.properties["$dropped_by_reason"])
        assert report.properties["$dropped_count"] == sum(report.properties["$dropped_by_reason"].values())
    stored = by_name(events, "clicked")
    assert drops == {"queue_full": 50, "uncertain": 30}
    assert len(stored) + drops.total() == len(tracked)
    assert ids(stored) == sorted(tracked[-len(stored) :])


async def test_a_key_that_is_refused_ends_it(browser: Browser, site: Site, tmp_path: Path) -> None:
    """By either way the page hears why, once; what waits is kept."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        for via in ("websocket", "http"):
            page = await somebody.tab(gateway.url, key="sh_w_wrong" + via, via=via)
            await track(page, 2)
            await page.wait_for_function("heard.length")
            assert await page.evaluate("smolhog.flush(1)") is False
            assert await page.evaluate("heard") == ["unauthorised"]
            kept = [record["sent"] + record["waiting"] for record in await records(page)]
            assert [len(entries) for entries in kept] == [2] * len(kept)
            assert kept


async def test_a_strangers_yes_is_no_answer(browser: Browser, site: Site, tmp_path: Path) -> None:
    """A network that answers everything with a page of its own, as hotels' do, costs no event."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page, strange = await somebody.blank(), 0

        async def answer(route: Route) -> None:
            nonlocal strange
            strange += 1
            if strange > 2:
                await route.continue_()
            else:
                headers = {"Access-Control-Allow-Origin": "*"}
                await route.fulfill(headers=headers, body="<p>Room number?</p>", content_type="text/html")

        await page.route("**/v1/batch", answer)
        await begin(page, gateway.url, via="http", is_patient=False)
        tracked = await track(page, 3)
        await flush(page)
    assert strange > 2
    assert ids(await stored_once(tmp_path)) == sorted(tracked)


async def until_count(gateway: VendorGateway, count: int) -> None:
    """Wait until so many different events are in the log."""
    async with asyncio.timeout(30):
        while True:
            batches = await read_back(gateway.log)
            if len({event.event_id for batch in batches for event in batch.events}) >= count:
                return
            await asyncio.sleep(0.05)
