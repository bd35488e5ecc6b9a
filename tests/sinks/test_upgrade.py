"""Stores that hold data come to a newer schema without losing any of it."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from projects.keys import KeyKind, new_key
from projects.registry import list_keys
from schemas.rollup import CellGroup, Interval, RollupRows
from sinks.clickhouse import migrate as clickhouse_migrate
from sinks.clickhouse.connect import connect
from sinks.clickhouse.writer import ClickHouseWriter
from sinks.migrate import migrate_stores
from sinks.migrations import Migration, read_migrations
from sinks.postgres import migrate as postgres_migrate
from sinks.postgres.writer import PostgresWriter
from tests.fixtures_clickhouse import ClickHouseServer
from tests.sinks.batches import LOG_ID, message, rejection, stored_batch


@pytest.fixture
def clickhouse_url(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """The URL of a fresh database."""
    with clickhouse_server.database() as database:
        yield f"{clickhouse_server.url}/{database}"


def only_the_first(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Pretend to be the version that had one migration; returns what ends the pretence."""

    def first(package: str) -> list[Migration]:
        return read_migrations(package)[:1]

    monkeypatch.setattr(postgres_migrate, "read_migrations", first)
    monkeypatch.setattr(clickhouse_migrate, "read_migrations", first)
    return monkeypatch.undo


def test_stores_with_data_come_to_the_newest_schema(
    monkeypatch: pytest.MonkeyPatch, postgres_database: str, clickhouse_url: str
) -> None:
    """Projects, keys, raw and rejected events, positions, rollups and columns are all there afterwards."""
    become_new = only_the_first(monkeypatch)
    assert migrate_stores(postgres_database, clickhouse_url).postgres == ["0001_start"]
    key = new_key(KeyKind.WRITE)
    with psycopg.connect(postgres_database) as connection:
        connection.execute("INSERT INTO projects (name) VALUES ('shop')")
        connection.execute(
            "INSERT INTO keys (project_id, kind, name, digest, hint) VALUES (1, 'write', 'app', %s, %s)",
            [key.digest, key.hint],
        )
    hour = CellGroup(1, Interval.HOUR, 1_767_225_600, "view", "")
    batch = stored_batch(
        message(0, [1, 2, 3], rejected=[rejection(0)]), rollups=[RollupRows(hour, 0, 0, 0, {"": 3})]
    )
    postgres = PostgresWriter(postgres_database, LOG_ID, 0)
    postgres.write([batch])
    postgres.close()
    clickhouse = ClickHouseWriter(clickhouse_url, LOG_ID)
    clickhouse.write([batch])
    clickhouse.close()

    become_new()
    applied = migrate_stores(postgres_database, clickhouse_url)
    assert applied.postgres == [migration.name for migration in read_migrations("sinks.postgres")[1:]]
    assert applied.clickhouse == [migration.name for migration in read_migrations("sinks.clickhouse")[1:]]

    with psycopg.connect(postgres_database) as connection:
        assert [(record.project, record.hint) for record in list_keys(connection)] == [("shop", key.hint)]
        count = connection.execute("SELECT count(*), count(DISTINCT event_id) FROM events").fetchone()
        assert count == (3, 3)
        kept = connection.execute("SELECT reason, rejected_id, replayed_at FROM rejected_events").fetchall()
        assert kept == [("invalid_field", 1, None)]
    with connect(clickhouse_url) as client:
        assert client.query("SELECT sum(total) FROM rollup_hour FINAL").result_rows == [(3,)]
        assert client.query("SELECT count() FROM events FINAL").result_rows == [(3,)]

    # The position is known, so the same batch changes nothing, and the next one is stored.
    postgres = PostgresWriter(postgres_database, LOG_ID, 0)
    assert postgres.position() == 1
    assert postgres.write([batch]).events == 0
    assert postgres.write([stored_batch(message(1, [4]))]).events == 1
    postgres.close()
