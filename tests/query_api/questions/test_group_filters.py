"""Filters on what is known of an event's groups keep the events that a reading in plain Python keeps."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.filter_oracle import Known, holds
from tests.query_api.stored import Stored, write

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RANGE = {"from": "2026-05-01", "to": "2026-05-02"}
VALUES: list[Any] = ["pro", "free", "12.5", 3, 40.5, True, None, "it's", ["a"], ""]
TYPES = ["company", "it's a team"]
KEYS = ["acme", "acme inc", "ünï", "5"]


def generated(count: int = 400) -> list[Stored]:
    """Events of two projects: some belong to groups, some say something of one, again and again."""
    chance = random.Random(3)
    events = []
    for number in range(count):
        kind, key = chance.choice(TYPES), chance.choice(KEYS)
        properties: dict[str, Any] = {}
        if number % 8 == 0:
            said = {chance.choice(["plan", "size"]): chance.choice(VALUES)}
            properties = {"$group_type": kind, "$group_key": key, "$group_set": said}
        elif number % 3:
            properties = {"$groups": {kind: key}}
        events.append(
            Stored(
                project_id=1 if number % 5 else 2,
                event="page" if "$group_set" not in properties else "$groupidentify",
                distinct_id=f"user-{number % 7}",
                timestamp=NOON + timedelta(seconds=number),
                properties=properties,
            )
        )
    return events


def known_of(events: Iterable[Stored]) -> Known:
    """Return the groups of a project, told one event after the other."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        if event.event == "$groupidentify":
            which = event.properties["$group_type"], event.properties["$group_key"]
            groups.setdefault(which, {}).update(event.properties["$group_set"])
    return Known(groups=groups)


EVENTS = generated()
MINE, THEIRS = ([event for event in EVENTS if event.project_id == project] for project in (1, 2))
scalars = st.sampled_from([value for value in VALUES if isinstance(value, str | int | float)])


def asked(operators: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on groups."""
    return st.fixed_dictionaries(
        {
            "property": st.sampled_from(["plan", "size", "nothing"]),
            "of": st.sampled_from([f"group:{kind}" for kind in [*TYPES, "nobody"]]),
            "operator": st.sampled_from(operators),
            "value": values,
        }
    )


conditions = st.one_of(
    asked(["=", "!="], st.one_of(scalars, st.lists(scalars, min_size=1, max_size=3))),
    asked(["contains", "not_contains"], st.sampled_from(["r", "it'", "PRO"])),
    asked([">", "<="], st.sampled_from([3, 12.5, 100])),
    asked(["is_set", "is_not_set"], st.none()),
)


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """All events, half of them twice."""
    write(stores.clickhouse_url, EVENTS, rollups=False)


@given(conditions=st.lists(conditions, min_size=1, max_size=3), match=st.sampled_from(["all", "any"]))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_filters_on_groups_mean_what_they_say(
    stores: Stores, open_api: Opening, conditions: list[dict[str, Any]], match: str
) -> None:
    """In each project by what is known of its own groups, in trends and in the marks of a funnel."""
    group = {"match": match, "filters": conditions}
    async with open_api(stores) as api:
        for key, events in ((None, MINE), (READ_TWO, THEIRS)):
            if key is not None:
                api.headers["authorization"] = f"Bearer {key}"
            fitting = [event for event in events if holds(group, event, known_of(events))]
            trend = await api.post("/analytics/trends", json={"range": RANGE, "filter": group})
            assert trend.status_code == 200, trend.text
            assert trend.json()["series"][0]["total"] == len(fitting)
            steps = [{"event": "page", "filter": group}, {"event": "nothing"}]
            funnel = await api.post("/analytics/funnels", json={"range": RANGE, "steps": steps})
            pages = {event.distinct_id for event in fitting if event.event == "page"}
            assert funnel.json()["steps"][0]["count"] == len(pages)


@pytest.mark.parametrize("of", ["group:", "groups", "group:" + "x" * 201, 5, None])
async def test_whose_property_it_is_has_to_be_known(api: httpx.AsyncClient, of: Any) -> None:
    """The error names the field and shows what there is."""
    only = {"filters": [{"property": "plan", "of": of, "operator": "is_set"}]}
    response = await api.post("/analytics/trends", json={"filter": only})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["field"] == "filter.filters.0.of"
    assert "group:company" in error["message"]
