"""A real browser on the dashboard of a real stack."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.chromium import CHROMIUM, FLAGS

# The machine may be busy with other tests; every wait ends as soon as what it waits for is there.
PATIENCE_MS = 45_000
AXE = Path(__file__).parents[3] / "query_api" / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Visit:
    """A tab on the dashboard, and whatever the page complained of in its console."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> Page:
        """Go to a view, with a load of the page."""
        await self.page.goto(self.url + path)
        return self.page

    async def settled(self) -> None:
        """Wait until nothing is being loaded for the first time."""
        await expect(self.page.locator("main")).to_be_visible()
        await expect(self.page.locator(".skeleton")).to_have_count(0)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Chromium, for as many visits as one likes."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser,
    url: str,
    key: str | None,
    *,
    scheme: Literal["light", "dark"] = "light",
    width: int = 1280,
    prepare: Callable[[BrowserContext], Any] | None = None,
) -> AsyncIterator[Visit]:
    """Open the dashboard as somebody who has never been there.

    Args:
        browser: a running one.
        url: of the query API, without a slash at its end.
        key: given in the address, as `smolhog up` prints it; `None` for a visitor without one.
        scheme: what the system prefers.
        width: of the window.
        prepare: called with the fresh context.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        timezone_id="UTC",
        locale="en-US",
        accept_downloads=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    if prepare is not None:
        await prepare(context)
    try:
        seen = Visit(await context.new_page(), url)
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on(
            "console",
            lambda message: (
                seen.complaints.append(message.text) if "Content Security" in message.text else None
            ),
        )
        if key is not None:
            await seen.page.goto(f"{url}/#key={key}")
        yield seen
    finally:
        await context.close()
    assert seen.complaints == []


async def serious_findings(page: Page) -> list[str]:
    """What axe-core finds that keeps people from using the page."""
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})"
    )
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
