"""Pages in a real browser, served from one origin while the gateway is another."""

import functools
import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, async_playwright

from tests.vendors.running import HERE, KEY

CHROMIUM = "/usr/bin/chromium"
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _Pages(http.server.SimpleHTTPRequestHandler):
    """Serves `pages/`, and the packages as they were installed."""

    def translate_path(self, path: str) -> str:
        """Find the file of an address."""
        name = path.partition("?")[0].lstrip("/")
        folder = HERE / "pages"
        return str(folder / name if (folder / name).is_file() else HERE / "node_modules" / name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@contextmanager
def served_pages() -> Iterator[str]:
    """Serve the pages on a free port; yields their address."""
    handler = functools.partial(_Pages, directory=str(HERE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


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
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
            page = await browser.new_page()
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
