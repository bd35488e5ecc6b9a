"""Trends give the numbers that a brute-force count of the events gives."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.analyses import trend_numbers
from query_api.buckets import Interval, buckets_of
from query_api.columns import Columns, QueryLimits
from query_api.models import TrendsAnswer
from query_api.people.cohort_lookup import Cohorts
from query_api.plan import Plan, Source
from query_api.questions.bindings import Bindings
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, Selector
from tests.query_api import oracle
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.stored import Stored, counted, write

ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]
# Their hours are not those of UTC.
HALF_HOUR_ZONES = ("Asia/Kathmandu", "America/St_Johns")
MARCH = datetime(2026, 3, 27, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 23, tzinfo=UTC)
BROWSERS = ["Firefox", "Chrome", "Safari", "Edge", "Opera"]


def generated(seed: int, count: int, starts: list[datetime], days: float = 5) -> list[Stored]:
    """Return events of two projects with all kinds of property values, in log order."""
    chance = random.Random(seed)
    events = []
    for _ in range(count):
        moment = chance.choice(starts) + timedelta(microseconds=chance.randint(0, int(days * 86_400_000_000)))
        properties: dict[str, Any] = {}
        if chance.random() < 0.7:
            properties["plan"] = chance.choice(["free", "pro", "", "team ü", 'it\'s \\ "quoted"', "$other?"])
        if chance.random() < 0.5:
            properties["trial"] = chance.choice([True, False, True, None, 3])
        if chance.random() < 0.3:
            properties["long"] = chance.choice(["x" * 100, "x" * 101, "é" * 100])
        if chance.random() < 0.2:
            properties["$browser"] = chance.choice(["Sent", 7])
        events.append(
            Stored(
                project_id=chance.choice([1, 1, 1, 2]),
                event=chance.choice(["page", "click", "buy"]),
                distinct_id=f"user-{chance.randint(1, 60)}",
                timestamp=moment,
                properties=properties,
                context={"$browser": chance.choice(BROWSERS)} if chance.random() < 0.9 else {},
            )
        )
    return events


EVENTS = generated(1, 2500, [MARCH, OCTOBER])
MINE = [event for event in EVENTS if event.project_id == 1]


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """Both projects' events, some rows twice, over several months' partitions."""
    write(stores.clickhouse_url, EVENTS)


async def ask(api: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    """Ask for trends, and hold the answer against the contract."""
    if "from_" in parameters:
        parameters["from"] = parameters.pop("from_")
    response = await api.get("/analytics/trends", params=parameters)
    assert response.status_code == 200, response.text
    TrendsAnswer.model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    for series in answer["series"]:
        assert len(series["points"]) == len(answer["series"][0]["points"])
    return answer


def within(events: list[Stored], zone: str, first: str, last: str) -> list[Stored]:
    """Return the events of local days ``first`` to ``last``, both included."""
    tz = ZoneInfo(zone)
    return [event for event in events if first <= f"{event.timestamp.astimezone(tz):%Y-%m-%d}" <= last]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("interval", ["minute", "hour", "day"])
@pytest.mark.parametrize(("first", "last"), [("2026-03-28", "2026-03-30"), ("2026-10-24", "2026-10-26")])
async def test_counts_are_exact_in_every_zone_over_a_change_of_clocks(
    api: httpx.AsyncClient, zone: str, interval: str, first: str, last: str
) -> None:
    """Events per bucket are those whose wall clock says so, by the coarsest rollup that can tell."""
    answer = await ask(
        api, event="page", from_=first, to=last, timezone=zone, interval=interval, measure="events"
    )
    pages = [event for event in within(MINE, zone, first, last) if event.event == "page"]
    (series,) = answer["series"]
    assert oracle.points(series, interval) == oracle.trend(pages, zone=zone, interval=interval)
    assert series["total"] == len(pages)
    assert answer["exactness"] == "exact"
    whole_hours = zone in ("UTC", "Europe/Berlin") and interval != "minute"
    assert answer["source"] == ("rollup_hour" if whole_hours else "rollup_minute")
    assert answer["from"] == series["points"][0]["time"]


async def test_empty_buckets_are_zero_and_have_the_zone_s_offset(api: httpx.AsyncClient) -> None:
    """A day without events is there, with 0; the hour that clocks skipped is not."""
    answer = await ask(
        api, from_="2026-05-01", to="2026-05-03", timezone="Europe/Berlin", interval="day", event="page"
    )
    assert answer["series"] == [
        {
            "event": "page",
            "breakdown": None,
            "points": [{"time": f"2026-05-0{day}T00:00:00+02:00", "value": 0} for day in (1, 2, 3)],
            "total": 0,
        }
    ]
    assert (answer["from"], answer["to"]) == ("2026-05-01T00:00:00+02:00", "2026-05-04T00:00:00+02:00")
    spring = await ask(
        api, from_="2026-03-29", to="2026-03-29", timezone="Europe/Berlin", interval="hour", event="page"
    )
    times = [point["time"][11:] for point in spring["series"][0]["points"]]
    assert len(times) == 23
    assert "02:00:00+01:00" not in times


async def test_all_events_are_one_series_and_named_ones_one_each(api: httpx.AsyncClient) -> None:
    """Without a name everything is summed; with names each has its line, in the order asked for."""
    span = {"from_": "2026-03-27", "to": "2026-10-31", "interval": "day"}
    everything = await ask(api, **span)
    assert [series["event"] for series in everything["series"]] == [None]
    assert everything["series"][0]["total"] == len(MINE)
    named = await ask(api, **span, event=["click", "nobody does this", "page", "click"])
    count = counted(MINE)
    assert [(series["event"], series["total"]) for series in named["series"]] == [
        ("click", count["click"]),
        ("nobody does this", 0),
        ("page", count["page"]),
    ]


async def test_names_that_no_event_can_have_count_nothing(api: httpx.AsyncClient) -> None:
    """Neither the empty one nor one that is too long is a mistake."""
    for breakdown in ({}, {"breakdown": "plan"}, {"measure": "users"}):
        answer = await ask(api, event=["", "x" * 300], from_="2026-10-24", to="2026-10-26", **breakdown)
        assert sum(series["total"] for series in answer["series"]) == 0


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("named", [True, False])
async def test_distinct_users_are_a_union_per_bucket(
    api: httpx.AsyncClient, zone: str, *, named: bool
) -> None:
    """Users count once a bucket, and once over the range; sets this small are counted exactly."""
    which = {"event": ["buy"]} if named else {}
    answer = await ask(
        api,
        from_="2026-10-24",
        to="2026-10-26",
        timezone=zone,
        interval="day",
        measure="users",
        **which,
    )
    events = [
        event for event in within(MINE, zone, "2026-10-24", "2026-10-26") if event.event == "buy" or not named
    ]
    (series,) = answer["series"]
    assert oracle.points(series, "day") == oracle.trend(events, zone=zone, interval="day", measure="users")
    assert series["total"] == len({event.distinct_id for event in events})
    by_sets = answer["source"].startswith("distinct_users_")
    assert answer["exactness"] == ("approximate" if by_sets else "exact")
    assert by_sets == (zone not in HALF_HOUR_ZONES)


@pytest.mark.parametrize("measure", ["events", "users"])
@pytest.mark.parametrize("breakdown", ["$browser", "plan", "trial", "long", "nothing"])
@pytest.mark.parametrize("named", [True, False])
async def test_breakdown_splits_by_the_most_frequent_values(
    api: httpx.AsyncClient, measure: str, breakdown: str, *, named: bool
) -> None:
    """The top values, the others as $other and events without a value as null are each exact."""
    zone = "Asia/Kathmandu"
    answer = await ask(
        api,
        from_="2026-10-24",
        to="2026-10-26",
        timezone=zone,
        interval="day",
        measure=measure,
        breakdown=breakdown,
        breakdown_limit=2,
        **({"event": ["page", "buy"]} if named else {}),
    )
    expected = []
    for name in ["page", "buy"] if named else [None]:
        events = [
            event
            for event in within(MINE, zone, "2026-10-24", "2026-10-26")
            if name is None or event.event == name
        ]
        for label, found in oracle.labelled(events, breakdown, 2, measure=measure):
            days = oracle.trend(found, zone=zone, interval="day", measure=measure)
            expected.append((name, label, days, oracle.MEASURES[measure](found)))
    assert [
        (series["event"], series["breakdown"], oracle.points(series, "day"), series["total"])
        for series in answer["series"]
    ] == expected
    assert answer["exactness"] == "exact"
    assert answer["source"] == ("rollup_minute" if measure == "events" else "events")


@pytest.mark.parametrize("breakdown", [None, "$browser", "plan", "long", "$event"])
@pytest.mark.parametrize("named", [True, False])
async def test_rollup_and_columnar_copy_agree(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, breakdown: str | None, *, named: bool
) -> None:
    """The same question by rollup_hour, rollup_minute and events has the same answer."""
    zone = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 3, 27, tzinfo=zone), datetime(2026, 11, 2, tzinfo=zone)
    shared = trend_numbers.Shared(
        buckets_of(start, end, Interval.DAY, zone),
        breakdown=None if breakdown is None else Breakdown(property=breakdown, limit=2),
    )
    wanted = [trend_numbers.Wanted(Selector(event=name)) for name in (["page", "buy"] if named else [None])]
    scope = Scope(Bindings(project_id=1), linked=False, cohorts=Cohorts({}, linked=False, now=MARCH))
    columns = Columns(stores.clickhouse_url, QueryLimits())
    answers = []
    try:
        for source in (Source.ROLLUP_HOUR, Source.ROLLUP_MINUTE, Source.EVENTS):
            plan = Plan(source)
            monkeypatch.setattr(trend_numbers, "plan_trends", lambda *_, plan=plan, **__: plan)
            numbers = await trend_numbers.read_numbers(columns, scope, shared, wanted)
            assert {one.plan for one in numbers} == {plan}
            answers.append([one.lines for one in numbers])
    finally:
        columns.close()
    assert answers[0] == answers[1] == answers[2]
    assert sum(line.total or 0 for lines in answers[0] for line in lines) > 0


async def test_the_other_project_sees_its_own_events_only(api: httpx.AsyncClient) -> None:
    """The same question with another project's key counts that project's events, by every source."""
    theirs = [event for event in EVENTS if event.project_id == 2]
    span = {"from_": "2026-03-27", "to": "2026-10-31", "interval": "day", "timezone": "Europe/Berlin"}
    api.headers["authorization"] = f"Bearer {READ_TWO}"
    for more in ({}, {"breakdown": "plan"}, {"timezone": "Asia/Kathmandu"}):
        answer = await ask(api, **{**span, **more})
        assert sum(series["total"] for series in answer["series"]) == len(theirs)
    users = await ask(api, **span, measure="users")
    assert users["series"][0]["total"] == len({event.distinct_id for event in theirs})
    by_plan = await ask(api, **span, measure="users", breakdown="plan", breakdown_limit=50)
    for series in by_plan["series"]:
        found = {event.distinct_id for event in theirs if event.value("plan") == series["breakdown"]}
        assert series["total"] == len(found)


async def test_relative_times_are_those_of_the_clock_and_the_calendar(api: httpx.AsyncClient) -> None:
    """-24h is that many hours ago; -7d is the same time of day a week ago, over a change of clocks."""
    hours = await ask(api, from_="-24h", interval="hour")
    assert (hours["from"], hours["to"]) == ("2026-10-31T12:00:00+00:00", "2026-11-01T13:00:00+00:00")
    week = await ask(api, from_="-8d", interval="hour", timezone="Europe/Berlin")
    assert week["from"] == "2026-10-24T13:00:00+02:00"
    unescaped = await api.get("/analytics/trends?from=2026-10-24T00:00:00+02:00&interval=day")
    assert unescaped.json()["from"] == "2026-10-23T00:00:00+00:00"


async def test_values_that_the_guard_cut_off_are_counted_from_the_events(
    stores: Stores, api: httpx.AsyncClient
) -> None:
    """Where a rollup has a cell of $other, the answer is read from the events and exact."""
    day = datetime(2025, 6, 1, tzinfo=UTC)
    events = [
        Stored(1, "search", f"user-{n % 9}", day + timedelta(minutes=n % 50), {"word": f"w{n % 7}"})
        for n in range(400)
    ]
    write(stores.clickhouse_url, events, guard=3, seed=5)
    question = {
        "from_": "2025-06-01",
        "to": "2025-06-01",
        "interval": "day",
        "breakdown": "word",
        "event": "search",
    }
    answer = await ask(api, **question, breakdown_limit=4)
    assert (answer["source"], answer["exactness"]) == ("events", "exact")
    expected = [(label, len(found)) for label, found in oracle.labelled(events, "word", 4)]
    assert [(series["breakdown"], series["total"]) for series in answer["series"]] == expected


async def test_a_breakdown_too_costly_to_be_exact_is_approximate_and_says_so(
    stores: Stores, open_api: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If counting the events takes too much, the rollup's answer stands, with the rare values summed."""
    day = datetime(2025, 8, 1, tzinfo=UTC)
    events = [Stored(1, "rare", "u", day, {"word": f"w{number}"}) for number in range(10)]
    write(stores.clickhouse_url, events, guard=3, seed=7)
    endless = "SELECT '', 'total', '', 0, count() FROM numbers(1000000000000) WHERE NOT ignore(number)"
    monkeypatch.setattr(trend_numbers, "numbers_from_events", lambda *_, **__: endless)
    async with open_api(stores, limits=QueryLimits(seconds=1)) as api:
        answer = await ask(
            api, event="rare", from_="2025-08-01", to="2025-08-01", interval="day", breakdown="word"
        )
    assert (answer["source"], answer["exactness"]) == ("rollup_hour", "approximate")
    totals = [(series["breakdown"], series["total"]) for series in answer["series"]]
    assert totals == [("w0", 1), ("w1", 1), ("w2", 1), ("$other", 7)]


async def test_a_value_that_is_really_called_other_is_summed_with_the_others(
    stores: Stores, api: httpx.AsyncClient
) -> None:
    """`$other` as somebody's own value never looks like one of the most frequent."""
    day = datetime(2025, 7, 1, tzinfo=UTC)
    values = ["$other"] * 5 + ["a"] * 3 + ["b"] * 2 + ["c"]
    events = [
        Stored(1, "odd", "u", day + timedelta(seconds=at), {"v": value}) for at, value in enumerate(values)
    ]
    write(stores.clickhouse_url, events, seed=6)
    answer = await ask(
        api,
        from_="2025-07-01",
        to="2025-07-01",
        interval="hour",
        breakdown="v",
        breakdown_limit=2,
        event="odd",
    )
    totals = [(series["breakdown"], series["total"]) for series in answer["series"]]
    assert totals == [("a", 3), ("b", 2), ("$other", 6)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), zone=st.sampled_from(ZONES), guard=st.sampled_from([None, 2]))
async def test_any_set_of_events_is_counted_right(
    stores: Stores, open_api: Opening, seed: int, zone: str, guard: int | None
) -> None:
    """For random events, in a project of their own, the breakdown by hour is the brute-force one."""
    _projects.append(len(_projects) + 1000)
    events = [
        Stored(
            _projects[-1], event.event, event.distinct_id, event.timestamp, event.properties, event.context
        )
        for event in generated(seed, 60, [OCTOBER + timedelta(days=1)], days=1.5)
    ]
    write(stores.clickhouse_url, events, seed=seed, guard=guard)
    async with open_api(stores, project_id=_projects[-1]) as api:
        answer = await ask(
            api,
            from_="2026-10-23",
            to="2026-10-26",
            timezone=zone,
            interval="hour",
            breakdown="$browser",
            breakdown_limit=3,
        )
    expected = [
        (label, oracle.trend(found, zone=zone, interval="hour"))
        for label, found in oracle.labelled(events, "$browser", 3)
    ]
    found = [(series["breakdown"], oracle.points(series, "hour")) for series in answer["series"]]
    assert found == expected


_projects: list[int] = []
