"""Everybody can use it: with a screen reader, by daylight and at night, on a phone."""

from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from tests.query_api.dashboard.browser import serious_findings, visit
from tests.query_api.dashboard.conftest import Served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("dashboard")]

VIEWS = (
    "/",
    "/live",
    "/trends",
    "/funnels",
    "/retention",
    "/retention?view=stickiness",
    "/paths",
    "/sessions",
    "/users",
    "/users/person-0",
    "/cohorts",
    "/dashboards",
    "/sql?query=SELECT%20event%20FROM%20events%20LIMIT%203",
    "/rejected",
    "/pipeline",
)
PHONE = 390
_WIDTH = "[document.documentElement.scrollWidth, innerWidth]"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_people_out(
    browser: Browser, served: Served, scheme: Literal["light", "dark"]
) -> None:
    """axe-core finds nothing serious on any view, in either theme."""
    findings = {}
    async with visit(browser, served.url, served.key, scheme=scheme) as seen:
        page = seen.page
        for view in VIEWS:
            await seen.open(view)
            await seen.settled()
            if found := await serious_findings(page):
                findings[view] = found
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        if found := await serious_findings(page):
            findings["shortcuts"] = found
    assert findings == {}


async def test_a_phone_is_wide_enough(browser: Browser, served: Served) -> None:
    """At 390 pixels no view scrolls sideways, and the menu leads everywhere."""
    wide = []
    async with visit(browser, served.url, served.key, width=PHONE) as seen:
        page = seen.page
        for view in VIEWS:
            await seen.open(view)
            await seen.settled()
            needed, there = await page.evaluate(_WIDTH)
            if needed > there:
                wide.append((view, needed))
        await page.get_by_role("button", name="Menu").click()
        await page.get_by_role("link", name="Funnels").click()
        await expect(page.get_by_role("heading", name="Funnels")).to_be_visible()
        await expect(page.get_by_role("link", name="Funnels")).not_to_be_visible()
    assert wide == []


async def test_the_prompt_for_the_key_keeps_nobody_out(browser: Browser, served: Served) -> None:
    """It is the first thing that anybody sees."""
    async with visit(browser, served.url, None, width=PHONE) as seen:
        page = await seen.open("/")
        await expect(page.get_by_label("Read key")).to_be_visible()
        assert await serious_findings(page) == []
        needed, there = await page.evaluate(_WIDTH)
        assert needed <= there
