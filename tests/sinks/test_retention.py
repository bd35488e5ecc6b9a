"""What is older than its project keeps it goes from both stores, and nothing else does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from projects.registry import create_project, set_retention
from sinks.clickhouse.connect import connect
from sinks.migrate import migrate_stores
from sinks.retention import prune
from sinks.verify import Stores
from tests.fixtures_clickhouse import ClickHouseServer

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
TABLES = (
    "events",
    "rollup_minute",
    "rollup_hour",
    "distinct_users_hour",
    "distinct_users_day",
    "sessions",
)


@pytest.fixture
def stores(postgres_database: str, clickhouse_server: ClickHouseServer) -> Iterator[Stores]:
    """Two projects with an event on each of the last forty days, and on one long past."""
    with clickhouse_server.database() as database:
        url = f"{clickhouse_server.url}/{database}"
        migrate_stores(postgres_database, url, clickhouse_server.cluster)
        with (
            psycopg.connect(postgres_database, autocommit=True) as postgres,
            connect(url, timeout_seconds=60) as clickhouse,
        ):
            filled = Stores(postgres, clickhouse)
            for name in ("short", "long"):
                project_id = create_project(postgres, name).project_id
                for day in (*range(40), 900):
                    _put(filled, project_id, NOW - timedelta(days=day))
            yield filled


def _put(stores: Stores, project_id: int, at: datetime) -> None:
    values = (project_id, uuid4(), "seen", "u", at, at, "s" + str(at.date()), "{}", "{}", "x", 1, 0, 1)
    columns = (
        "project_id, event_id, event, distinct_id, timestamp, received_at, session_id, properties, context, "
        "source, log_id, log_partition, log_offset"
    )
    day = f"{at:%Y%m%d}"
    stores.postgres.execute(
        f"CREATE TABLE IF NOT EXISTS events_{day} PARTITION OF events "
        f"FOR VALUES FROM ('{at:%Y-%m-%d} 00:00+00') TO ('{at + timedelta(days=1):%Y-%m-%d} 00:00+00')"
    )
    stores.postgres.execute(
        f"INSERT INTO events ({columns}) VALUES ({', '.join(['%s'] * len(values))})", values
    )
    stores.clickhouse.insert("events", [values], column_names=columns.split(", "))
    for table in ("rollup_minute", "rollup_hour"):
        stores.clickhouse.insert(
            table,
            [[project_id, "", "seen", at, "", 1, 0, 1, 1, 1]],
            column_names=[
                *("project_id", "dimension", "event", "bucket", "value"),
                *("log_id", "log_partition", "segment", "version", "total"),
            ],
        )


def _days(stores: Stores, project_id: int) -> tuple[int, dict[str, int]]:
    row = stores.postgres.execute(
        "SELECT count(*) FROM events WHERE project_id = %s", [project_id]
    ).fetchone()
    assert row is not None
    columnar = {
        table: int(
            stores.clickhouse.query(
                f"SELECT count() FROM {table} WHERE project_id = {project_id} {also}"
            ).result_rows[0][0]
        )
        for table in TABLES
        # Of each event, and of all.
        for also in ["AND event != ''" if table.startswith("distinct") else ""]
    }
    return row[0], columnar


@pytest.mark.shards_too
def test_each_project_keeps_what_it_wants(stores: Stores) -> None:
    """Whole days go, of the one project that said so; the other one has everything."""
    set_retention(stores.postgres, 1, 30)
    (pruned,) = prune(stores, NOW)
    assert (pruned.project_id, pruned.before) == (1, datetime(2026, 10, 21, tzinfo=UTC))
    assert pruned.events == 10
    assert _days(stores, 1) == (31, dict.fromkeys(TABLES, 31))
    assert _days(stores, 2) == (41, dict.fromkeys(TABLES, 41))


def test_it_happens_once_a_day_and_again_when_it_is_changed(stores: Stores) -> None:
    """Late events of pruned days go with the next day's."""
    set_retention(stores.postgres, 1, 30)
    prune(stores, NOW)
    assert prune(stores, NOW + timedelta(hours=8)) == []
    _put(stores, 1, NOW - timedelta(days=35))
    assert prune(stores, NOW) == []
    (pruned,) = prune(stores, NOW + timedelta(days=1))
    assert pruned.events == 2
    set_retention(stores.postgres, 1, 10)
    (pruned,) = prune(stores, NOW + timedelta(days=1))
    assert pruned.events == 20
    set_retention(stores.postgres, 1, None)
    assert prune(stores, NOW + timedelta(days=100)) == []
    assert _days(stores, 1) == (10, dict.fromkeys(TABLES, 10))


def test_two_processes_do_not_prune_at_once(stores: Stores, postgres_database: str) -> None:
    """The second leaves it to the first."""
    set_retention(stores.postgres, 1, 30)
    with psycopg.connect(postgres_database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [0x5340_1109])
        assert prune(stores, NOW) == []
        other.execute("SELECT pg_advisory_unlock(%s)", [0x5340_1109])
    assert len(prune(stores, NOW)) == 1
