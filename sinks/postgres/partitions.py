"""Day partitions of ``events``: which are needed, and making them ahead of their rows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import monotonic

import psycopg
import structlog
from psycopg import errors, sql

EPOCH = date(1970, 1, 1)
DAYS_AHEAD = 2
DAY_LIMIT = 31
"""Age in days from which a day gets no partition of its own any more, but its month does."""
# Any number that no other program is likely to lock.
_LOCK = 0x5340_1107
_LATER_SECONDS = 60.0
_log = structlog.get_logger()


class DayPartitions:
    """Remembers for which days there are partitions, so that a batch asks the database only about new days.

    Days older than :data:`DAY_LIMIT` whose first event arrives now share their month's partition,
    under the default partition ``events_past``: a client may send any past time, and tables for
    each of its days would be tens of thousands. A day that is young gets its own, before any
    event of it could have gone to the default partition, so the two never overlap.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._known: set[str] = set()
        self._ahead_from = 0.0

    def ensure(self, connection: psycopg.Connection, days: frozenset[int], today: date) -> None:
        """Make the partitions that rows of ``days`` need, and those of the coming days.

        Whoever reads raw events for long, such as a backup, is in the way of it. Coming days can wait: they are tried
        for a second, and again a minute later.

        Args:
            connection: in autocommit mode; making a partition locks its parent for a moment.
            days: days since 1970-01-01.
            today: the current day, UTC.
        """
        needed = {EPOCH + timedelta(days=day) for day in days}
        for day in sorted(needed):
            self._ensure_day(connection, day, today)
        coming = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
        if self._clock() < self._ahead_from or all(_name(day) in self._known for day in coming):
            return
        try:
            connection.execute("SET lock_timeout = '1s'")
            for day in coming:
                self._ensure_day(connection, day, today)
        except errors.LockNotAvailable:
            self._ahead_from = self._clock() + _LATER_SECONDS
            _log.info("partition of a coming day is put off", reason="raw events are being read")
        finally:
            connection.execute("RESET lock_timeout")

    def _ensure_day(self, connection: psycopg.Connection, day: date, today: date) -> None:
        name = _name(day)
        if name in self._known:
            return
        young = (today - day).days <= DAY_LIMIT
        if not self._exists(connection, name) and not (young and self._create_day(connection, name, day)):
            self._ensure_month(connection, day.replace(day=1))
        self._known.add(name)

    @staticmethod
    def _create_day(connection: psycopg.Connection, name: str, day: date) -> bool:
        try:
            _create(connection, "events", name, day, day + timedelta(days=1))
        except errors.CheckViolation:
            # Its month holds rows of that day already: put there by a machine whose clock is ahead.
            return False
        return True

    def _ensure_month(self, connection: psycopg.Connection, month: date) -> None:
        name = f"events_past_{month:%Y%m}"
        if name not in self._known:
            _create(connection, "events_past", name, month, (month + timedelta(days=31)).replace(day=1))
            self._known.add(name)

    @staticmethod
    def _exists(connection: psycopg.Connection, name: str) -> bool:
        row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
        return bool(row and row[0])


def _name(day: date) -> str:
    return f"events_{day:%Y%m%d}"


def _create(connection: psycopg.Connection, parent: str, name: str, begin: date, end: date) -> None:
    def literal(day: date) -> sql.Literal:
        return sql.Literal(datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat())

    # The check repeats the partition's bounds in the form that lets PostgreSQL attach later days
    # without reading this partition. IF NOT EXISTS does not keep two writers that create the same table
    # at once apart; the lock does. Both statements are one message, and so one transaction that does not
    # wait for this process in the middle: one that was frozen there would keep everybody from `events`.
    connection.execute(
        sql.SQL(
            "SELECT pg_advisory_xact_lock({lock}); "
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF {parent} "
            "(CHECK (timestamp >= {begin} AND timestamp < {end})) FOR VALUES FROM ({begin}) TO ({end})"
        ).format(
            lock=sql.Literal(_LOCK),
            name=sql.Identifier(name),
            parent=sql.Identifier(parent),
            begin=literal(begin),
            end=literal(end),
        )
    )
