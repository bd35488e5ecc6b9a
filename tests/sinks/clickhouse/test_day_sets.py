"""The sets of users by day, made anew with smaller pieces in a database that holds events."""

from collections.abc import Iterator

import pytest

from sinks.clickhouse import migrate as clickhouse_migrate
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.migrations import Migration, read_migrations
from tests.fixtures_clickhouse import ClickHouseServer

_EVENTS = """
INSERT INTO events (project_id, event_id, event, distinct_id, timestamp, received_at, properties)
SELECT 1 + number % 2, generateUUIDv4(number), ['visit', 'buy'][1 + number % 3 % 2],
    concat({prefix:String}, toString(number % 7000)),
    toDateTime64('2026-09-29', 6, 'UTC') + toIntervalHour(number % 80), now64(6, 'UTC'), '{}'
FROM numbers(40000)
"""
_SETS = """
SELECT project_id, event, bucket, uniqCombined64Merge(users) FROM distinct_users_day GROUP BY ALL ORDER BY ALL
"""
_COUNTED = """
SELECT project_id, name, toStartOfDay(timestamp), uniqCombined64(distinct_id)
FROM events ARRAY JOIN ['', event] AS name GROUP BY ALL ORDER BY ALL
"""


@pytest.fixture
def clickhouse_url(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """An empty database."""
    with clickhouse_server.database() as database:
        yield f"{clickhouse_server.url}/{database}"


def test_days_are_the_same_sets_as_before(clickhouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every day is what its events say, also when the migration was killed half way, and events go on to count."""

    def before(package: str) -> list[Migration]:
        return read_migrations(package)[:4]

    monkeypatch.setattr(clickhouse_migrate, "read_migrations", before)
    migrate_clickhouse(clickhouse_url)
    with connect(clickhouse_url) as client:
        client.command(_EVENTS, parameters={"prefix": "early-"})
        monkeypatch.undo()
        *most, _ = read_migrations("sinks.clickhouse")[4].statements
        for statement in most:
            client.command(statement)
        # Its views stand, so what is written from now on counts.
        client.command(_EVENTS, parameters={"prefix": "meanwhile-"})
        assert migrate_clickhouse(clickhouse_url)[0] == "0005_day_sets"
        client.command(_EVENTS, parameters={"prefix": "late-"})
        assert client.query(_SETS).result_rows == client.query(_COUNTED).result_rows
        assert len(client.query(_SETS).result_rows) == 2 * 3 * 4
