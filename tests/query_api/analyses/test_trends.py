"""POST trends and breakdown give the numbers that a brute-force count of the events gives."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.analyses.breakdowns import BreakdownAnswer
from query_api.analyses.trend_models import TrendsResult
from query_api.models import Answer
from sinks.clickhouse.connect import connect
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.filter_oracle import Known, sessions_of
from tests.query_api.numbers_oracle import bucket_start, chosen, line, measured, split
from tests.query_api.stored import Stored, write

START = datetime(2026, 10, 20, tzinfo=UTC)
FIRST, LAST = "2026-10-21", "2026-10-30"
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu"]
MEASURES = ["sum", "average", "minimum", "maximum", "median", "p90", "p95", "p99"]


def generated(count: int = 900) -> list[Stored]:
    """Events of two projects over eleven days, among them the end of summer time."""
    chance = random.Random(11)
    events = []
    for number in range(count):
        user = chance.randint(1, 25)
        properties: dict[str, Any] = {
            "plan": chance.choice(["free", "pro", "", "$other", "x" * 101, True, None, 7])
        }
        if chance.random() < 0.7:
            properties["amount"] = chance.choice([5, 0.25, -3, "12.5", "none", None, 1000, True])
        events.append(
            Stored(
                project_id=1 if number % 5 else 2,
                event=chance.choice(["page", "click", "buy"]),
                distinct_id=f"user-{user}",
                timestamp=START + timedelta(microseconds=chance.randint(0, 11 * 86_400_000_000)),
                properties=properties,
                context={"$browser": chance.choice(["Firefox", "Chrome", "Safari"])} if number % 7 else {},
                session_id=f"s-{user}" if user % 3 else "",
            )
        )
    return events


EVENTS = generated()
MINE = [event for event in EVENTS if event.project_id == 1]
LINKED = {"user-1": "user-2", "user-2": "user-2", "user-3": "user-2"}
KNOWN = Known(person=LINKED, sessions=sessions_of(MINE))


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """Both projects' events; some ids of project 1 are linked."""
    write(stores.clickhouse_url, EVENTS)
    with connect(stores.clickhouse_url) as client:
        rows = [(1, distinct_id, person, 1) for distinct_id, person in LINKED.items()]
        client.insert("people", rows, column_names=["project_id", "distinct_id", "person_id", "version"])


async def ask(api: httpx.AsyncClient, name: str, **question: Any) -> dict[str, Any]:
    """Ask, and hold the answer against its model."""
    question.setdefault("range", {"from": FIRST, "to": LAST})
    response = await api.post(f"/analytics/{name}", json=question)
    assert response.status_code == 200, response.text
    answers: dict[str, type[Answer]] = {"trends": TrendsResult, "breakdown": BreakdownAnswer}
    answers[name].model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    return answer


def close(one: Any, other: Any) -> bool:
    """Whether two numbers are the same but for rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def same(answered: dict[str, Any], values: list[Any], total: Any) -> None:
    """Hold a line of an answer against the oracle."""
    found = [point["value"] for point in answered["points"]]
    assert len(found) == len(values)
    assert all(close(one, other) for one, other in zip(found, values, strict=True)), (found, values)
    assert close(answered["total"], total)


def within(events: list[Stored], answer: dict[str, Any]) -> list[Stored]:
    """Return the events that an answer is about."""
    first, last = datetime.fromisoformat(answer["from"]), datetime.fromisoformat(answer["to"])
    return [event for event in events if first <= event.timestamp < last]


def check_series(
    question: dict[str, Any], answer: dict[str, Any], known: Known = KNOWN, events: list[Stored] = MINE
) -> None:
    """Hold every line against the oracle."""
    zone, interval = ZoneInfo(question.get("timezone", "UTC")), question.get("interval", "day")
    looked_at = within(events, answer)
    lines = iter(line for line in answer["series"] if line["key"] != "formula")
    for key, series in zip("ABCDEFGHIJ", question["series"], strict=False):
        found = chosen(series, looked_at, question.get("filter"), known)
        breakdown = question.get("breakdown")
        parts = split(series, found, breakdown, known=known) if breakdown else {None: found}
        answered = [next(lines) for _ in parts]
        assert {one["breakdown"] for one in answered} == set(parts)
        for one in answered:
            times = [point["time"] for point in one["points"]]
            values, total = line(
                series,
                parts[one["breakdown"]],
                times,
                lambda event: bucket_start(event.timestamp, interval, zone),
                cumulative=question.get("cumulative", False),
                known=known,
            )
            assert (one["key"], one["event"]) == (key, series.get("event"))
            same(one, values, total)
    assert next(lines, None) is None


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


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("breakdown", [None, {"property": "$browser", "limit": 1}])
async def test_the_period_before_has_as_many_points(
    api: httpx.AsyncClient, interval: str, breakdown: dict[str, Any] | None
) -> None:
    """It ends where this one begins, and tells the same values apart."""
    span = {"from": "2026-10-26", "to": "2026-10-27"}
    series = {"event": "page", "measure": "average", "property": "amount"}
    question = {
        "series": [series],
        "interval": interval,
        "range": span,
        "breakdown": breakdown,
        "compare": "previous",
    }
    answer = await ask(api, "trends", timezone="Europe/Berlin", **question)
    start = datetime.fromisoformat(answer["from"])
    zone = ZoneInfo("Europe/Berlin")
    values = [one["breakdown"] for one in answer["series"] if one["breakdown"] not in {None, "$other"}]
    for one in answer["series"]:
        before = one["previous"]["points"]
        assert len(before) == len(one["points"])
        # This week is not over yet; another test is about that.
        until = min(start, datetime.fromisoformat(one["previous"]["to"]))
        earlier = [e for e in MINE if datetime.fromisoformat(before[0]["time"]) <= e.timestamp < until]
        found = chosen(series, earlier)
        if breakdown is not None:
            found = split(series, found, breakdown, values, KNOWN).get(one["breakdown"], [])
        expected, total = line(
            series,
            found,
            [point["time"] for point in before],
            lambda event: bucket_start(event.timestamp, interval, zone),
        )
        same(one["previous"], expected, total)


@pytest.mark.parametrize(
    ("interval", "first", "last", "cut", "points"),
    [
        # It is 12:34:56 on November 1st.
        ("day", "2026-10-30", "now", "2026-10-29T13:00:00+00:00", 3),
        ("day", "2026-10-30", "2026-11-03", "2026-10-27T13:00:00+00:00", 5),
        ("week", "2026-10-26", "now", "2026-10-25T13:00:00+00:00", 1),
        ("hour", "-2h", "now", "2026-11-01T09:35:00+00:00", 3),
        ("day", "2026-10-30", "2026-10-31", "2026-10-30T00:00:00+00:00", 2),
    ],
)
@pytest.mark.parametrize("measure", ["events", "users"])
async def test_what_is_not_over_is_compared_with_as_much_time(
    api: httpx.AsyncClient, measure: str, interval: str, first: str, last: str, cut: str, points: int
) -> None:
    """The period before ends at the same point, in its last bucket, its total and its formula."""
    series = {"event": "page", "measure": measure}
    span = {"from": first, "to": last}
    question = {"interval": interval, "range": span, "compare": "previous", "formula": "A * 2"}
    answer = await ask(api, "trends", series=[series], **question)
    counted, formula = answer["series"]
    before = counted["previous"]
    start, end = datetime.fromisoformat(before["points"][0]["time"]), datetime.fromisoformat(cut)
    found = [e for e in MINE if e.event == "page" and start <= e.timestamp < end]
    assert (before["to"], len(before["points"])) == (cut, points)
    assert len(counted["points"]) == points
    times = [point["time"] for point in before["points"] if datetime.fromisoformat(point["time"]) < end]
    values, total = line(
        series,
        found,
        times,
        lambda event: bucket_start(event.timestamp, interval, ZoneInfo("UTC")),
        known=KNOWN,
    )
    same(before, values + [None] * (points - len(times)), total)
    assert formula["previous"]["total"] == (total or 0) * 2


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


BAD: list[tuple[dict[str, Any], str]] = [
    ({"interval": "year"}, "interval"),
    ({"interval": "minute"}, "interval"),
    ({"range": {"from": "soon"}}, "range.from"),
    ({"range": {"from": "2026-01-02", "to": "2026-01-01"}}, "range.from"),
    ({"range": {"since": "-7d"}}, "range.since"),
    ({"range": {"from": "1970-01-01"}, "interval": "hour"}, "interval"),
    ({"range": {"from": "1970-01-02", "to": "1970-01-03"}, "compare": "previous"}, "compare"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"series": []}, "series"),
    ({"series": [{}] * 11}, "series"),
    ({"series": [{"event": ""}]}, "series.0.event"),
    ({"series": [{"event": 5}]}, "series.0.event"),
    ({"series": [{"measure": "clicks"}]}, "series.0.measure"),
    ({"series": [{"measure": "sum"}]}, "series.0.property"),
    ({"series": [{"property": "amount"}]}, "series.0.property"),
    ({"series": [{}, {"filter": {"filters": [{"property": "a", "operator": "regex", "value": "(" * 9}]}}]}, "series.1.filter.filters.0.value"),
    ({"series": [{"filter": {"filters": [{"property": "a", "operator": "regex", "value": "a" * 501}]}}]}, "series.0.filter.filters.0.value"),
    ({"series": [{"filter": {"filters": [{"property": "a", "operator": "regex", "value": "(x{1000}){1000}"}]}}]}, "series.0.filter.filters.0.value"),
    ({"formula": "A / B"}, "formula"),
    ({"formula": "A +"}, "formula"),
    ({"formula": "1 + 2"}, "formula"),
    ({"formula": "__import__('os')"}, "formula"),
    ({"breakdown": {"property": ""}}, "breakdown.property"),
    ({"breakdown": {"property": "a", "limit": 101}}, "breakdown.limit"),
    ({"breakdown": {"property": "a", "of": "session"}}, "breakdown.property"),
    ({"compare": "next"}, "compare"),
    ({"cumulative": True, "series": [{"measure": "average", "property": "a"}]}, "cumulative"),
    ({"filter": {"filters": [{"operator": "in_cohort", "value": "x"}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "between", "value": [1]}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "=", "value": None}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "=", "value": list(range(101))}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": ">", "value": True}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "is_set", "value": 1}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"filters": [{"filters": [{"filters": []}]}]}]}}, "filter"),
    ({"project_id": 2}, "project_id"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "field"), BAD)
async def test_bad_questions_name_what_is_wrong(
    api: httpx.AsyncClient, question: dict[str, Any], field: str
) -> None:
    """Every mistake is a 400 with the path of the field and a sentence."""
    response = await api.post("/analytics/trends", json=question)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["code"], error["field"]) == ("invalid_parameter", field)
    assert len(error["message"]) > 15


async def test_thirty_conditions_are_the_most_of_a_question(api: httpx.AsyncClient) -> None:
    """Wherever they stand in it."""
    ten = {"filters": [{"property": "a", "operator": "is_not_set"}] * 10}
    question: dict[str, Any] = {"filter": ten, "series": [{"filter": ten}, {"filter": ten}]}
    assert (await api.post("/analytics/trends", json=question)).status_code == 200
    question["series"].append({"filter": {"filters": ten["filters"][:1]}})
    response = await api.post("/analytics/trends", json=question)
    assert response.status_code == 400
    assert "30 conditions" in response.json()["error"]["message"]


async def test_long_lists_of_values_reach_the_store(api: httpx.AsyncClient) -> None:
    """A question as long as one may be is a question like any other."""
    values = [f"ü{n}" + "x" * 300 for n in range(99)] + ["pro"]
    only = {"filters": [{"property": "plan", "operator": "=", "value": values}]}
    answer = await ask(api, "trends", series=[{"measure": "users"}], filter=only)
    pro = {"filters": [{"property": "plan", "operator": "=", "value": "pro"}]}
    assert points(answer) == points(await ask(api, "trends", series=[{"measure": "users"}], filter=pro))
