"""Takes the pictures of the dashboard that the README shows: `make pictures`.

A whole stack is started, gets a month of the demo shop's history with today's traffic on top, and its
pages are photographed by a real browser, in both themes.
"""

import argparse
import asyncio
import io
import itertools
import json
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.async_api import Browser, Page, expect

from smolhog.demo_traffic import history
from smolhog_client import Client
from tests.dataflows.running_flow import wait_until
from tests.query_api.dashboard.browser import running_browser
from tests.whole_stack import WholeStack, whole_stack

FOLDER = Path(__file__).parents[3] / "docs" / "pictures"
MOST_BYTES = 300_000
_BATCH = 1000
_WIDTH, _HEIGHT = 1440, 1000
_SEED = 11
_DAYS = 30


def _steps(*events: str) -> str:
    return json.dumps([{"event": event, "filter": None, "label": None} for event in events])


_MONTH = {"from": "-30d"}
_VIEWS = {
    "overview": "/?" + urlencode(_MONTH),
    "funnel": "/funnels?"
    + urlencode(
        {
            **_MONTH,
            "steps": _steps("product_viewed", "product_added", "checkout_started", "order_completed"),
        }
    ),
    "retention": "/retention?" + urlencode({"from": "-8w", "step": "week"}),
    "paths": "/paths?" + urlencode({**_MONTH, "by": "event", "depth": "5"}),
}


async def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of the dashboard.")
    parser.add_argument("--events", type=int, default=120_000, help="Events of the month before.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with whole_stack() as stack:
        await _fill(stack, asked.events)
        live = asyncio.create_task(_traffic(stack))
        try:
            async with running_browser() as browser:
                for scheme in ("light", "dark"):
                    await _photograph(browser, stack, scheme, asked.folder)
        finally:
            live.cancel()
            await asyncio.gather(live, return_exceptions=True)


async def _fill(stack: WholeStack, events: int) -> None:
    made = history(_DAYS, events, _SEED)
    async with Client(stack.stream_url, write_key=stack.write_key) as client:
        while batch := list(itertools.islice(made, _BATCH)):
            await client.send_batch(batch)
    await asyncio.to_thread(
        wait_until,
        lambda: stack.analytics("stats")["total_events"] == events,
        "the history being stored",
        stack.output,
    )


async def _traffic(stack: WholeStack) -> None:
    """A few events a second, so that the live figures have something to show."""
    made = itertools.cycle(history(1, 2000, _SEED + 1))
    async with Client(stack.stream_url, write_key=stack.write_key) as client:
        for event in made:
            # Sent again under another id and the present time: these happen now.
            assert isinstance(event.properties, dict)
            await client.track(event.event, event.distinct_id, event.properties)
            await asyncio.sleep(0.03)


async def _photograph(browser: Browser, stack: WholeStack, scheme: str, folder: Path) -> None:
    context = await browser.new_context(
        viewport={"width": _WIDTH, "height": _HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )
    context.set_default_timeout(60_000)
    page = await context.new_page()
    url = f"http://127.0.0.1:{stack.query_port}"
    await page.goto(f"{url}/#key={stack.read_key}")
    for name, view in _VIEWS.items():
        await page.goto(url + view)
        await _settle(page)
        picture = folder / f"dashboard-{name}-{scheme}.png"
        picture.write_bytes(_compressed(await page.screenshot()))
    await context.close()


async def _settle(page: Page) -> None:
    await expect(page.locator(".skeleton")).to_have_count(0, timeout=60_000)
    await expect(page.locator(".live-dot.live").first).to_be_visible(timeout=60_000)
    if await page.locator(".right-now").count():
        # Half a minute of live figures draws a line worth looking at.
        await page.wait_for_timeout(20_000)


def _compressed(picture: bytes) -> bytes:
    """Return the picture in 256 colours, which is plenty for a page, and small."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    assert len(small.getvalue()) < MOST_BYTES, f"{len(small.getvalue())} bytes are too many for a README"
    return small.getvalue()


if __name__ == "__main__":
    asyncio.run(main())
