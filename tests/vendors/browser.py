"""Pages in a real browser, served from one origin while the gateway is another."""

import asyncio
import functools
import http.server
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Request, async_playwright

from tests.chromium import CHROMIUM, FLAGS
from tests.http_server import Quiet, running_server
from tests.vendors.running import HERE, KEY

_under_way: WeakKeyDictionary[Page, set[Request]] = WeakKeyDictionary()
"""Requests of a page that are not at their end."""
_CALM = 6
"""Looks in a row at a page without a request after which it is taken for quiet."""


def _watch_requests(page: Page) -> None:
    begun = _under_way[page] = set[Request]()

    # Playwright takes no methods of a set for handlers.
    def begin(request: Request) -> None:
        begun.add(request)

    def end(request: Request) -> None:
        begun.discard(request)

    page.on("request", begin)
    page.on("requestfinished", end)
    page.on("requestfailed", end)


class _Pages(Quiet, http.server.SimpleHTTPRequestHandler):
    """Serves `pages/`, and the packages as they were installed."""

    def translate_path(self, path: str) -> str:
        """Find the file of an address."""
        name = path.partition("?")[0].lstrip("/")
        folder = HERE / "pages"
        return str(folder / name if (folder / name).is_file() else HERE / "node_modules" / name)


@contextmanager
def served_pages() -> Iterator[str]:
    """Serve the pages on a free port; yields their address."""
    handler = functools.partial(_Pages, directory=str(HERE))
    with running_server(handler) as url:
        yield url


async def until_answered(page: Page) -> None:
    """Wait until every request that the page has begun is at its end.

    What is stored may still be without its answer, and an SDK asks other things, too: a fault that is meant for
    the next request would hit those.
    """
    calm = 0
    async with asyncio.timeout(30):
        while calm < _CALM:
            await asyncio.sleep(0.05)
            calm = 0 if _under_way[page] else calm + 1


@asynccontextmanager
async def open_page(name: str, gateway: str, **options: Any) -> AsyncIterator[Page]:
    """Open a page in a browser of its own; its SDK has loaded, and knows the gateway's address and key.

    Args:
        name: of the page.
        gateway: its address.
        options: of the SDK, beside the page's own.
    """
    with served_pages() as pages:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = await browser.new_page()
            _watch_requests(page)
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            known = {"url": gateway, "key": KEY, "options": options}
            await page.add_init_script(f"window.gateway = {json.dumps(known)}")
            try:
                await page.goto(f"{pages}/{name}")
                await page.wait_for_selector("body[data-loaded]", state="attached", timeout=20_000)
                yield page
            except PlaywrightError as error:
                raise AssertionError(f"the page said: {said}") from error
            finally:
                await browser.close()
