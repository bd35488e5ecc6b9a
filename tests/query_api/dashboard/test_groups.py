"""What companies do, asked for by what is known of them."""

from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.dataflows.running_flow import wait_until
from tests.query_api.dashboard import companies, shop
from tests.query_api.dashboard.browser import serious_findings, visit
from tests.query_api.dashboard.conftest import Served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("dashboard")]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def key(served: Served) -> str:
    """Reads a project of its own, which has the events of `companies`."""
    stack = served.stack
    made = stack.smolhog("projects", "create", "companies")
    assert made.returncode == 0, made.stderr
    write, read = (
        stack.smolhog("keys", "create", "companies", "--kind", kind).stdout.strip()
        for kind in ("write", "read")
    )
    await shop.send(stack.stream_url, write, companies.events(datetime.now(UTC)))
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {read}"}) as client:
        wait_until(
            lambda: client.get("/analytics/stats").json()["total_events"] == companies.EVENTS,
            "the companies' events being stored",
            stack.output,
        )
    return read


async def pick(page: Page, label: str, text: str, option: str) -> None:
    """Write a part of a name into a field, and choose what is offered."""
    await page.get_by_role("combobox", name=label, exact=True).fill(text)
    await page.get_by_role("option", name=option).click()


async def test_a_trend_by_the_plans_of_companies(browser: Browser, served: Served, key: str) -> None:
    """Broken down and filtered by a property of groups that the catalogue offers; a link brings all of it back."""
    async with visit(browser, served.url, key) as seen:
        page = await seen.open("/trends")
        await pick(page, "Series A", "ope", "open")
        await expect(page.locator(".legend")).to_contain_text(str(companies.OPENED))
        await pick(page, "Break down by", "plan", "company plan group")
        legend = page.locator(".legend button")
        await expect(legend).to_have_count(3)
        for company, plan in companies.PLANS.items():
            await expect(legend.filter(has_text=plan)).to_contain_text(str(companies.MEMBERS[company]))
        await expect(page.get_by_role("combobox", name="Break down by")).to_have_value("company plan")

        await page.get_by_role("button", name="Filter", exact=True).click()
        panel = page.get_by_role("dialog", name="Filter")
        # Its name, written out, is as good as a click.
        await panel.get_by_role("combobox", name="Property").fill("company plan")
        await expect(page.get_by_role("option", name="company plan group")).to_be_visible()
        await panel.get_by_role("combobox", name="Property").press("Enter")
        await panel.get_by_role("combobox", name="Value").fill("p")
        await page.get_by_role("option", name="pro").click()
        await panel.get_by_role("button", name="Apply").click()
        await expect(legend).to_have_count(1)
        await expect(page.locator(".scope-filters .chip")).to_have_text("company plan is pro")
        await page.reload()
        await expect(page.locator(".scope-filters .chip")).to_have_text("company plan is pro")
        await expect(legend).to_have_text(f"pro{companies.MEMBERS['acme']}")
        await expect(page.get_by_role("combobox", name="Break down by")).to_have_value("company plan")
        assert await serious_findings(page) == []


async def test_a_funnel_by_company(browser: Browser, served: Served, key: str) -> None:
    """Each company has its own share of those who went on; who belongs to none is apart."""
    async with visit(browser, served.url, key) as seen:
        page = await seen.open("/funnels")
        await pick(page, "Step 1", "ope", "open")
        await pick(page, "Step 2", "rep", "report")
        await page.get_by_role("button", name="Remove step 3").click()
        await pick(page, "Break down by", "comp", "company group")
        for company, members in companies.MEMBERS.items():
            row = page.get_by_role("region", name="Funnel by value").locator("tbody tr", has_text=company)
            reporters = companies.REPORTERS[company]
            share = f"{reporters / members:.0%}"
            await expect(row.locator("td")).to_have_text([f"100% {members}", f"{share} {reporters}"])


async def test_a_cohort_of_who_does_something_for_a_company(
    browser: Browser, served: Served, key: str
) -> None:
    """The rule's event takes conditions on its company."""
    async with visit(browser, served.url, key) as seen:
        page = await seen.open("/cohorts")
        await page.get_by_role("button", name="New cohort").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Conditions on event of the rule").click()
        await pick(page, "Property", "company", "company group")
        await pick(page, "Value", "glo", "globex")
        await expect(dialog.locator(".preview")).to_have_text(f"{companies.MEMBERS['globex']} people now")
