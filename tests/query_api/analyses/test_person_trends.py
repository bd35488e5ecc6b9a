"""Trends by what is known of people give the numbers of a count by hand, with people told one event after the other."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.analyses.trend_models import TrendsResult
from sinks.clickhouse.connect import connect
from tests.query_api.conftest import Opening, Stores
from tests.query_api.filter_oracle import Known
from tests.query_api.numbers_oracle import bucket_start, chosen, line, split
from tests.query_api.stored import Stored, write

START = datetime(2026, 10, 20, tzinfo=UTC)
RANGE = {"from": "2026-10-20", "to": "2026-10-24"}
LINKED = {"user-1": "user-2", "user-2": "user-2", "user-3": "user-2"}
UTC_ZONE = ZoneInfo("UTC")


def generated(count: int = 500) -> list[Stored]:
    """Events of which some say something about the person: set, set once, or forgotten."""
    chance = random.Random(23)
    events = []
    for number in range(count):
        properties: dict[str, Any] = {"amount": chance.choice([5, 0.25, "12.5", None])}
        if chance.random() < 0.3:
            said = {chance.choice(["plan", "size"]): chance.choice(["free", "pro", 3, True, "$other", ""])}
            properties[chance.choice(["$set", "$set", "$set_once"])] = said
        elif chance.random() < 0.1:
            properties["$unset"] = [chance.choice(["plan", "size"])]
        events.append(
            Stored(
                project_id=1 if number % 6 else 2,
                event=chance.choice(["page", "buy"]),
                distinct_id=f"user-{chance.randint(1, 15)}",
                timestamp=START + timedelta(seconds=number * 863),
                properties=properties,
            )
        )
    return events


def persons_of(events: list[Stored]) -> dict[str, dict[str, Any]]:
    """Return what is known of each person after all of these."""
    fixed: dict[str, dict[str, Any]] = {}
    first: dict[str, dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: event.timestamp):
        person = LINKED.get(event.distinct_id, event.distinct_id)
        own, once = fixed.setdefault(person, {}), first.setdefault(person, {})
        own.update(event.properties.get("$set", {}))
        for name, value in event.properties.get("$set_once", {}).items():
            once.setdefault(name, value)
        for name in event.properties.get("$unset", []):
            own.pop(name, None)
            once.pop(name, None)
    return {person: first[person] | fixed[person] for person in fixed}


EVENTS = generated()
MINE = [event for event in EVENTS if event.project_id == 1]
KNOWN = Known(person=LINKED, persons=persons_of(MINE))


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """All events, and who is who."""
    write(stores.clickhouse_url, EVENTS)
    with connect(stores.clickhouse_url) as client:
        rows = [(1, distinct_id, person, 1) for distinct_id, person in LINKED.items()]
        client.insert("people", rows, column_names=["project_id", "distinct_id", "person_id", "version"])


def of_people(operators: list[str], values: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on people."""
    return st.fixed_dictionaries(
        {
            "property": st.sampled_from(["plan", "size", "nothing"]),
            "of": st.just("person"),
            "operator": st.sampled_from(operators),
            "value": st.sampled_from(values),
        }
    )


conditions = st.one_of(
    of_people(["=", "!="], ["pro", 3, True, ["free", 3], ""]),
    of_people(["contains", "not_contains"], ["r", "E"]),
    of_people([">", "<="], [2, 3]),
    of_people(["is_set", "is_not_set"], [None]),
)


@given(
    filters=st.lists(conditions, max_size=2),
    breakdown=st.sampled_from(
        [
            None,
            *(
                {"property": name, "of": "person", "limit": limit}
                for name in ("plan", "nothing")
                for limit in (1, 3)
            ),
        ]
    ),
    measure=st.sampled_from(["events", "users", "events_per_user", "sum"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_trends_by_people_are_those_of_a_count_by_hand(
    stores: Stores, open_api: Opening, filters: list[dict[str, Any]], breakdown: Any, measure: str
) -> None:
    """Whichever events told of them, and under whichever of their ids, events of all times are of the person as known now."""
    series = {"event": "page", "measure": measure} | ({"property": "amount"} if measure == "sum" else {})
    group = {"filters": filters}
    question = {"range": RANGE, "series": [series], "breakdown": breakdown, "filter": group}
    async with open_api(stores) as api:
        answer = await answered(api, question)
    last = datetime.fromisoformat(answer["to"])
    found = chosen(series, [event for event in MINE if START <= event.timestamp < last], group, KNOWN)
    parts = split(series, found, breakdown, known=KNOWN) if breakdown else {None: found}
    assert {one["breakdown"] for one in answer["series"]} == set(parts)
    for one in answer["series"]:
        times = [point["time"] for point in one["points"]]
        values, total = line(
            series,
            parts[one["breakdown"]],
            times,
            lambda event: bucket_start(event.timestamp, "day", UTC_ZONE),
            known=KNOWN,
        )
        assert [point["value"] for point in one["points"]] == pytest.approx(values)
        assert one["total"] == pytest.approx(total)


async def answered(api: httpx.AsyncClient, question: dict[str, Any]) -> dict[str, Any]:
    """Ask, and hold the answer against its model."""
    response = await api.post("/analytics/trends", json=question)
    assert response.status_code == 200, response.text
    TrendsResult.model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    return answer
