"""Filters on what is known of an event's groups keep the events that a reading in plain Python keeps."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.filter_oracle import holds
from tests.query_api.grouped import EVENTS, MINE, RANGE, THEIRS, TYPES, VALUES, known_of
from tests.query_api.stored import write

scalars = st.sampled_from(
    [*(value for value in VALUES if isinstance(value, str | int | float)), "acme", "5", 5]
)


def asked(operators: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on groups."""
    return st.fixed_dictionaries(
        {
            "property": st.sampled_from(["plan", "size", "$group_key", "nothing"]),
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
