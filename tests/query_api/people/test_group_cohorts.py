"""Who did something for groups is who the events say, by what is known of the groups now."""

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.query_api.conftest import READ_TWO, Stores
from tests.query_api.filter_oracle import Known, holds
from tests.query_api.grouped import EVENTS, MINE, THEIRS, known_of
from tests.query_api.stored import Stored, write

pytestmark = pytest.mark.shards_too

LARGE = {"property": "size", "of": "group:company", "operator": "is_set"}
PRO = {"property": "plan", "of": "group:it's a team", "operator": "!=", "value": "pro"}
ACME = {"property": "$group_key", "of": "group:company", "operator": "=", "value": ["acme", "5"]}
FILTERS: list[dict[str, Any]] = [
    {"filters": [ACME]},
    {"filters": [LARGE, ACME]},
    {"match": "any", "filters": [LARGE, PRO]},
    {"filters": [{**ACME, "operator": "is_not_set", "value": None}]},
]


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """All events, half of them twice."""
    write(stores.clickhouse_url, EVENTS, rollups=False)


def rule(group: dict[str, Any], operator: str, count: int, event: str | None = None) -> dict[str, Any]:
    """Did such events for such groups."""
    selector = {"event": event, "filter": group}
    return {"kind": "behaviour", "selector": selector, "times": {"operator": operator, "count": count}, "within": "52w"}  # fmt: skip


async def people(api: httpx.AsyncClient, definition: dict[str, Any], key: str | None = None) -> int:
    """Ask how many there are."""
    headers = {"authorization": f"Bearer {key}"} if key is not None else {}
    answer = await api.post("/analytics/cohorts/preview", json={"definition": definition}, headers=headers)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["people"])


def times(events: list[Stored], known: Known, group: dict[str, Any], event: str | None) -> Counter[str]:
    """Count what each did, those who did nothing of it among them."""
    found = Counter(dict.fromkeys({one.distinct_id for one in events}, 0))
    found.update(one.distinct_id for one in events if event in (None, one.event) and holds(group, one, known))
    return found


@pytest.mark.parametrize("group", FILTERS)
@pytest.mark.parametrize("event", [None, "buy"])
async def test_who_did_something_for_such_groups(
    api: httpx.AsyncClient, group: dict[str, Any], event: str | None
) -> None:
    """At all, so often, or not at all; in each project by its own groups."""
    for key, events in ((None, MINE), (READ_TWO, THEIRS)):
        found = times(events, known_of(events), group, event)
        some = [who for who, n in found.items() if n]
        often = sorted(found.values())[len(found) // 2]
        assert await people(api, {"rules": [rule(group, ">=", 1, event)]}, key) == len(some)
        assert await people(api, {"rules": [rule(group, ">=", often, event)]}, key) == sum(
            n >= often for n in found.values()
        )
        without = {"kind": "not", "rule": rule(group, ">=", 1, event)}
        assert await people(api, {"rules": [without]}, key) == len(found) - len(some)


async def test_people_have_no_properties_of_groups(api: httpx.AsyncClient) -> None:
    """Somebody may act for several, so that such a rule would be about nobody; the error says what to ask instead."""
    definition = {"rules": [{"kind": "property", "filter": {"filters": [ACME]}}]}
    answer = await api.post("/analytics/cohorts/preview", json={"definition": definition})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["field"] == "definition.rules.0.filter"
    assert "behaviour" in error["message"]
