"""Each view says what was counted by hand."""

import asyncio
import re
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from playwright.async_api import Browser, Route, expect

from tests.query_api.dashboard import shop
from tests.query_api.dashboard.browser import visit
from tests.query_api.dashboard.conftest import Served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("dashboard")]


def parameter(value: Any) -> str:
    """A part of a question as it stands in an address."""
    return quote(msgspec.json.encode(value).decode())


def step(event: str | None) -> dict[str, Any]:
    """Events of a name."""
    return {"event": event, "filter": None, "label": None}


async def test_the_overview(browser: Browser, served: Served) -> None:
    """Totals, and what they are made of; a click on a value asks for that value alone, and back undoes it."""
    async with visit(browser, served.url, served.key) as seen:
        page = seen.page
        await expect(page.get_by_role("button", name="Chart: events")).to_contain_text(str(shop.EVENTS))
        await expect(page.get_by_role("button", name="Chart: people")).to_contain_text(str(shop.PEOPLE))
        top = page.locator(".card", has=page.get_by_role("heading", name="Top events"))
        await expect(top.locator(".bar-name")).to_have_text(["visit", "signup", "purchase"])
        await expect(top.locator(".bar-count")).to_have_text(["15", "6", "3"])
        await expect(page.locator(".card-foot").first).to_contain_text("ago")
        # The key was taken out of the address.
        assert "sh_r_" not in page.url

        await top.get_by_role("button", name="signup").click()
        await expect(page.get_by_role("button", name="Chart: events")).to_contain_text("6")
        await expect(page.locator(".chip")).to_contain_text("Event is signup")
        await page.go_back()
        await expect(page.get_by_role("button", name="Chart: events")).to_contain_text(str(shop.EVENTS))


async def test_trends(browser: Browser, served: Served) -> None:
    """Series, their sum of a property, a formula; the numbers as a table."""
    series = [
        {**step("visit"), "measure": "users", "property": None},
        {**step("purchase"), "measure": "sum", "property": "amount"},
    ]
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open(f"/trends?series={parameter(series)}")
        legend = page.locator(".legend button")
        await expect(legend).to_have_count(2)
        await expect(legend.nth(0)).to_contain_text(str(shop.PEOPLE))
        await expect(legend.nth(1)).to_contain_text(f"{sum(shop.AMOUNTS):.0f}")
        await page.get_by_role("textbox", name="Formula").fill("B / A")
        await page.get_by_role("textbox", name="Formula").press("Enter")
        await expect(page.locator(".legend")).to_contain_text(f"{sum(shop.AMOUNTS) / shop.PEOPLE:.0f}")
        await page.get_by_role("button", name="Show as table").click()
        await expect(page.get_by_role("region", name="Trend").locator("tbody tr").last).to_contain_text(
            "Total"
        )


async def test_a_trend_is_built_by_hand(browser: Browser, served: Served) -> None:
    """Event, breakdown and filter are chosen from what was sent, and all of it is in the address."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/trends")
        await page.get_by_role("combobox", name="Series A", exact=True).fill("vis")
        await page.get_by_role("option", name="visit").click()
        await expect(page.locator(".legend")).to_contain_text(str(shop.VISITS))
        await page.get_by_role("combobox", name="Break down by").fill("plan")
        await page.get_by_role("option", name="plan").first.click()
        # Four of the ten are pro, and all four of them came yesterday as well.
        await expect(page.locator(".legend button", has_text="pro")).to_contain_text("8")
        await expect(page.locator(".legend button", has_text="free")).to_contain_text("7")

        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Filter", exact=True).click()
        panel = page.get_by_role("dialog", name="Filter")
        await panel.get_by_role("combobox", name="Property").fill("plan")
        await page.get_by_role("option", name="plan").first.click()
        await panel.get_by_role("combobox", name="Value").fill("pro")
        await page.get_by_role("option", name="pro").first.click()
        await panel.get_by_role("button", name="Apply").click()
        await expect(page.locator(".legend button", has_text="free")).to_have_count(0)
        await expect(page.locator(".legend button", has_text="pro")).to_contain_text("8")
        await page.reload()
        await expect(page.locator(".legend button", has_text="pro")).to_contain_text("8")


async def test_funnels(browser: Browser, served: Served) -> None:
    """Ten, six, three; and who the four are that went no further than the first step."""
    steps = [step("visit"), step("signup"), step("purchase")]
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open(f"/funnels?steps={parameter(steps)}")
        figures = page.locator(".funnel-figures")
        await expect(figures).to_have_count(3)
        await expect(figures.nth(0)).to_contain_text("10 people")
        await expect(figures.nth(1)).to_contain_text("60% 6 people")
        await expect(figures.nth(2)).to_contain_text("30% 3 people")
        await figures.nth(1).locator(".dropped button").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".people li")).to_have_count(shop.PEOPLE - shop.SIGNED_UP)
        await expect(dialog).to_contain_text("person-9")
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)


async def test_retention_and_stickiness(browser: Browser, served: Served) -> None:
    """Five began yesterday, and all of them came back the day after."""
    visit_step = parameter(step("visit"))
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open(f"/retention?start={visit_step}&returning={visit_step}")
        row = page.locator(".retention tbody tr", has=page.locator("td", has_text=re.compile("^5$"))).first
        await expect(row.locator(".heat").nth(0)).to_have_text("100%")
        await expect(row.locator(".heat").nth(1)).to_have_text("100%")
        await page.get_by_role("tab", name="Stickiness").click()
        columns = page.locator(".columns-value")
        await expect(columns.nth(0)).to_have_text(str(shop.PEOPLE - shop.RETURNED))
        await expect(columns.nth(1)).to_have_text(str(shop.RETURNED))


async def test_paths(browser: Browser, served: Served) -> None:
    """All begin with a visit; a click shows the paths from there, and the table has the same numbers."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/paths")
        await expect(page.locator(".sankey-node").first).to_contain_text("visit")
        await expect(page.locator(".sankey-node").first).to_contain_text(str(shop.PEOPLE))
        await page.locator(".sankey-node", has_text="signup").first.locator("rect").click()
        await expect(page).to_have_url(re.compile("start=signup"))
        await expect(page.locator(".sankey-node").first).to_contain_text("signup")
        await page.get_by_role("button", name="Show as table").click()
        await expect(page.get_by_role("region", name="Paths").locator("tbody tr").first).to_contain_text(
            "purchase"
        )


async def test_sessions(browser: Browser, served: Served) -> None:
    """Fifteen sessions; four of the ten of today and the five of yesterday have one event only."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/sessions")
        figures = page.locator(".figures .figure-value")
        await expect(figures.nth(0)).to_have_text(str(shop.VISITS))
        await expect(figures.nth(1)).to_have_text(str(shop.PEOPLE))
        await expect(figures.nth(3)).to_have_text("60%")
        begin = page.locator(".card", has=page.get_by_role("heading", name="They begin with"))
        await expect(begin.locator(".bar-name")).to_have_text(["visit"])


async def test_users_and_one_of_them(browser: Browser, served: Served) -> None:
    """Everybody is listed; somebody is found by a part of the id; the timeline has all they did."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/users")
        people = page.locator(".table tbody tr")
        await expect(people).to_have_count(shop.PEOPLE)
        await page.keyboard.press("/")
        await page.keyboard.type("person-0")
        await expect(people).to_have_count(1)
        await page.get_by_role("link", name="person-0").click()
        await expect(page.locator(".profile-head")).to_contain_text("person-0")
        timeline = page.locator(".timeline .event-name")
        await expect(timeline).to_have_text(["purchase", "signup", "visit", "visit"])
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Everything kept").click()
        kept = (await (await download.value).path()).read_text()
        assert kept.count("person-0") >= 4


async def test_rejected_events(browser: Browser, served: Served) -> None:
    """What was refused, why, and what came."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/rejected")
        line = page.locator(".event-line")
        await expect(line).to_have_count(1)
        await line.click()
        await expect(page.get_by_role("region", name="What came")).to_contain_text("no_id_at_all")


async def test_the_pipeline(browser: Browser, served: Served) -> None:
    """Each partition is there, and nothing lags."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/pipeline")
        await expect(page.locator(".health")).to_contain_text("stored within moments")
        await expect(page.get_by_role("region", name="Partitions").locator("tbody tr")).to_have_count(2)


async def test_sql(browser: Browser, served: Served) -> None:
    """A query is answered with Ctrl+Enter, kept in the address, and its mistake is explained."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/sql")
        query = page.get_by_role("textbox", name="SQL query")
        await query.fill("SELECT event, count() AS n FROM events GROUP BY event ORDER BY n DESC")
        await query.press("Control+Enter")
        rows = page.get_by_role("region", name="Result").locator("tbody tr")
        await expect(rows).to_have_count(3)
        await expect(rows.first).to_contain_text(str(shop.VISITS))
        await page.reload()
        await expect(rows).to_have_count(3)
        await query.fill("SELECT nothing FROM nowhere")
        await query.press("Control+Enter")
        await expect(page.get_by_role("alert")).to_contain_text("nowhere")


async def test_a_cohort_from_its_rules_to_its_people(browser: Browser, served: Served) -> None:
    """The preview counts while one writes; the saved cohort leads to its people."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/cohorts")
        await page.get_by_role("button", name="New cohort").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("textbox", name="Name").fill("Buyers")
        await dialog.get_by_role("combobox", name="Event of the rule").fill("purchase")
        await page.get_by_role("option", name="purchase").click()
        await expect(dialog.locator(".preview")).to_have_text(f"{shop.BUYERS} people now")
        await dialog.get_by_role("button", name="Save").click()
        await expect(page.locator(".cohorts")).to_contain_text("did purchase at least 1")
        await page.get_by_role("link", name="People in Buyers").click()
        await expect(page.locator(".table tbody tr")).to_have_count(shop.BUYERS)


async def test_a_chart_is_kept_and_shared(browser: Browser, served: Served) -> None:
    """From an explorer to a dashboard, and by a link to somebody who has no key and sees nothing else."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/trends")
        await expect(page.locator(".legend")).to_contain_text(str(shop.EVENTS))
        await page.get_by_role("button", name="Dashboard").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Title of the chart").fill("All of it")
        await dialog.get_by_label("Name of the dashboard").fill("For everybody")
        await dialog.get_by_role("button", name="Add").click()
        await expect(dialog).to_have_count(0)
        await seen.open("/dashboards")
        await page.get_by_role("link", name="For everybody").click()
        await expect(page.locator(".tile")).to_contain_text("All of it")
        await expect(page.locator(".tile .legend")).to_contain_text(str(shop.EVENTS))
        await page.get_by_role("button", name="Share").click()
        await page.get_by_role("button", name="Make a link").click()
        link = await page.get_by_role("region", name="The link").inner_text()
    async with visit(browser, served.url, None) as guest:
        page = await guest.open("/shared/" + link.strip().rpartition("/")[2])
        await expect(page.get_by_role("heading", name="For everybody")).to_be_visible()
        await expect(page.locator(".tile .legend")).to_contain_text(str(shop.EVENTS))
        await guest.open("/")
        await expect(page.get_by_label("Read key")).to_be_visible()


async def test_a_dashboard_is_rearranged_and_stays_so(browser: Browser, served: Served) -> None:
    """A chart keeps how it is drawn, and where somebody put it."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/trends")
        await page.get_by_role("group", name="Chart").get_by_role("button", name="Figures").click()
        await expect(page.locator(".result .figure")).to_contain_text(str(shop.EVENTS))
        for title, dashboard in (("Total", None), ("Lines", "Rearranged")):
            if title == "Lines":
                await page.get_by_role("group", name="Chart").get_by_role("button", name="Lines").click()
            await page.get_by_role("button", name="Dashboard").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label("Title of the chart").fill(title)
            if dashboard is None:
                await dialog.locator("select").select_option(label="A new one")
                await dialog.get_by_label("Name of the dashboard").fill("Rearranged")
            else:
                await dialog.locator("select").select_option(label=dashboard)
            await dialog.get_by_role("button", name="Add").click()
            await expect(dialog).to_have_count(0)
        await seen.open("/dashboards")
        await page.get_by_role("link", name="Rearranged").click()
        tiles = page.locator(".tile")
        await expect(tiles.nth(0).locator(".figure")).to_contain_text(str(shop.EVENTS))
        await expect(tiles.nth(1).locator(".legend")).to_contain_text(str(shop.EVENTS))
        await page.get_by_role("button", name="Edit").click()
        await tiles.nth(0).get_by_role("button", name="Move back").click()
        await expect(tiles.nth(1).get_by_label("Title")).to_have_value("Total")
        await tiles.nth(0).locator("select").select_option(label="Table")
        await expect(tiles.nth(0).locator("table")).to_contain_text(str(shop.EVENTS))
        await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
        await page.get_by_role("button", name="Done").click()
        await page.reload()
        await expect(tiles.nth(0)).to_contain_text("Lines")
        await expect(tiles.nth(0).locator("table")).to_contain_text(str(shop.EVENTS))
        await expect(tiles.nth(1).locator(".figure")).to_contain_text(str(shop.EVENTS))


async def test_the_last_change_is_what_is_kept(browser: Browser, served: Served) -> None:
    """However slowly the first one is taken, a later one is not undone by it; leaving the page does not lose it."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/trends")
        await page.get_by_role("button", name="Dashboard").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Title of the chart").fill("Lines")
        await dialog.locator("select").select_option(label="A new one")
        await dialog.get_by_label("Name of the dashboard").fill("Named in a hurry")
        await dialog.get_by_role("button", name="Add").click()
        await expect(dialog).to_have_count(0)
        await seen.open("/dashboards")
        await page.get_by_role("link", name="Named in a hurry").click()
        await page.get_by_role("button", name="Edit").click()
        held = asyncio.Event()
        names: list[str] = []

        async def take(route: Route) -> None:
            if route.request.method == "PUT":
                names.append(msgspec.json.decode(route.request.post_data or "{}")["name"])
                if len(names) == 1:
                    await held.wait()
            await route.continue_()

        await page.route("**/analytics/dashboards/*", take)
        for name in ("First", "Second", "Third"):
            await page.get_by_label("Name", exact=True).fill(name)
            await page.get_by_label("Name", exact=True).blur()
            await expect(page.get_by_role("heading", level=1)).to_have_text(name)
        await expect(page.get_by_role("status").filter(has_text="Saving")).to_be_visible()
        held.set()
        await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
        assert names == ["First", "Third"]
        await page.unroute("**/analytics/dashboards/*")
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Third")

        await page.get_by_role("button", name="Edit").click()
        await page.get_by_label("Name", exact=True).fill("Fourth")
        await page.get_by_label("Name", exact=True).blur()
        await page.goto("about:blank")
        await seen.open("/dashboards")
        await expect(page.get_by_role("link", name="Fourth")).to_be_visible()


async def test_events_are_saved_as_a_file(browser: Browser, served: Served) -> None:
    """The export has the events of the range that is looked at, and no others where names were chosen."""
    async with visit(browser, served.url, served.key) as seen:
        page = await seen.open("/trends")
        for name, count in ((None, shop.EVENTS), ("signup", 6)):
            await page.get_by_role("button", name="Export events").click()
            dialog = page.get_by_role("dialog")
            if name is not None:
                await dialog.get_by_role("combobox", name="Only these events").fill(name)
                await page.get_by_role("option", name=name).click()
            async with page.expect_download() as saving:
                await dialog.get_by_role("button", name="Download").click()
            saved = await saving.value
            assert saved.suggested_filename == "events.csv"
            path = await saved.path()
            assert len(path.read_text().splitlines()) == count + 1
