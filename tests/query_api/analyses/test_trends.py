"""POST trends and breakdown give the numbers that a brute-force count of the events gives."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.query_api.analyses.trend_history import (
    EVENTS,
    KNOWN,
    MINE,
    ask,
    check_series,
    close,
    within,
    write_history,
)
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.filter_oracle import Known, sessions_of
from tests.query_api.numbers_oracle import bucket_start, chosen, measured, split
from tests.query_api.stored import Stored, write

ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu"]
MEASURES = ["sum", "average", "minimum", "maximum", "median", "p90", "p95", "p99"]
FILTERS: list[dict[str, Any] | None] = [
    None,
    {"filters": [{"property": "plan", "operator": "=", "value": "pro"}]},
    {"filters": [{"property": "plan", "operator": "=", "value": ["free", True, ""]}]},
    {"filters": [{"property": "plan", "operator": "!=", "value": "pro"}]},
    {"match": "any", "filters": [{"property": "amount", "operator": ">", "value": 1}, {"property": "$browser", "operator": "is_not_set"}]},
    {"filters": [{"property": "events", "of": "session", "operator": ">=", "value": 30}]},
]  # fmt: skip
series_asked = st.one_of(
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["page", "buy", None]),
            "measure": st.sampled_from(["events", "users", "events_per_user"]),
            "filter": st.sampled_from(FILTERS),
        }
    ),
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["page", None]),
            "measure": st.sampled_from(MEASURES),
            "property": st.just("amount"),
            "filter": st.sampled_from(FILTERS),
        }
    ),
)
breakdowns = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"property": st.sampled_from(["plan", "$browser", "nothing"]), "limit": st.integers(1, 4)}
    ),
    st.fixed_dictionaries(
        {"property": st.sampled_from(["$event", "$distinct_id"]), "limit": st.integers(1, 4)}
    ),
    st.just({"property": "entry", "of": "session", "limit": 2}),
)
questions = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(ZONES),
        "interval": st.sampled_from(["hour", "day", "week", "month"]),
        "series": st.lists(series_asked, min_size=1, max_size=2),
        "breakdown": breakdowns,
        "filter": st.sampled_from(FILTERS),
    }
)
_often = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """Both projects' events."""
    write_history(stores)


@given(question=questions)
@_often
async def test_any_question_has_the_answer_of_a_count_by_hand(
    stores: Stores, open_api: Opening, question: dict[str, Any]
) -> None:
    """Whatever the measure, filter, breakdown, zone and interval, and from whichever table: with people merged."""
    async with open_api(stores) as api:
        answer = await ask(api, "trends", **question)
    assert answer["exactness"] == "exact"
    check_series(question, answer)


@given(question=questions)
@_often
async def test_a_project_without_merged_people_has_the_same_answers(
    stores: Stores, open_api: Opening, question: dict[str, Any]
) -> None:
    """The other project sees its own events; sets of ids are exact while they are as small as here."""
    theirs = [event for event in EVENTS if event.project_id == 2]
    async with open_api(stores) as api:
        api.headers["authorization"] = f"Bearer {READ_TWO}"
        answer = await ask(api, "trends", **question)
    check_series(question, answer, Known(sessions=sessions_of(theirs)), theirs)


@pytest.mark.parametrize("measure", ["events", "users", "sum"])
@pytest.mark.parametrize("breakdown", [None, {"property": "$browser", "limit": 2}])
async def test_cumulative_lines_end_at_their_total(
    api: httpx.AsyncClient, measure: str, breakdown: dict[str, Any] | None
) -> None:
    """Each bucket counts all before it; who comes back is counted once."""
    series = {"event": "page", "measure": measure} | ({"property": "amount"} if measure == "sum" else {})
    question = {"series": [series], "cumulative": True, "breakdown": breakdown, "interval": "day"}
    answer = await ask(api, "trends", **question)
    check_series(question, answer)
    for one in answer["series"]:
        assert close(one["points"][-1]["value"], one["total"])


@pytest.mark.parametrize(
    "breakdown", [None, {"property": "$browser", "limit": 2}, {"property": "plan", "limit": 1}]
)
async def test_a_formula_is_calculated_in_each_bucket_and_for_each_value(
    api: httpx.AsyncClient, breakdown: dict[str, Any] | None
) -> None:
    """Of numbers that were counted for the same values; null where there is nothing to divide by."""
    series = [
        {"event": "buy", "measure": "users"},
        {"event": "page", "measure": "users"},
        {"event": "nothing"},
    ]
    question = {"series": series, "formula": "A / B * 100 + C", "breakdown": breakdown, "interval": "day"}
    answer = await ask(api, "trends", **question)
    events = within(MINE, answer)
    buys, pages = (chosen(one, events) for one in series[:2])
    values: list[str] | None = None
    labels: list[str | None] = [None]
    if breakdown is not None:
        values = [
            label for label in split(series[0], buys, breakdown, known=KNOWN) if label not in {None, "$other"}
        ]
        labels = list(split(series[0], buys, breakdown, known=KNOWN))
    calculated = {one["breakdown"]: one for one in answer["series"] if one["key"] == "formula"}
    for label in labels:
        part = [
            split(series[0], found, breakdown, values, KNOWN).get(label, []) if breakdown else found
            for found in (buys, pages)
        ]
        one = calculated[label]
        for point in one["points"]:
            of_day = [
                [e for e in found if bucket_start(e.timestamp, "day", ZoneInfo("UTC")) == point["time"]]
                for found in part
            ]
            assert close(point["value"], share(*of_day))
        assert close(one["total"], share(*part))
    assert {one["label"] for one in calculated.values()} == {"A / B * 100 + C"}


def share(some: list[Stored], others: list[Stored]) -> float | None:
    """How many people the one has, in per cent of the other's."""
    people = len({KNOWN.person_of(event) for event in others})
    return len({KNOWN.person_of(event) for event in some}) / people * 100 if people else None


@given(
    series=series_asked,
    breakdown=breakdowns.filter(lambda one: one is not None),
    also=st.sampled_from(FILTERS),
    zone=st.sampled_from(ZONES),
)
@_often
async def test_a_breakdown_is_one_number_for_each_value(
    stores: Stores, open_api: Opening, series: dict[str, Any], breakdown: dict[str, Any], also: Any, zone: str
) -> None:
    """With shares of the whole where the parts make one up."""
    question = {
        "selector": {"event": series["event"], "filter": series["filter"]},
        "measure": series["measure"],
        "property": series.get("property"),
        "breakdown": breakdown,
        "filter": also,
        "timezone": zone,
    }
    async with open_api(stores) as api:
        answer = await ask(api, "breakdown", **question)
    found = chosen(series, within(MINE, answer), also, KNOWN)
    total = measured(series, found, KNOWN)
    assert close(answer["total"], total)
    parts = {
        label: measured(series, part, KNOWN)
        for label, part in split(series, found, breakdown, known=KNOWN).items()
    }
    assert {row["value"] for row in answer["rows"]} == set(parts)
    for row in answer["rows"]:
        assert close(row["count"], parts[row["value"]])
        is_share = series["measure"] in {"events", "users", "sum"} and total
        assert close(row["share"], row["count"] / total if is_share else None)


def points(answer: dict[str, Any]) -> list[Any]:
    """Return the numbers of an answer."""
    return [(one["key"], one["breakdown"], one["points"], one["total"]) for one in answer["series"]]


async def test_one_value_is_read_from_a_rollup_unless_its_guard_cut_values_off(
    stores: Stores, api: httpx.AsyncClient
) -> None:
    """Then the events are counted, which gives the same numbers as without a guard."""
    day = datetime(2025, 6, 1, tzinfo=UTC)
    words = [
        Stored(1, "search", "u", day + timedelta(minutes=n % 50), {"word": f"w{n % 7}"}) for n in range(300)
    ]
    write(stores.clickhouse_url, words, guard=3, seed=5)
    question = {
        "series": [{"event": "search"}],
        "range": {"from": "2025-06-01", "to": "2025-06-01"},
        "interval": "hour",
    }
    for value, count in (("w0", 43), ("w6", 42), ("w9", 0)):
        only = {"filters": [{"property": "word", "operator": "=", "value": value}]}
        answer = await ask(api, "trends", **question, filter=only)
        assert (answer["source"], answer["exactness"]) == ("events", "exact")
        assert answer["series"][0]["total"] == count
    plain = {"filters": [{"property": "$browser", "operator": "=", "value": "Firefox"}]}
    answer = await ask(api, "trends", series=[{"event": "page"}], filter=plain, interval="hour")
    assert answer["source"] == "rollup_hour"
    twice = {"filters": [*plain["filters"], {"property": "$browser", "operator": "is_set"}]}
    counted = await ask(api, "trends", series=[{"event": "page"}], filter=twice, interval="hour")
    assert counted["source"] == "events"
    assert points(counted) == points(answer)


async def test_long_lists_of_values_reach_the_store(api: httpx.AsyncClient) -> None:
    """A question as long as one may be is a question like any other."""
    values = [f"ü{n}" + "x" * 300 for n in range(99)] + ["pro"]
    only = {"filters": [{"property": "plan", "operator": "=", "value": values}]}
    answer = await ask(api, "trends", series=[{"measure": "users"}], filter=only)
    pro = {"filters": [{"property": "plan", "operator": "=", "value": "pro"}]}
    assert points(answer) == points(await ask(api, "trends", series=[{"measure": "users"}], filter=pro))
