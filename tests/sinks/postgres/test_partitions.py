"""Every day that an event can have finds a partition, made by whichever writer comes first."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from sinks.postgres.migrate import migrate_postgres
from sinks.postgres.partitions import DAY_LIMIT, DAYS_AHEAD, EPOCH, DayPartitions

TODAY = date(2026, 1, 1)


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A migrated database."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        yield connection


def numbers(*days: date) -> frozenset[int]:
    """Days since 1970."""
    return frozenset((day - EPOCH).days for day in days)


def store(connection: psycopg.Connection, day: date) -> str:
    """Store events of a day's first and last microsecond; returns the partition that holds both."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    names = set()
    for instant in (begin, begin + timedelta(days=1, microseconds=-1)):
        row = connection.execute(
            "INSERT INTO events VALUES (1, gen_random_uuid(), 'e', 'u', %s, NULL, now(), NULL, '{}', '{}', 's', 1, 1, 1) "
            "RETURNING tableoid::regclass::text",
            [instant],
        ).fetchone()
        assert row is not None
        names.add(str(row[0]))
    (name,) = names
    return name


def tables(connection: psycopg.Connection) -> set[str]:
    """All partitions that hold rows."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'events_%%'"
    ).fetchall()
    return {str(row[0]) for row in rows}


def test_today_and_the_coming_days_are_ready(connection: psycopg.Connection) -> None:
    """Without a single event, the days ahead are made, over the end of the year."""
    DayPartitions().ensure(connection, frozenset(), date(2025, 12, 31))
    assert tables(connection) == {"events_20251231", "events_20260101", "events_20260102"}
    assert DAYS_AHEAD == 2
    assert store(connection, date(2026, 1, 1)) == "events_20260101"


def test_young_days_have_their_own_and_old_days_share_a_month(connection: psycopg.Connection) -> None:
    """The limit is a number of days; December and February end where they should."""
    young = TODAY - timedelta(days=DAY_LIMIT)
    old = young - timedelta(days=1)
    leap = date(2024, 2, 29)
    DayPartitions().ensure(connection, numbers(young, old, leap, date(1999, 12, 31), EPOCH), TODAY)
    assert store(connection, young) == "events_20251201"
    assert store(connection, old) == "events_past_202511"
    assert store(connection, leap) == "events_past_202402"
    assert store(connection, date(1999, 12, 31)) == "events_past_199912"
    assert store(connection, EPOCH) == "events_past_197001"


def test_every_month_since_1970_has_room(connection: psycopg.Connection) -> None:
    """One write may touch the first and the last day of every tenth month there was."""
    firsts = [date(1970 + month // 12, month % 12 + 1, 1) for month in range(0, 56 * 12, 10)]
    days = [
        day
        for first in firsts
        for day in (first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
    ]
    DayPartitions().ensure(connection, numbers(*days), TODAY)
    for day in days:
        expected = f"events_{day:%Y%m%d}" if (TODAY - day).days <= DAY_LIMIT else f"events_past_{day:%Y%m}"
        assert store(connection, day) == expected


def test_day_that_grows_old_keeps_its_partition(connection: psycopg.Connection) -> None:
    """A late event of a day that had its own partition goes there, whatever its month has."""
    day = date(2025, 12, 31)
    DayPartitions().ensure(connection, numbers(day), TODAY)
    assert store(connection, day) == "events_20251231"
    later = DayPartitions()
    later.ensure(connection, numbers(day, date(2025, 12, 1)), date(2026, 3, 1))
    assert store(connection, day) == "events_20251231"
    assert store(connection, date(2025, 12, 1)) == "events_past_202512"


def test_clocks_that_disagree_about_a_day_s_age(connection: psycopg.Connection) -> None:
    """A day that one machine takes for old and another for young stays with its month."""
    day = TODAY - timedelta(days=DAY_LIMIT)
    DayPartitions().ensure(connection, numbers(day), TODAY + timedelta(days=1))
    assert store(connection, day) == "events_past_202512"
    behind = DayPartitions()
    behind.ensure(connection, numbers(day), TODAY)
    behind.ensure(connection, numbers(day), TODAY)
    assert store(connection, day) == "events_past_202512"


def test_writers_that_need_the_same_days_at_once(
    connection: psycopg.Connection, postgres_database: str
) -> None:
    """Several writers make partitions at the same moment, and all succeed."""
    days = [TODAY - timedelta(days=age) for age in (0, 3, 7, 40, 80, 400)]
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def ensure() -> None:
        try:
            with psycopg.connect(postgres_database, autocommit=True) as own:
                start.wait()
                DayPartitions().ensure(own, numbers(*days), TODAY)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(tables(connection)) == 3 + 2 + 3


class _Watched(psycopg.Connection):
    """Looks, after each of its statements, at what it keeps from others while it sends nothing more."""

    def execute(self, *arguments: Any, **options: Any) -> Any:
        cursor = super().execute(*arguments, **options)
        with psycopg.connect(self.info.dsn, password=self.info.password) as other:
            locks = other.execute(
                "SELECT mode FROM pg_locks WHERE relation = 'events'::regclass AND granted AND pid = %s",
                [self.info.backend_pid],
            )
            assert locks.fetchall() == []
        return cursor


def test_a_writer_that_is_frozen_keeps_nobody_from_events(
    connection: psycopg.Connection, postgres_database: str
) -> None:
    """Whichever of its messages was its last one, no lock is left behind it."""
    with _Watched.connect(postgres_database, autocommit=True) as watched:
        DayPartitions().ensure(watched, numbers(TODAY - timedelta(days=400)), TODAY)
    assert len(tables(connection)) == 1 + DAYS_AHEAD + 1


def test_events_of_today_are_stored_while_a_backup_is_in_the_way_of_a_coming_day(
    connection: psycopg.Connection, postgres_database: str
) -> None:
    """The day is made once the backup has ended; until then nobody waits for it again and again."""
    DayPartitions().ensure(connection, frozenset(), TODAY - timedelta(days=1))
    now = 0.0
    partitions = DayPartitions(lambda: now)
    coming = f"events_{TODAY + timedelta(days=DAYS_AHEAD):%Y%m%d}"
    with psycopg.connect(postgres_database) as backup:
        backup.execute("LOCK TABLE events IN ACCESS SHARE MODE")
        partitions.ensure(connection, numbers(TODAY), TODAY)
        assert store(connection, TODAY) == "events_20260101"
        assert coming not in tables(connection)
    partitions.ensure(connection, numbers(TODAY), TODAY)
    assert coming not in tables(connection)
    now = 60.0
    partitions.ensure(connection, numbers(TODAY), TODAY)
    assert coming in tables(connection)
    row = connection.execute("SHOW lock_timeout").fetchone()
    assert row == ("0",)
