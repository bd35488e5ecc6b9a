"""Breakdowns by what is known of an event's groups have the numbers of a count by hand."""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.clickhouse.connect import connect
from tests.query_api.analyses.funnel_oracle import best_attempt
from tests.query_api.analyses.history import Happened
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.filter_oracle import Known
from tests.query_api.grouped import EVENTS, MINE, RANGE, THEIRS, TYPES, known_of
from tests.query_api.numbers_oracle import bucket_start, chosen, line, measured, split
from tests.query_api.stored import Stored, write

UTC_ZONE = ZoneInfo("UTC")
LINKED = {"user-1": "user-2", "user-2": "user-2"}

breakdowns = st.fixed_dictionaries(
    {
        "property": st.sampled_from(["plan", "size", "$group_key", "nothing"]),
        "of": st.sampled_from([f"group:{kind}" for kind in [*TYPES, "nobody"]]),
        "limit": st.integers(1, 4),
    }
)
series_asked = st.one_of(
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["page", None]),
            "measure": st.sampled_from(["events", "users", "events_per_user"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["page", None]),
            "measure": st.sampled_from(["sum", "median"]),
            "property": st.just("amount"),
        }
    ),
)
filters = st.sampled_from(
    [None, {"filters": [{"property": "$group_key", "of": "group:company", "operator": "!=", "value": "5"}]}]
)
_often = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """All events, half of them twice; some ids of project 1 are one person."""
    write(stores.clickhouse_url, EVENTS)
    with connect(stores.clickhouse_url) as client:
        rows = [(1, distinct_id, person, 1) for distinct_id, person in LINKED.items()]
        client.insert("people", rows, column_names=["project_id", "distinct_id", "person_id", "version"])


def project(key: str | None) -> tuple[list[Stored], Known]:
    """Return the events of a key's project, and what it knows."""
    if key is not None:
        return THEIRS, known_of(THEIRS)
    return MINE, Known(person=LINKED, groups=known_of(MINE).groups)


async def ask(api: httpx.AsyncClient, name: str, key: str | None, **question: Any) -> dict[str, Any]:
    """Ask with the key of a project."""
    headers = {"authorization": f"Bearer {key}"} if key is not None else {}
    response = await api.post(f"/analytics/{name}", json={"range": RANGE, **question}, headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@given(series=series_asked, breakdown=breakdowns, asked_filter=filters)
@_often
@pytest.mark.parametrize("key", [None, READ_TWO])
async def test_trends_and_breakdowns_tell_groups_apart(
    stores: Stores,
    open_api: Opening,
    key: str | None,
    series: dict[str, Any],
    breakdown: dict[str, Any],
    asked_filter: Any,
) -> None:
    """Whatever is counted, by the project's own groups; events without a group of the type have no value."""
    events, known = project(key)
    found = chosen(series, events, asked_filter, known)
    parts = split(series, found, breakdown, known=known)
    selector = {"event": series["event"], "filter": asked_filter}
    measure = {name: series[name] for name in ("measure", "property") if name in series}
    async with open_api(stores) as api:
        trends = await ask(
            api, "trends", key, series=[series], breakdown=breakdown, filter=asked_filter, interval="hour"
        )
        rows = await ask(api, "breakdown", key, selector=selector, **measure, breakdown=breakdown)
    assert {one["breakdown"] for one in trends["series"]} == set(parts)
    for one in trends["series"]:
        values, total = line(
            series,
            parts[one["breakdown"]],
            [point["time"] for point in one["points"]],
            lambda event: bucket_start(event.timestamp, "hour", UTC_ZONE),
            known=known,
        )
        assert [point["value"] for point in one["points"]] == pytest.approx(values)
        assert one["total"] == pytest.approx(total)
    wanted = {value: pytest.approx(measured(series, part, known)) for value, part in parts.items()}
    assert {row["value"]: row["count"] for row in rows["rows"]} == wanted


@given(breakdown=breakdowns, order=st.sampled_from(["ordered", "any"]), asked_filter=filters)
@_often
async def test_funnels_tell_people_apart_by_the_group_of_their_first_event(
    stores: Stores, open_api: Opening, breakdown: dict[str, Any], order: str, asked_filter: Any
) -> None:
    """Somebody who acts for several groups counts for that of the event that begins the attempt."""
    events, known = project(None)
    looked_at = chosen({}, events, asked_filter, known)
    firsts, reached = {}, {}
    steps = ("page", "buy")
    for person in {known.person_of(event) for event in looked_at}:
        happened = [
            Happened(event.event, event.distinct_id, event.timestamp, UUID(int=place), event.properties)
            for place, event in enumerate(looked_at)
            if known.person_of(event) == person
        ]
        wants = [lambda event, name=name: event.event == name for name in steps]
        attempt = best_attempt(happened, wants, range(len(steps)), order, timedelta(minutes=3))
        if attempt is not None:
            firsts[person] = next(e for e in looked_at if e.timestamp == attempt.first.timestamp)
            reached[person] = attempt.reached
    parts = split({"measure": "users"}, list(firsts.values()), breakdown, known=known)
    async with open_api(stores) as api:
        answer = await ask(
            api,
            "funnels",
            None,
            steps=[{"event": name} for name in steps],
            order=order,
            window="3m",
            filter=asked_filter,
            breakdown=breakdown,
        )
    got = {one["value"]: [step["count"] for step in one["steps"]] for one in answer["breakdowns"]}
    assert got == {
        value: [sum(reached[known.person_of(event)] > place for event in part) for place in range(len(steps))]
        for value, part in parts.items()
    }


async def test_whose_property_it_is_has_to_be_known(api: httpx.AsyncClient) -> None:
    """The error names the field and shows what there is."""
    breakdown = {"property": "plan", "of": "companies"}
    response = await api.post("/analytics/breakdown", json={"breakdown": breakdown})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["field"] == "breakdown.of"
    assert "group:company" in error["message"]
