"""Finished days get the index that finds a person's events; a day that still fills has none to be written."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from sinks.postgres.deleted_people import delete_events
from sinks.postgres.migrate import migrate_postgres
from sinks.postgres.partitions import EPOCH, DayPartitions
from sinks.postgres.timelines import index_timelines

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
YESTERDAY = TODAY - timedelta(days=1)
LONG_AGO = date(2024, 5, 17)


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A database with events of 2,000 people in each of three days."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        days = (TODAY, YESTERDAY, LONG_AGO)
        DayPartitions().ensure(connection, frozenset((day - EPOCH).days for day in days), TODAY)
        for day in days:
            connection.execute(
                "INSERT INTO events SELECT 1, gen_random_uuid(), 'view', 'u' || number, %s, NULL, now(), NULL, '{}', "
                "'{}', 'ws.v1', 1, 0, number FROM generate_series(1, 2000) AS number",
                [datetime(day.year, day.month, day.day, 10, tzinfo=UTC)],
            )
        connection.execute("ANALYZE events")
        yield connection


def plan_of_a_deletion(connection: psycopg.Connection, partition: str) -> str:
    """How PostgreSQL finds the events of one person in a partition."""
    rows = connection.execute(
        f"EXPLAIN SELECT 1 FROM {partition} WHERE distinct_id = 'u7' "
        "AND hashtextextended(distinct_id, 0) = hashtextextended('u7', 0)"
    ).fetchall()
    return "\n".join(row[0] for row in rows)


def test_a_day_is_indexed_once_it_is_over(connection: psycopg.Connection) -> None:
    """Days and months that are over, once; today and the days to come are left alone."""
    assert index_timelines(connection, NOON) == ["events_20260309", "events_past_202405"]
    assert index_timelines(connection, NOON) == []
    assert "events_20260309_timeline" in plan_of_a_deletion(connection, "events_20260309")
    assert "events_past_202405_timeline" in plan_of_a_deletion(connection, "events_past_202405")
    assert "Seq Scan" in plan_of_a_deletion(connection, "events_20260310")


def test_a_day_is_left_an_hour_for_late_events(connection: psycopg.Connection) -> None:
    """What was sent before midnight arrives a little after it."""
    midnight = datetime(2026, 3, 11, tzinfo=UTC)
    index_timelines(connection, NOON)
    assert index_timelines(connection, midnight + timedelta(minutes=59)) == []
    assert index_timelines(connection, midnight + timedelta(minutes=60)) == ["events_20260310"]


def test_an_index_whose_making_was_killed_is_made_again(connection: psycopg.Connection) -> None:
    """PostgreSQL leaves one that it does not use."""
    index_timelines(connection, NOON)
    connection.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_20260309_timeline'::regclass"
    )
    assert "Seq Scan" in plan_of_a_deletion(connection, "events_20260309")
    assert index_timelines(connection, NOON) == ["events_20260309"]
    assert "events_20260309_timeline" in plan_of_a_deletion(connection, "events_20260309")


def test_one_process_at_a_time_makes_indexes(connection: psycopg.Connection, postgres_database: str) -> None:
    """Another that looks meanwhile has nothing to do."""
    with psycopg.connect(postgres_database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [0x5340_110A])
        assert index_timelines(connection, NOON) == []
        other.execute("SELECT pg_advisory_unlock(%s)", [0x5340_110A])
    assert index_timelines(connection, NOON) != []


def test_a_person_is_deleted_from_days_with_and_without_it(connection: psycopg.Connection) -> None:
    """The index changes how fast, not what."""
    index_timelines(connection, NOON)
    assert delete_events(connection, 1, ["u7", "u8"], 1, [10_000]) == 6
    row = connection.execute("SELECT count(*) FROM events WHERE distinct_id IN ('u7', 'u8')").fetchone()
    assert row == (0,)
