"""Filters keep the events that a reading of them in plain Python keeps."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.columns import Columns, QueryLimits
from query_api.parameters import parse_body
from query_api.questions.bindings import Bindings, SqlPart
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import filter_sql
from query_api.questions.question import Question
from query_api.questions.scope import Scope
from tests.query_api.conftest import Stores
from tests.query_api.filter_oracle import Known, holds, sessions_of
from tests.query_api.stored import Stored, write

pytestmark = pytest.mark.shards_too

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
VALUES: list[Any] = [
    "pro", "Pro", "", "10", "9.5", "1e2", " 7", "-", "true", True, False, None, 0, 5, -3, 9.5, 1e20, 10,
    [1, "a"], {"k": 1}, "it's \\ \"quoted\"", "Élan", "two\nlines", "ü😀", "{f0:String}", "' OR 1=1 --",
]  # fmt: skip
NAMES = [
    "plan",
    "amount",
    "$browser",
    "a.b",
    "it's",
    "$event",
    "$distinct_id",
    "$session_id",
    "$source",
    "nowhere",
]


def generated() -> list[Stored]:
    """Events with every value in every place."""
    events = []
    for number, value in enumerate(VALUES * 3):
        properties = {"plan": value} if number % 3 else {}
        properties |= {"amount": number / 4, "it's": "x"} if number % 2 else {"a.b": VALUES[number % 7]}
        if number % 11 == 0:
            properties["$browser"] = "Sent"
        events.append(
            Stored(
                project_id=1 if number % 13 else 2,
                event=["page", "buy", "it's"][number % 3],
                distinct_id=f"user-{number % 6}",
                timestamp=NOON + timedelta(seconds=number),
                properties=properties,
                context={"$browser": ["Firefox", "Chrome"][number % 2], "plan": "of the context"},
                session_id=["", f"s{number % 6}"][number % 5 > 1],
            )
        )
    return events


EVENTS = generated()
MINE = [event for event in EVENTS if event.project_id == 1]
KNOWN = Known(
    person={"user-1": "user-0"}, sessions=sessions_of(MINE), cohorts={7: {"user-0", "user-2"}, 8: set()}
)


class Cohorts:
    """The cohorts of :data:`KNOWN`."""

    def persons(self, cohort_id: int, bindings: Bindings) -> SqlPart:
        """Return its people."""
        people = bindings.texts(sorted(KNOWN.cohorts[cohort_id]))
        return bindings.part(f"(SELECT arrayJoin({people}) AS person)")


class Found(NamedTuple):
    """One event that was kept."""

    at: int


@pytest.fixture(scope="module")
def columns(stores: Stores) -> Iterator[Columns]:
    """The store, with two of the users linked."""
    write(stores.clickhouse_url, EVENTS, rollups=False)
    from sinks.clickhouse.connect import connect

    with connect(stores.clickhouse_url) as client:
        rows = [(1, name, "user-0", 1) for name in ("user-0", "user-1")]
        client.insert("people", rows, column_names=["project_id", "distinct_id", "person_id", "version"])
    opened = Columns(stores.clickhouse_url, QueryLimits())
    yield opened
    opened.close()


async def kept(columns: Columns, group: dict[str, Any] | None, *, linked: bool = True) -> list[int]:
    """Return the seconds after noon of the events that pass."""
    question = parse_body(Question, json.dumps({"filter": group}).encode(), {})
    scope = Scope(Bindings(project_id=1), linked=linked, cohorts=Cohorts())
    where = filter_sql(question.filter, scope)
    start = int(NOON.timestamp() * 1e6)
    events = events_relation(scope, start, start + 3_600_000_000, once=True, where=where)
    statement = f"SELECT toUnixTimestamp(timestamp) AS at FROM {events} ORDER BY at"
    rows = await columns.rows(statement, scope.bindings.parameters, Found)
    return [row.at - int(NOON.timestamp()) for row in rows]


def expected(group: dict[str, Any] | None) -> list[int]:
    """Return the same by the oracle."""
    return [int((event.timestamp - NOON).total_seconds()) for event in MINE if holds(group, event, KNOWN)]


scalars = st.one_of(
    st.sampled_from([value for value in VALUES if isinstance(value, str | int | float)]),
    st.sampled_from(["user-1", "page", "Firefox", "of the context", "x", "s1"]),
    st.integers(-5, 30),
)
texts = st.one_of(
    st.sampled_from([value for value in VALUES if isinstance(value, str) and value]),
    st.text("abouxé'\\", min_size=1),
)
bounds = st.one_of(st.integers(-5, 30), st.sampled_from(["a", "p", "user-2", "9", "Z", ""]))
patterns = st.sampled_from(["pro", "^P", "[0-9]+$", "(?i)élan", "o.l", "^$", "'", "\\\\", "a|b", "user-[12]"])
pairs = st.one_of(
    st.lists(st.integers(-5, 30), min_size=2, max_size=2), st.lists(texts, min_size=2, max_size=2)
)


def of_event(operators: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on events and sessions."""
    of_events = st.fixed_dictionaries(
        {"property": st.sampled_from(NAMES), "operator": st.sampled_from(operators), "value": values}
    )
    of_sessions = st.fixed_dictionaries(
        {
            "property": st.sampled_from(["duration", "events", "entry", "exit"]),
            "of": st.just("session"),
            "operator": st.sampled_from(operators),
            "value": values,
        }
    )
    return st.one_of(of_events, of_events, of_sessions)


conditions = st.one_of(
    of_event(["=", "!="], st.one_of(scalars, st.lists(scalars, min_size=1, max_size=4))),
    of_event(["contains", "not_contains"], texts),
    of_event(["regex", "not_regex"], patterns),
    of_event([">", ">=", "<", "<="], bounds),
    of_event(["between"], pairs),
    of_event(["is_set", "is_not_set"], st.none()),
    st.fixed_dictionaries(
        {
            "operator": st.sampled_from(["in_cohort", "not_in_cohort"]),
            "value": st.sampled_from([7, 8]),
        }
    ),
)
groups = st.recursive(
    st.fixed_dictionaries(
        {"match": st.sampled_from(["all", "any"]), "filters": st.lists(conditions, max_size=3)}
    ),
    lambda inner: st.fixed_dictionaries(
        {
            "match": st.sampled_from(["all", "any"]),
            "filters": st.lists(st.one_of(conditions, inner), max_size=3),
        }
    ),
    max_leaves=2,
)


def depth(group: dict[str, Any]) -> int:
    """Return how deep groups are within each other."""
    return 1 + max((depth(part) for part in group["filters"] if "filters" in part), default=0)


@given(group=groups.filter(lambda group: depth(group) <= 3))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_filters_mean_what_they_say(columns: Columns, group: dict[str, Any]) -> None:
    """Any filter over values of every kind keeps the oracle's events, each once."""
    assert await kept(columns, group) == expected(group)


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_every_value_equals_itself(columns: Columns, value: Any) -> None:
    """As it was sent; lists and objects are only there or not."""
    comparable = isinstance(value, str | int | float)
    asked = {"operator": "=", "value": value} if comparable else {"operator": "is_set"}
    for negated in (asked, {**asked, "operator": {"=": "!=", "is_set": "is_not_set"}[asked["operator"]]}):
        group = {"filters": [{"property": "plan", **negated}]}
        assert await kept(columns, group) == expected(group)


async def test_people_that_are_not_linked_cost_no_join(columns: Columns) -> None:
    """Without links a cohort is one of distinct ids."""
    group = {"filters": [{"operator": "in_cohort", "value": 7}]}
    of_ids = [event for event in MINE if event.distinct_id in {"user-0", "user-2"}]
    assert await kept(columns, group, linked=False) == [
        int((e.timestamp - NOON).total_seconds()) for e in of_ids
    ]
    assert len(await kept(columns, group)) > len(of_ids)
