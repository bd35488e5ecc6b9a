"""What the stores hold after a run, read past every proxy."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.client import Client
from psycopg.rows import class_row

from sinks.clickhouse.connect import connection_arguments

Cell = tuple[int, str, str]
"""(start of the bucket in seconds since 1970, event, value of the dimension)"""

Columnar = tuple[str, str, str, int, int, str]
"""(event id, event, distinct_id, time and arrival in microseconds since 1970, session id)"""

_EVENTS = """
SELECT event_id::text, event, distinct_id, timestamp, client_timestamp, received_at, session_id, properties
FROM events
"""
# An event that names a key twice is refused unread, so its id is only in what it looked like.
_REJECTED = """
SELECT coalesce(event_id, substring(encode(payload, 'escape') from '"event_id": "([^"]*)"')), reason
FROM rejected_events
"""
_COLUMNAR = """
SELECT toString(event_id), event, distinct_id, toUnixTimestamp64Micro(timestamp),
    toUnixTimestamp64Micro(received_at), session_id
FROM events FINAL
"""
_ROLLUP = """
SELECT toUnixTimestamp(bucket), event, value, sum(total) FROM {table} FINAL
WHERE dimension = '{dimension}' GROUP BY 1, 2, 3
"""
_USERS = """
SELECT toUnixTimestamp(bucket), event, '', uniqCombined64Merge(users) FROM distinct_users_hour WHERE event != '' GROUP BY 1, 2
"""
_SESSIONS = "SELECT 0, session_id, '', uniqMerge(events) FROM sessions GROUP BY session_id"
_TOTAL = "SELECT sum(total) FROM {table} FINAL WHERE dimension = ''"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of PostgreSQL's events."""

    event_id: str
    event: str
    distinct_id: str
    timestamp: datetime
    client_timestamp: datetime | None
    received_at: datetime
    session_id: str | None
    properties: dict[str, Any]

    @property
    def columnar(self) -> Columnar:
        """The row that the columnar copy must hold of it."""
        at, received_at = _micros(self.timestamp), _micros(self.received_at)
        return self.event_id, self.event, self.distinct_id, at, received_at, self.session_id or ""


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that the ledger is held against."""

    events: list[StoredEvent]
    rejected: list[tuple[str | None, str]]
    """Event id, as far as it was known, and reason."""
    columnar: list[Columnar]
    rollups: dict[tuple[str, str], Counter[Cell]]
    """By table and dimension."""
    users: Counter[Cell]
    """Distinct users of an event in an hour."""
    sessions: Counter[Cell]
    """Events of a session, whose id stands where an event's name does."""


class Stores:
    """Reads both stores of one run.

    Args:
        postgres_dsn: of the real server, not of a proxy.
        clickhouse_url: likewise.
    """

    def __init__(self, postgres_dsn: str, clickhouse_url: str) -> None:
        self._postgres_dsn = postgres_dsn
        self._clickhouse_url = clickhouse_url

    def counts(self) -> tuple[int, ...]:
        """Events in PostgreSQL, in the columnar copy, and in the rollups by minute and by hour."""
        with self._postgres() as connection:
            raw = connection.execute("SELECT count(*) FROM events").fetchone()
        assert raw is not None
        with self._clickhouse() as client:
            queries = [
                "SELECT count() FROM events FINAL",
                *(_TOTAL.format(table=table) for table in ("rollup_minute", "rollup_hour")),
            ]
            return int(raw[0]), *(int(client.query(query).result_rows[0][0]) for query in queries)

    def holds(self, event_ids: Iterable[str]) -> bool:
        """Whether PostgreSQL has all of these."""
        wanted = list(event_ids)
        with self._postgres() as connection:
            row = connection.execute(
                "SELECT count(DISTINCT event_id) FROM events WHERE event_id = ANY(%s::uuid[])", [wanted]
            ).fetchone()
        assert row is not None
        return int(row[0]) == len(wanted)

    def read(self) -> Stored:
        """Read everything."""
        with self._postgres() as connection:
            with connection.cursor(row_factory=class_row(StoredEvent)) as cursor:
                events = cursor.execute(_EVENTS).fetchall()
            rejected = connection.execute(_REJECTED).fetchall()
        with self._clickhouse() as client:
            return Stored(
                events,
                cast("list[tuple[str | None, str]]", rejected),
                [cast("Columnar", tuple(row)) for row in client.query(_COLUMNAR).result_rows],
                {
                    (table, dimension): _cells(client, _ROLLUP.format(table=table, dimension=dimension))
                    for table in ("rollup_minute", "rollup_hour")
                    for dimension in ("", "platform")
                },
                _cells(client, _USERS),
                _cells(client, _SESSIONS),
            )

    def _postgres(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._postgres_dsn, options="-c timezone=UTC", connect_timeout=5)

    def _clickhouse(self) -> Client:
        return clickhouse_connect.get_client(**connection_arguments(self._clickhouse_url))


def _cells(client: Client, query: str) -> Counter[Cell]:
    rows = client.query(query).result_rows
    return Counter({(int(row[0]), str(row[1]), str(row[2])): int(row[3]) for row in rows})


def _micros(at: datetime) -> int:
    seconds, micros = int(at.replace(microsecond=0).timestamp()), at.microsecond
    return seconds * 1_000_000 + micros
