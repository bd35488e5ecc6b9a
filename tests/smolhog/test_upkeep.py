"""What a dataflow does to the stores beside its work."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from projects.registry import create_project, set_retention
from sinks.migrate import migrate_stores
from sinks.postgres.partitions import EPOCH, DayPartitions
from smolhog.settings_loading import load_settings
from smolhog.upkeep import do_upkeep
from tests.fixtures_clickhouse import ClickHouseServer


def test_finished_days_are_indexed_and_old_events_deleted(
    postgres_database: str,
    clickhouse_server: ClickHouseServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One look does both."""
    now = datetime.now(UTC)
    days = [now.date() - timedelta(days=ago) for ago in (0, 2, 9)]
    with (
        clickhouse_server.database() as database,
        psycopg.connect(postgres_database, autocommit=True) as connection,
    ):
        clickhouse = f"{clickhouse_server.url}/{database}"
        migrate_stores(postgres_database, clickhouse)
        monkeypatch.setenv("SMOLHOG_DATA", str(tmp_path))
        monkeypatch.setenv("SMOLHOG_POSTGRES_URL", postgres_database)
        monkeypatch.setenv("SMOLHOG_CLICKHOUSE_URL", clickhouse)
        project_id = create_project(connection, "shop").project_id
        set_retention(connection, project_id, 5)
        DayPartitions().ensure(connection, frozenset((day - EPOCH).days for day in days), now.date())
        for day in days:
            connection.execute(
                "INSERT INTO events VALUES (%s, gen_random_uuid(), 'e', 'u', %s, NULL, now(), NULL, '{}', '{}', 's', 1, 1, 1)",
                [project_id, datetime(day.year, day.month, day.day, tzinfo=UTC)],
            )
        do_upkeep(load_settings())
        kept = connection.execute("SELECT DISTINCT timestamp::date FROM events ORDER BY 1").fetchall()
        indexes = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%%timeline' ORDER BY 1"
        ).fetchall()
    assert kept == [(days[1],), (days[0],)]
    assert indexes == [(f"events_{day:%Y%m%d}_timeline",) for day in (days[2], days[1])]
