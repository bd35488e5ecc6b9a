"""Who may look, and what is said when something is wrong."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.query_api.dashboard import shop
from tests.query_api.dashboard.browser import visit
from tests.query_api.dashboard.conftest import Served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("dashboard")]


async def test_the_key_is_asked_for_and_remembered(browser: Browser, served: Served) -> None:
    """Nobody gets in without a read key; a wrong one is called so; a right one is asked for once."""
    async with visit(browser, served.url, None) as seen:
        page = await seen.open("/trends")
        field = page.get_by_label("Read key")
        await field.fill(served.stack.write_key)
        await expect(page.get_by_role("alert")).to_contain_text("write key")
        await field.fill("sh_r_" + "0" * 40)
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_role("alert")).to_contain_text("unknown or was revoked")
        await field.fill(served.key)
        await page.get_by_role("button", name="Open").click()
        await expect(page.locator(".legend")).to_contain_text(str(shop.EVENTS))
        await page.reload()
        await expect(page.locator(".legend")).to_contain_text(str(shop.EVENTS))
        await page.get_by_role("button", name=re.compile("^Project")).click()
        await page.get_by_role("button", name="Use another key").click()
        await expect(field).to_be_visible()


async def test_an_api_that_is_away_is_said_and_waited_for(browser: Browser, served: Served) -> None:
    """Without a connection a card says so, and fills by itself when the connection is back."""
    async with visit(browser, served.url, served.key) as seen:
        page = seen.page
        await page.goto(f"{served.url}/users")
        await expect(page.locator(".table tbody tr")).to_have_count(shop.PEOPLE)
        await page.context.set_offline(True)
        await page.get_by_role("searchbox", name="Find somebody").fill("person-1")
        await expect(page.get_by_role("alert")).to_contain_text("does not answer")
        await page.context.set_offline(False)
        await expect(page.locator(".table tbody tr")).to_have_count(1)


async def test_a_question_that_cannot_be_asked_is_explained(browser: Browser, served: Served) -> None:
    """The API's own sentence and the field at fault."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/trends?formula=A%20%2B%20%2B%20%2B")
        await expect(page.get_by_role("alert")).to_contain_text("formula")


async def test_keys_of_the_keyboard(browser: Browser, served: Served) -> None:
    """`?` lists them, Esc closes, `g` and a letter go somewhere, `t` changes the theme for good."""
    async with visit(browser, served.url, served.key) as seen:
        page = seen.page
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("g")
        await page.keyboard.press("f")
        await expect(page.get_by_role("heading", name="Funnels")).to_be_visible()
        await page.keyboard.press("t")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
