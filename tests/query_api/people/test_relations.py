"""What is known of a person follows from what was said about them, by the time of the events."""

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.people.relations import person_relation, person_values
from sinks.clickhouse.connect import connect
from tests.query_api.conftest import Stores
from tests.query_api.people.told import Told, learn_people, properties_by_force, store

pytestmark = pytest.mark.shards_too

_NAMES = st.sampled_from(["plan", "city"])
_VALUES = st.one_of(st.sampled_from(["free", "pro", 'a"\\b', "Zürich"]), st.integers(0, 3), st.booleans())
_OBJECTS = st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=2)
_PROPERTIES = st.fixed_dictionaries(
    {}, optional={"$set": _OBJECTS, "$set_once": _OBJECTS, "$unset": st.lists(_NAMES, max_size=2)}
)
_SAID = st.builds(
    lambda who, properties, seconds, link: Told(
        "$identify" if link else "click",
        who,
        {**properties, **({"$anon_distinct_id": "anon"} if link else {})},
        seconds,
    ),
    st.sampled_from(["ada", "bob", "anon"]),
    _PROPERTIES,
    st.integers(0, 3),
    st.booleans(),
)
_fresh_project = iter(range(200_000, 300_000))


def known(stores: Stores, project_id: int, *, linked: bool = True) -> dict[str, dict[str, Any]]:
    """Read all people's properties."""
    with connect(stores.clickhouse_url) as client:
        rows = client.query(
            f"SELECT person, properties FROM {person_relation(linked=linked)}",
            parameters={"project_id": project_id},
        ).result_rows
    return {person: {name: json.loads(value) for name, value in found.items()} for person, found in rows}


@given(events=st.lists(_SAID, max_size=8), seed=st.integers(0, 999))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_properties_are_those_of_telling_it_in_order(stores: Stores, events: list[Told], seed: int) -> None:
    """In any order and any batches, with repeats, at equal times, over ids of one person."""
    project_id, disorder = next(_fresh_project), random.Random(seed)
    told = [
        Told(event.event, event.distinct_id, event.properties, event.seconds, n + seed * 100, project_id)
        for n, event in enumerate(events)
    ]
    shuffled = told + disorder.sample(told, len(told) // 2)
    disorder.shuffle(shuffled)
    cut = disorder.randint(0, len(shuffled))
    store(stores.clickhouse_url, shuffled[:cut], shuffled[cut:])
    learn_people(stores.clickhouse_url)
    assert known(stores, project_id) == properties_by_force(told)


def test_single_properties_are_read_alone(stores: Stores) -> None:
    """A statement that needs one property asks for that one; other projects' facts are not seen."""
    store(
        stores.clickhouse_url,
        [
            Told("click", "ada", {"$set": {"plan": "pro", "city": "Bonn"}}, project_id=11),
            Told("click", "ada", {"$set": {"plan": "free"}}, project_id=12, number=1),
        ],
    )
    with connect(stores.clickhouse_url) as client:
        rows = client.query(
            f"SELECT * FROM {person_values(linked=False, only='{names:Array(String)}')}",
            parameters={"project_id": 11, "names": ["plan"]},
        ).result_rows
    assert rows == [("ada", "plan", '"pro"')]


def test_what_is_no_object_says_nothing(stores: Stores) -> None:
    """A $set that is a text, and a $unset that is no list of texts, change nothing; a name spelt with an escape does."""
    store(
        stores.clickhouse_url,
        [
            Told("click", "ada", {"$set": "plan", "$set_once": [1], "$unset": {"a": 1}}, project_id=13),
            Told("click", "ada", {"$unset": [1, None, ["x"]], "settings": {"$set": {"a": 1}}}, 1, 1, 13),
        ],
    )
    assert known(stores, 13) == {}


def test_groups_have_properties_of_their_own(stores: Stores) -> None:
    """What $groupidentify says is kept by the group's type and key, and is nobody's personal property."""
    said = {"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 5}, "$set": {"x": 1}}
    store(stores.clickhouse_url, [Told("$groupidentify", "ada", said, project_id=14)])
    assert known(stores, 14) == {}
    with connect(stores.clickhouse_url) as client:
        rows = client.query("SELECT of, holder, property, last_set.3 FROM person_facts WHERE project_id = 14")
    assert rows.result_rows == [("group:company", "acme", "size", "5")]
