"""What a page calls, and the events that the gateway stores of it."""

import json
import re
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, WebSocket

from tests.ingest_gateway.running import KEY
from tests.sdk.js.site import PACKAGE, Site, begin, flush, track, visitor
from tests.vendors.running import StoredEvent, by_name, one, stored_once, until_stored, vendor_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("js")]

NOON = datetime.fromisoformat("2026-01-31T12:00:00Z")


async def test_every_call_arrives_under_its_canonical_name(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """Over one WebSocket: who, when, in which session, on which page; ids are UUIDs of version 7."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.blank("/prices?plan=pro")
        sockets: list[WebSocket] = []
        frames: list[dict[str, Any]] = []

        def listen(socket: WebSocket) -> None:
            sockets.append(socket)
            socket.on("framesent", lambda sent: frames.append(json.loads(sent)))

        page.on("websocket", listen)
        await begin(page, gateway.url + "/", pageViews=True)
        anonymous = await page.evaluate("smolhog.distinctId")
        await page.evaluate("smolhog.setSuperProperties({theme: 'dark', gone: 1})")
        await page.evaluate("smolhog.track('clicked', {text: 'żółw 🐗', theme: 'light'})")
        await page.evaluate("smolhog.setSuperProperties({gone: undefined})")
        await page.evaluate("smolhog.identify('ada', {plan: 'pro'}, {first_seen: 'today'})")
        await page.evaluate("smolhog.alias('ada@shop.example')")
        await page.evaluate("smolhog.group('company', 'acme', {seats: 5})")
        await page.evaluate("smolhog.track('bought')")
        await flush(page)
        await page.evaluate("smolhog.identify('bob')")
        await page.evaluate("smolhog.reset()")
        await page.evaluate("smolhog.track('left')")
        await flush(page)
    assert [ws.url for ws in sockets] == [f"ws://127.0.0.1:{gateway.port}/v1/stream"]
    assert frames[0] == {"type": "hello", "key": KEY, "sdk": "smolhog-js/0.1.0"}
    events = await stored_once(tmp_path)
    assert {(event.source, event.copies) for event in events} == {("ws.v1", 1)}
    assert {uuid.UUID(event.event_id).version for event in events} == {7}
    assert {uuid.UUID(event.event_id).variant for event in events} == {uuid.RFC_4122}
    _check_identities(events, anonymous)
    view = one(events, "$pageview")
    assert view.properties == {
        "$current_url": f"{site.url}/prices?plan=pro",
        "$pathname": "/prices",
        "$referrer": "",
        "$title": "Shop",
        "$lib": "smolhog-js",
        "$lib_version": "0.1.0",
    }
    clicked = one(events, "clicked").properties
    assert (clicked["text"], clicked["theme"], clicked["gone"]) == ("żółw 🐗", "light", 1)
    bought = one(events, "bought").properties
    assert (bought["theme"], bought["$groups"]) == ("dark", {"company": "acme"})
    assert "gone" not in bought
    assert {"theme", "$groups"}.isdisjoint(one(events, "left").properties)


def _check_identities(events: list[StoredEvent], anonymous: str) -> None:
    known = [event for event in events if event.event not in {"$identify", "left"}]
    assert len({event.session_id for event in known}) == 1
    assert one(events, "clicked").distinct_id == anonymous
    ada, bob = by_name(events, "$identify")
    assert (ada.distinct_id, ada.properties["$anon_distinct_id"]) == ("ada", anonymous)
    assert (ada.properties["$set"], ada.properties["$set_once"]) == ({"plan": "pro"}, {"first_seen": "today"})
    alias = one(events, "$create_alias")
    assert (alias.distinct_id, alias.properties["alias"]) == ("ada", "ada@shop.example")
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]) == (
        "company",
        "acme",
        {"seats": 5},
    )
    # Another user without a reset: nothing makes the two one.
    assert bob.distinct_id == "bob"
    assert "$anon_distinct_id" not in bob.properties
    left = one(events, "left")
    assert left.distinct_id not in {anonymous, "ada", "bob"}
    assert left.session_id not in {event.session_id for event in known}


async def test_page_views_follow_the_history_api(browser: Browser, site: Site, tmp_path: Path) -> None:
    """A new address is a view, and "back" is; state in the address, and places on a page, are not."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.tab(gateway.url, pageViews=True)
        for call in (
            "history.pushState({}, '', '/prices')",
            "history.replaceState({}, '', '/prices?sort=up')",
            "location.hash = 'top'",
            "history.pushState({}, '', '/#/basket')",
        ):
            await page.evaluate(call)
        await page.evaluate(
            "new Promise(done => { addEventListener('popstate', done, {once: true}); history.go(-2) })"
        )
        await page.evaluate("smolhog.page({section: 'shoes'})")
        await flush(page)
    views = [event.properties for event in by_name(await stored_once(tmp_path), "$pageview")]
    paths = [view["$current_url"].removeprefix(site.url) for view in views]
    assert paths == ["/", "/prices", "/#/basket", "/prices?sort=up", "/prices?sort=up"]
    assert [view["$referrer"].removeprefix(site.url) for view in views[:3]] == ["", "/", "/prices?sort=up"]
    assert views[-1]["section"] == "shoes"


async def test_sessions_end_by_rest_and_by_age(browser: Browser, site: Site, tmp_path: Path) -> None:
    """29 minutes of rest keep one, half an hour ends it, a day does whatever happens; all tabs share it."""
    hours_of_rest = 13 * 3_600_000
    async with vendor_gateway(tmp_path) as gateway:
        async with visitor(browser, site) as somebody:
            tabs = [await somebody.tab(gateway.url), await somebody.tab(gateway.url)]
            for number, minute in enumerate((0, 29, 58, 88)):
                tab = tabs[number % 2]
                await tab.clock.set_fixed_time(NOON + timedelta(minutes=minute))
                await track(tab, 1, f"minute {minute}")
                # The browser tells its tabs of each other's storage in its own time.
                for each in tabs:
                    await each.wait_for_function(
                        """last => Object.entries(localStorage).some(([name, text]) =>
                            name.endsWith("-session") && JSON.parse(text).last === last)""",
                        arg=(NOON + timedelta(minutes=minute)).timestamp() * 1000,
                        polling=50,
                    )
            for tab in tabs:
                await flush(tab)
        async with visitor(browser, site) as somebody:
            page = await somebody.tab(gateway.url, sessionIdle=hours_of_rest)
            for minute in (0, 12 * 60, 24 * 60 - 1, 24 * 60):
                await page.clock.set_fixed_time(NOON + timedelta(minutes=minute))
                await track(page, 1, f"busy {minute}")
            await flush(page)
    sessions = {event.event: event.session_id for event in await stored_once(tmp_path)}
    assert len(sessions) == 8
    assert sessions["minute 0"] == sessions["minute 29"] == sessions["minute 58"] != sessions["minute 88"]
    assert sessions["busy 0"] == sessions["busy 720"] == sessions["busy 1439"] != sessions["busy 1440"]


async def test_the_hook_sees_every_event_last(browser: Browser, site: Site, tmp_path: Path) -> None:
    """It changes, it drops, and where it fails the event is dropped; drops are counted and reported."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.blank("/?token=hunter2")
        await page.evaluate(
            """([url, key]) => smolhog.init({url, key, pageViews: false, beforeSend(event) {
                if (event.event === "mistake") throw new Error("oh");
                event.properties.$current_url = event.properties.$current_url.split("?")[0];
                return event.event === "secret" ? null : event;
            }})""",
            [gateway.url, KEY],
        )
        assert await page.evaluate("[smolhog.track('secret'), smolhog.track('mistake')]") == [None, None]
        assert await page.evaluate("(a => (a.a = a, smolhog.track('circle', a)))({})") is None
        await page.evaluate("smolhog.setSuperProperties({big: 1n})")
        await track(page, 1, "kept")
        assert await page.evaluate("smolhog.flush()")
    events = await stored_once(tmp_path)
    assert {event.event for event in events} == {"kept", "$events_dropped"}
    assert one(events, "kept").properties["$current_url"] == f"{site.url}/"
    report = one(events, "$events_dropped").properties
    assert report["$dropped_by_reason"] == {"before_send": 2, "invalid": 1}
    assert report["$dropped_count"] == 3
    assert "hunter2" not in str(events)


async def test_opting_out_holds_for_all_tabs_and_pages(browser: Browser, site: Site, tmp_path: Path) -> None:
    """What waits is forgotten, nothing is tracked, and nothing but the choice is stored, until opted in."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        other = await somebody.tab(gateway.url, flushInterval=3_600_000)
        await track(other, 1, "waits in another tab")
        page = await somebody.tab(gateway.url, flushInterval=3_600_000)
        await track(page, 1, "waits")
        await page.evaluate("smolhog.optOut()")
        assert (
            await page.evaluate("[smolhog.track('a'), smolhog.identify('ada'), smolhog.page()]") == [None] * 3
        )
        await other.wait_for_function("Object.keys(localStorage).length === 1 && smolhog.track('a') === null")
        assert await other.evaluate("smolhog.flush()")
        again = await somebody.tab(gateway.url, pageViews=True)
        assert await again.evaluate("smolhog.track('b')") is None
        await page.evaluate("smolhog.optIn()")
        await again.wait_for_function("smolhog.distinctId")
        await track(again, 1, "consented")
        await flush(again)
    assert [event.event for event in await stored_once(tmp_path)] == ["consented"]


async def test_a_page_can_ask_first(browser: Browser, site: Site, tmp_path: Path) -> None:
    """With `optedOut` nothing is stored in the browser or sent before `optIn`."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.tab(gateway.url, optedOut=True, pageViews=True)
        assert await page.evaluate("smolhog.track('a')") is None
        assert await page.evaluate("localStorage.length") == 0
        await page.evaluate("smolhog.optIn()")
        await track(page, 1, "consented")
        await flush(page)
    assert [event.event for event in await stored_once(tmp_path)] == ["consented"]


async def _snippet_page(name: str, gateway: str) -> str:
    """Take a snippet out of the README, with addresses and key of this test."""
    blocks = re.findall(r"```html\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    (snippet,) = [block for block in blocks if name in block]
    found: str = snippet.replace("sh_w_…", KEY)
    return found.replace("https://shop.example/smolhog.min.js", "/smolhog.min.js").replace(
        "https://events.example.com", gateway
    )


@pytest.mark.parametrize("name", ["data-key", "Proxy"])
async def test_the_snippets_of_the_readme(browser: Browser, site: Site, tmp_path: Path, name: str) -> None:
    """One line in a page is enough; with the other, calls from before the file has come are made then."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        site.pages[f"/{name}"] = "<!doctype html><title>S</title>" + await _snippet_page(name, gateway.url)
        if name == "Proxy":
            site.pages[f"/{name}"] += "<script>smolhog.track('early', {n: 1});</script>"
        page: Page = await somebody.context.new_page()
        await page.goto(f"{site.url}/{name}")
        await until_stored(gateway, "$pageview", *(["early"] if name == "Proxy" else []))
    assert one(await stored_once(tmp_path), "$pageview").properties["$title"] == "S"
