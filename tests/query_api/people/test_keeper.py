"""Table ``people`` says what the links say, whenever they came, whoever wrote it, and whatever died meanwhile."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.new_parts import Part
from query_api.people import keeper as keeper_module
from query_api.people.keeper import PeopleKeeper
from sinks.clickhouse.connect import connect
from tests.fixtures_clickhouse import kept
from tests.query_api.conftest import Stores
from tests.query_api.people.told import Told, alias, identify, people_by_force, store

pytestmark = pytest.mark.shards_too

_IDS = st.sampled_from([f"{letter}{n}" for letter in "au" for n in range(6)])
_TOLD = st.builds(
    lambda one, other, kind: Told(
        kind, one, {"$anon_distinct_id" if kind == "$identify" else "alias": other}
    ),
    _IDS,
    _IDS,
    st.sampled_from(["$identify", "$create_alias", "$merge_dangerously", "click"]),
)
_fresh_project = iter(range(100, 100_000))


def people_in(stores: Stores, project_id: int) -> dict[str, str]:
    """Read the table."""
    with connect(stores.clickhouse_url) as client:
        rows = client.query(
            "SELECT distinct_id, person_id FROM people FINAL WHERE project_id = {p:UInt32}",
            parameters={"p": project_id},
        ).result_rows
    return {str(distinct_id): str(person_id) for distinct_id, person_id in rows}


@pytest.fixture
def new_keeper(stores: Stores) -> Iterator[Callable[[], PeopleKeeper]]:
    """Makes keepers, and closes them."""
    made: list[PeopleKeeper] = []

    def make() -> PeopleKeeper:
        made.append(PeopleKeeper(stores.clickhouse_url))
        return made[-1]

    yield make
    for keeper in made:
        keeper.close()


@given(batches=st.lists(st.lists(_TOLD, max_size=6), min_size=1, max_size=5), seed=st.integers(0, 999))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_people_follow_from_the_links(
    stores: Stores, new_keeper: Callable[[], PeopleKeeper], batches: list[list[Told]], seed: int
) -> None:
    """Any interleaving of batches, repeats and keepers that come and go ends with the brute-force answer."""
    project_id, disorder = next(_fresh_project), random.Random(seed)
    keepers = [new_keeper(), new_keeper()]
    told = [
        replace(event, project_id=project_id, number=n * 100 + i)
        for n, batch in enumerate(batches)
        for i, event in enumerate(batch)
    ]
    for batch in batches:
        size = len(batch)
        some, told_rest = told[:size], told[size:]
        store(stores.clickhouse_url, some, disorder.sample(some, size // 2))
        told = told_rest + some
        disorder.choice(keepers).catch_up()
        if disorder.random() < 0.3:
            keepers[0] = new_keeper()
        if disorder.random() < 0.2:
            optimize(stores)
    for keeper in keepers:
        keeper.catch_up()
    assert people_in(stores, project_id) == people_by_force(told)


def optimize(stores: Stores) -> None:
    """Have all parts of links merged."""
    with connect(stores.clickhouse_url) as client:
        client.command(f"OPTIMIZE TABLE {kept(client, 'identity_links')} FINAL")


def test_nothing_new_costs_no_writing(stores: Stores, new_keeper: Callable[[], PeopleKeeper]) -> None:
    """A second look, a merge of parts and a keeper that starts anew find nothing to write."""
    keeper = new_keeper()
    store(
        stores.clickhouse_url, [identify("ada", "x1")], [identify("ada", "x2"), alias("ada", "ada@example")]
    )
    assert keeper.catch_up() > 0
    assert keeper.catch_up() == 0
    optimize(stores)
    assert keeper.catch_up() == 0
    assert new_keeper().catch_up() == 0


def test_stale_writer_does_not_win(stores: Stores, new_keeper: Callable[[], PeopleKeeper]) -> None:
    """Rows that a process writes late, knowing less, stand behind those that were written with more links."""
    store(stores.clickhouse_url, [alias("k1", "k2", project_id=7)])
    new_keeper().catch_up()
    with connect(stores.clickhouse_url) as client:
        stale = client.query("SELECT * FROM people FINAL WHERE project_id = 7").result_rows
        store(stores.clickhouse_url, [alias("a0", "k2", project_id=7)])
        new_keeper().catch_up()
        client.insert("people", stale)
    assert people_in(stores, 7) == dict.fromkeys(("a0", "k1", "k2"), "a0")


def test_half_written_people_are_mended(stores: Stores, new_keeper: Callable[[], PeopleKeeper]) -> None:
    """A process that starts finds ids of which the last one wrote only some."""
    store(stores.clickhouse_url, [alias("m1", "m2", project_id=8), alias("m2", "m3", project_id=8)])
    with connect(stores.clickhouse_url) as client:
        client.insert(
            "people",
            [(8, "m1", "m1", 4), (8, "m2", "m1", 2)],
            column_names=("project_id", "distinct_id", "person_id", "version"),
        )
    assert new_keeper().catch_up() == 3
    assert people_in(stores, 8) == dict.fromkeys(("m1", "m2", "m3"), "m1")


@pytest.mark.parametrize(
    "placeholder",
    [
        "null",
        "undefined",
        "anonymous",
        "",
        "0",
        "guest",
        "None",
        "[object Object]",
        "true",
        "False",
        "NaN",
        " null ",
        '"undefined"',
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_placeholders_link_nobody(
    stores: Stores, new_keeper: Callable[[], PeopleKeeper], placeholder: str
) -> None:
    """What a program sends when it has no id does not make one person of everybody."""
    project_id = next(_fresh_project)
    store(
        stores.clickhouse_url,
        [
            identify("bob", placeholder, project_id=project_id),
            identify(placeholder, "x9", project_id=project_id),
            alias("eve", placeholder, project_id=project_id),
            alias("eve", "eve", project_id=project_id),
        ],
    )
    new_keeper().catch_up()
    assert people_in(stores, project_id) == {}


def test_many_ids_of_one_person(stores: Stores, new_keeper: Callable[[], PeopleKeeper]) -> None:
    """A person of thousands of ids, linked in a chain, is found whole."""
    chain = [alias(f"c{n:05}", f"c{n + 1:05}", project_id=9, number=n) for n in range(30)]
    star = [identify("c00000", f"d{n}", project_id=9, number=n) for n in range(5_000)]
    store(stores.clickhouse_url, chain, star)
    assert new_keeper().catch_up() == 5_031
    assert set(people_in(stores, 9).values()) == {"c00000"}


def test_links_that_are_merged_while_the_keeper_looks_are_not_missed(
    stores: Stores, new_keeper: Callable[[], PeopleKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part may be gone between being listed and being read: what it held is found where it went."""
    project_id = next(_fresh_project)
    keeper = new_keeper()
    keeper.catch_up()
    first = [replace(identify("u1", "a1"), project_id=project_id, number=1)]
    second = [replace(identify("u2", "a2"), project_id=project_id, number=2)]
    store(stores.clickhouse_url, first)
    store(stores.clickhouse_url, second)
    listed = keeper_module._listed
    merged = iter([optimize])

    def list_and_merge(client: Client) -> list[Part]:
        parts = listed(client)
        for merge in merged:
            merge(stores)
        return parts

    monkeypatch.setattr(keeper_module, "_listed", list_and_merge)
    keeper.catch_up()
    keeper.catch_up()
    assert people_in(stores, project_id) == people_by_force(first + second)
