"""The official SDKs for browsers through what goes wrong between them and the gateway: every event counts once."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.tcp_proxy import TcpProxy
from tests.vendors.browser import open_page, until_answered
from tests.vendors.running import StoredEvent, VendorGateway, one, stored_once, until_stored, vendor_gateway

TRACK = "track('bought', {n: 1, text: 'żółw 🐗'})"
QUICK = {"batch_flush_interval_ms": 200, "batch_request_timeout_ms": 2000}
"""Mixpanel's SDK waits a minute and a half for an answer if nothing else is said."""


def check(events: list[StoredEvent], copies: int) -> None:
    """See that what the page did is there once, with the right fields."""
    view, bought, after = (one(events, name) for name in ("$pageview", "bought", "after"))
    assert len({event.distinct_id for event in (view, bought, after)}) == 1
    assert (bought.properties["n"], bought.properties["text"]) == (1, "żółw 🐗")
    assert bought.properties["$browser"] == view.properties["$browser"] == "Chrome"
    assert (view.copies, bought.copies, after.copies) == (1, copies, 1)


async def all_stored(gateway: VendorGateway, page: Page, call: str, copies: int) -> None:
    """Wait until what was sent again is stored, and what the page does then."""
    await until_stored(gateway, "bought", copies=copies)
    await page.evaluate(call)
    await until_stored(gateway, "after")


@pytest.mark.parametrize("faults", [("none", "refuse"), ("none", "forget")], ids=["refused", "forgotten"])
async def test_posthog_answered_503(tmp_path: Path, faults: tuple[str, ...]) -> None:
    """It sends again, whether the events are stored or not."""
    async with vendor_gateway(tmp_path, *faults) as gateway, open_page("posthog.html", gateway.url) as page:
        await until_stored(gateway, "$pageview")
        await page.evaluate(f"posthog.{TRACK.replace('track', 'capture')}")
        await all_stored(gateway, page, "posthog.capture('after')", 1 + faults.count("forget"))
    check(await stored_once(tmp_path), 1 + faults.count("forget"))


@pytest.mark.parametrize("after_the_commit", [False, True], ids=["before it arrives", "after the commit"])
async def test_posthog_through_a_cut(tmp_path: Path, *, after_the_commit: bool) -> None:
    """A connection that goes with or without the events is the same to it: it sends them again."""
    async with vendor_gateway(tmp_path) as gateway:
        with TcpProxy(gateway.port) as proxy:
            async with open_page("posthog.html", f"http://127.0.0.1:{proxy.port}") as page:
                await until_stored(gateway, "$pageview")
                await until_answered(page)
                proxy.cut_after_bytes(*(0,) if after_the_commit else (100,), answers_only=after_the_commit)
                await page.evaluate(f"posthog.{TRACK.replace('track', 'capture')}")
                await asyncio.to_thread(proxy.wait_until_cut)
                proxy.restore()
                await all_stored(gateway, page, "posthog.capture('after')", 1 + after_the_commit)
    check(await stored_once(tmp_path), 1 + after_the_commit)


async def test_posthog_waits_for_an_answer_that_never_comes(tmp_path: Path) -> None:
    """It has no patience of its own to lose: when the silent connection goes, it sends again what is stored."""
    async with vendor_gateway(tmp_path, "none", "hang") as gateway:
        with TcpProxy(gateway.port) as proxy:
            async with open_page("posthog.html", f"http://127.0.0.1:{proxy.port}") as page:
                await until_stored(gateway, "$pageview")
                await page.evaluate(f"posthog.{TRACK.replace('track', 'capture')}")
                await until_stored(gateway, "bought")
                proxy.drop()
                await all_stored(gateway, page, "posthog.capture('after')", 2)
            gateway.log.let_go()
    check(await stored_once(tmp_path), 2)


@pytest.mark.parametrize(
    "faults",
    [("none", "refuse"), ("none", "forget"), ("none", "hang")],
    ids=["503, refused", "503, forgotten", "timeout after the commit"],
)
async def test_mixpanel(tmp_path: Path, faults: tuple[str, ...]) -> None:
    """It sends again what was answered 503, or not in time."""
    copies = 1 if "refuse" in faults else 2
    async with (
        vendor_gateway(tmp_path, *faults) as gateway,
        open_page("mixpanel.html", gateway.url, **QUICK) as page,
    ):
        await until_stored(gateway, "$pageview")
        await page.evaluate(f"mixpanel.{TRACK}")
        await all_stored(gateway, page, "mixpanel.track('after')", copies)
        gateway.log.let_go()
    check(await stored_once(tmp_path), copies)


async def test_mixpanel_goes_offline(tmp_path: Path) -> None:
    """The device loses its network: the events are sent when it is back."""
    async with (
        vendor_gateway(tmp_path) as gateway,
        open_page("mixpanel.html", gateway.url, **QUICK, debug=True) as page,
    ):
        await until_stored(gateway, "$pageview")
        async with page.expect_console_message(lambda said: "retry in" in said.text):
            await page.context.set_offline(offline=True)
            await page.evaluate(f"mixpanel.{TRACK}")
        await page.context.set_offline(offline=False)
        await all_stored(gateway, page, "mixpanel.track('after')", 1)
    check(await stored_once(tmp_path), 1)


async def test_mixpanel_through_a_cut_while_online(tmp_path: Path) -> None:
    """It takes a request that fails while the browser is online for done: what was stored then counts once.

    The browser may have sent it a second time by itself.
    """
    async with vendor_gateway(tmp_path) as gateway:
        with TcpProxy(gateway.port) as proxy:
            async with open_page("mixpanel.html", f"http://127.0.0.1:{proxy.port}", **QUICK) as page:
                await until_stored(gateway, "$pageview")
                await until_answered(page)
                proxy.cut_after_bytes(0, answers_only=True)
                await page.evaluate(f"mixpanel.{TRACK}")
                await asyncio.to_thread(proxy.wait_until_cut)
                proxy.restore()
                await all_stored(gateway, page, "mixpanel.track('after')", 1)
    events = await stored_once(tmp_path)
    check(events, one(events, "bought").copies)
