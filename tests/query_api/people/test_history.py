"""What is learned late, after an upgrade or from a rebuilt copy counts as if it had always been known."""

import json

import pytest

from query_api.people.relations import person_relation
from schemas.rollup import HourRange
from sinks.clickhouse import migrate as clickhouse_migrate
from sinks.clickhouse.cells import derive_from_columnar
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.migrations import Migration, read_migrations
from tests.fixtures_clickhouse import ClickHouseServer, kept
from tests.query_api.conftest import Opening, Stores
from tests.query_api.people.told import T0, Told, identify, learn_people, store

pytestmark = pytest.mark.shards_too

EVENTS = [
    Told("visit", "anon", {}, 0, 1),
    Told("visit", "ada", {"$set": {"plan": "pro"}}, 86_400, 2),
    Told("visit", "bob", {}, 5, 3),
]
LATE = identify("ada", "anon", seconds=90_000, number=4)


async def test_late_identify_restates_history(stores: Stores, open_api: Opening) -> None:
    """Users of the past become fewer when two of them turn out to be one, in every analysis alike."""
    store(stores.clickhouse_url, EVENTS)
    question = {
        "range": {"from": "2026-10-01", "to": "2026-10-02"},
        "interval": "day",
        "series": [{"event": "visit", "measure": "users", "filter": {"filters": [{"property": "x", "operator": "is_not_set"}]}}],
    }  # fmt: skip
    async with open_api(stores) as client:
        before = (await client.post("/analytics/trends", json=question)).json()["series"][0]
        store(stores.clickhouse_url, [LATE])
        learn_people(stores.clickhouse_url)
        after = (await client.post("/analytics/trends", json=question)).json()["series"][0]
        users = (await client.post("/analytics/users", json={})).json()["users"]
    assert (before["total"], after["total"]) == (3, 2)
    assert [point["value"] for point in after["points"]] == [2, 1]
    assert sorted(user["person_id"] for user in users) == ["ada", "bob"]


def test_events_from_before_the_upgrade_count(
    monkeypatch: pytest.MonkeyPatch, clickhouse_server: ClickHouseServer
) -> None:
    """The migration reads links and properties off the events that are there; doing so twice changes nothing."""

    def before(package: str) -> list[Migration]:
        return read_migrations(package)[:2]

    with clickhouse_server.database() as database:
        url = f"{clickhouse_server.url}/{database}"
        monkeypatch.setattr(clickhouse_migrate, "read_migrations", before)
        migrate_clickhouse(url, clickhouse_server.cluster)
        store(url, [*EVENTS, LATE])
        monkeypatch.undo()
        assert migrate_clickhouse(url, clickhouse_server.cluster)[0] == "0003_people"
        learn_people(url)
        with connect(url) as client:
            # A migration that was killed half way runs again.
            for statement in read_migrations("sinks.clickhouse")[2].statements:
                if statement.startswith("INSERT"):
                    client.command(statement)
        assert known(url) == ({"anon": "ada", "ada": "ada"}, {"ada": {"plan": "pro"}})


def test_facts_are_derived_from_the_events(clickhouse_server: ClickHouseServer) -> None:
    """Where the tables were lost, a rebuild of the columnar copy brings them back."""
    with clickhouse_server.database() as database:
        url = f"{clickhouse_server.url}/{database}"
        migrate_clickhouse(url, clickhouse_server.cluster)
        store(url, [*EVENTS, LATE])
        with connect(url) as client:
            for table in ("identity_links", "person_facts"):
                client.command(f"TRUNCATE TABLE {kept(client, table)}")
            begin = int(T0.timestamp())
            derive_from_columnar(client, HourRange(begin, begin + 48 * 3600), None)
        learn_people(url)
        assert known(url) == ({"anon": "ada", "ada": "ada"}, {"ada": {"plan": "pro"}})


def known(url: str) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
    """Return who is who and what is known in project 1."""
    with connect(url) as client:
        people = client.query(
            "SELECT distinct_id, person_id FROM people FINAL WHERE project_id = 1"
        ).result_rows
        rows = client.query(
            f"SELECT person, properties FROM {person_relation(linked=True)}", parameters={"project_id": 1}
        ).result_rows
    described = {
        str(person): {name: json.loads(value) for name, value in properties.items()}
        for person, properties in rows
    }
    return {str(one): str(person) for one, person in people}, described
