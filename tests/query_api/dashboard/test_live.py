"""What happens is on the screen by itself, within moments."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, expect

from smolhog_client import Event
from tests.query_api.dashboard import shop
from tests.query_api.dashboard.browser import visit
from tests.query_api.dashboard.conftest import Served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("dashboard")]


async def test_the_first_event_of_a_project_ends_the_waiting(browser: Browser, served: Served) -> None:
    """An empty project shows how to send an event to this very gateway; the event then shows without a reload."""
    async with visit(browser, served.url, served.empty_key) as seen:
        page = seen.page
        await expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
        snippet = page.get_by_role("region", name="How to send an event")
        await expect(snippet).to_contain_text(f"http://127.0.0.1:{served.stack.gateway_port}/v1/batch")
        await page.get_by_role("tab", name="Python").click()
        await expect(snippet).to_contain_text(f"ws://127.0.0.1:{served.stack.gateway_port}")
        await page.evaluate("window.notReloaded = true")

        await shop.send(served.stack.stream_url, served.empty_write_key, [hello()])
        await expect(page.get_by_role("button", name="Chart: events")).to_contain_text("1")
        await expect(page.locator(".event-name", has_text="hello").first).to_be_visible()

        # And so does the next one, everywhere.
        await shop.send(served.stack.stream_url, served.empty_write_key, [hello()])
        await expect(page.get_by_role("button", name="Chart: events")).to_contain_text("2")
        await expect(page.locator(".right-now")).to_contain_text(re.compile(r"[12] since you came"))
        assert await page.evaluate("window.notReloaded") is True


async def test_the_stream_pauses_filters_and_opens_an_event(browser: Browser, served: Served) -> None:
    """Live events: pushed as they are stored; held back while paused; a line opens to all that is known."""
    async with visit(browser, served.url, served.empty_key) as seen:
        page = await seen.open("/live")
        await expect(page.locator(".card-head")).to_contain_text("events a second")
        lines = page.locator(".event-line")
        await shop.send(served.stack.stream_url, served.empty_write_key, [hello(colour="green")])
        await expect(lines).to_have_count(1)
        await lines.first.click()
        await expect(page.locator(".event-details")).to_contain_text("green")

        await page.get_by_role("button", name="Pause").click()
        await shop.send(served.stack.stream_url, served.empty_write_key, [hello(), hello("bye")])
        await expect(page.get_by_role("button", name="Go on (2 new)")).to_be_visible()
        await expect(lines).to_have_count(1)
        await page.get_by_role("button", name="Go on").click()
        await expect(lines).to_have_count(3)

        await page.get_by_role("combobox", name="Only these events").fill("bye")
        await page.get_by_role("option", name="bye").click()
        await expect(page).to_have_url(re.compile("events="))
        await expect(lines).to_have_count(0)
        await shop.send(served.stack.stream_url, served.empty_write_key, [hello(), hello("bye")])
        await expect(lines).to_have_count(1)
        await expect(lines.first).to_contain_text("bye")


async def test_without_a_websocket_the_page_asks_every_two_seconds(browser: Browser, served: Served) -> None:
    """A proxy that cuts WebSockets costs a second or two, and the page says so."""

    async def cut(context: object) -> None:
        # As a proxy would: the connection ends as soon as it is made.
        await context.add_init_script(  # type: ignore[attr-defined]
            "const Real = WebSocket; window.WebSocket = function (url) {"
            " return new Real(url.replace('/analytics/live', '/nothing/here')); };"
        )

    # Without any event there is no figure yet.
    await shop.send(served.stack.stream_url, served.empty_write_key, [hello()])
    async with visit(browser, served.url, served.empty_key, prepare=cut) as seen:
        page = seen.page
        await expect(page.locator(".connection")).to_have_text("Asking every 2 s")
        figure = page.get_by_role("button", name="Chart: events")
        await expect(figure).to_contain_text(re.compile(r"\d"))
        before = await figure.inner_text()
        await shop.send(served.stack.stream_url, served.empty_write_key, [hello()])
        await expect(figure).not_to_have_text(before, use_inner_text=True)


def hello(name: str = "hello", **properties: object) -> Event:
    """One event of now."""
    return Event(event=name, distinct_id="somebody", properties=properties, timestamp=datetime.now(UTC))
