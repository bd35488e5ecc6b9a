"""A web site with the browser SDK on it, of another origin than the gateway's, and its visitors."""

import http.server
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.http_server import Quiet, running_server
from tests.ingest_gateway.running import KEY

PACKAGE = Path(__file__).parents[3] / "sdk" / "js"
DIST = PACKAGE / "dist"
PATIENCE_MS = 30_000
_HEAD = '<!doctype html><meta charset="utf-8" /><link rel="icon" href="data:," />'
SHOP = f'{_HEAD}<title>Shop</title><script src="/smolhog.min.js"></script>'
AWAY = f"{_HEAD}<title>Elsewhere</title>"
_TYPES = {".js": "text/javascript; charset=utf-8"}


@dataclass
class Site:
    """A running web server."""

    url: str
    pages: dict[str, str] = field(default_factory=lambda: {"/": SHOP, "/away": AWAY})
    """What it serves besides the SDK's files: HTML by path."""


@contextmanager
def served_site() -> Iterator[Site]:
    """Serve on a free port."""

    class Handler(Quiet, http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            file = DIST / path.lstrip("/")
            if path in site.pages:
                body, kind = site.pages[path].encode(), "text/html; charset=utf-8"
            elif file.is_file():
                body, kind = file.read_bytes(), _TYPES[file.suffix]
            else:
                body, kind = SHOP.encode(), "text/html; charset=utf-8"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with running_server(Handler) as url:
        site = Site(url)
        yield site


@dataclass
class Visitor:
    """A browser profile of its own, and what went wrong on its pages."""

    context: BrowserContext
    site: Site
    complaints: list[str] = field(default_factory=list)

    async def blank(self, path: str = "/") -> Page:
        """Open a page in a new tab, with the SDK loaded and not begun."""
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.site.url + path)
        return page

    async def tab(self, gateway: str, path: str = "/", **options: Any) -> Page:
        """Open a page in a new tab, on which the SDK has begun; page views are off unless asked for."""
        page = await self.blank(path)
        await begin(page, gateway, **options)
        return page


async def begin(page: Page, gateway: str, *, is_patient: bool = True, **options: Any) -> None:
    """Call `init`, which also collects what is rejected and refused in `window.heard`.

    An impatient page is told ten times a second that it is online again, which ends any wait of its own choice.
    """
    if not is_patient:
        await page.evaluate("void setInterval(() => dispatchEvent(new Event('online')), 100)")
    settings = {"url": gateway, "key": KEY, "pageViews": False} | options
    await page.evaluate(
        """options => {
            window.heard = [];
            const onRejected = ({event_id, code}) => heard.push([event_id, code]);
            smolhog.init({...options, onRejected, onRefused: (code) => heard.push(code)});
        }""",
        settings,
    )


@asynccontextmanager
async def visitor(browser: Browser, site: Site, **options: Any) -> AsyncIterator[Visitor]:
    """Come as somebody who has never been there; no page may throw."""
    context = await browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    somebody = Visitor(context, site)
    try:
        yield somebody
    finally:
        await context.close()
    assert not somebody.complaints


async def track(page: Page, count: int, event: str = "clicked", **properties: Any) -> list[str]:
    """Track events in one turn of the page's event loop; returns their ids."""
    ids: list[str] = await page.evaluate(
        """([count, event, properties]) => Array.from({length: count},
            (_, n) => smolhog.track(event, {...properties, n}))""",
        [count, event, properties],
    )
    assert all(ids)
    return ids


async def flush(page: Page) -> None:
    """Wait until everything is settled."""
    assert await page.evaluate(f"smolhog.flush({PATIENCE_MS})"), await page.evaluate("heard")


async def records(page: Page) -> list[dict[str, Any]]:
    """Read the queues that local storage holds."""
    texts: list[str] = await page.evaluate(
        "Object.keys(localStorage).filter(name => name.split('.').length === 3).map(name => localStorage[name])"
    )
    return [json.loads(text) for text in texts]
