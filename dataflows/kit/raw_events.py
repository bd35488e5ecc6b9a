"""Raw events as PostgreSQL keeps them, read back as messages of the log that they came from.

Rows of one message have its offset in common, so what is read has the places that it had in the log. Events of logs
that were in use before come first, at offsets below zero.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from dataflows.kit.batch import EventBatch, EventColumns
from smolhog.whole_files import write_whole

_MOST_OFFSETS = 2**40
"""Room for the offsets of one partition of an older log."""
_PARTS = """
SELECT log_id, log_partition FROM events
WHERE log_id <> %(log_id)s AND (%(since)s::timestamptz IS NULL OR timestamp >= %(since)s)
GROUP BY log_id, log_partition ORDER BY min(received_at), log_id, log_partition
"""
_READ = """
SELECT log_offset, project_id, event_id::text, event, distinct_id, timestamp, received_at, session_id, properties
FROM events
WHERE log_id = %(log_id)s AND log_partition = %(partition)s AND log_offset >= %(begin)s AND log_offset < %(end)s
    AND (%(since)s::timestamptz IS NULL OR timestamp >= %(since)s)
ORDER BY log_offset, event_id
"""
_COUNT = """
SELECT count(*) FROM events
WHERE log_id = %(log_id)s AND log_partition = %(partition)s AND log_offset < %(end)s
    AND (%(since)s::timestamptz IS NULL OR timestamp >= %(since)s)
"""
_POSITION = "SELECT next_offset FROM sink_positions WHERE log_id = %s AND log_partition = %s"


class RawPart(NamedTuple):
    """A stretch of raw events: those of one partition of one log, before an offset."""

    log_id: int
    partition: int
    end: int
    base: int
    """Is added to their offsets, so that offsets of all stretches rise."""
    events: int
    """How many there are."""


def find_parts(
    connection: psycopg.Connection, log_id: int, partitions: int, since: datetime | None
) -> dict[str, list[RawPart]]:
    """Return what there is to read for each partition of the log, the oldest first.

    The last stretch of each is of the log itself and ends where the built-in dataflow has stored everything: from
    there on the flow reads the log.
    """
    older = connection.execute(_PARTS, {"log_id": log_id, "since": since}).fetchall()
    parts: dict[str, list[RawPart]] = {str(partition): [] for partition in range(partitions)}
    for number, (old_log, old_partition) in enumerate(older):
        base = (number - len(older)) * _MOST_OFFSETS
        place = (old_log, old_partition, _MOST_OFFSETS)
        parts[str(old_partition % partitions)].append(
            RawPart(*place, base, _count(connection, *place, since))
        )
    for partition in range(partitions):
        row = connection.execute(_POSITION, [log_id, partition]).fetchone()
        place = (log_id, partition, 0 if row is None else row[0])
        parts[str(partition)].append(RawPart(*place, 0, _count(connection, *place, since)))
    return parts


def note_parts(
    file: Path, connection: psycopg.Connection, log_id: int, partitions: int, since: datetime | None
) -> dict[str, list[RawPart]]:
    """Return what ``file`` says there is to read; write it down if there is no such file yet."""
    if not file.exists():
        found = find_parts(connection, log_id, partitions, since)
        write_whole(file, json.dumps(found))
    return {key: [RawPart(*part) for part in parts] for key, parts in json.loads(file.read_text()).items()}


def _count(
    connection: psycopg.Connection, log_id: int, partition: int, end: int, since: datetime | None
) -> int:
    asked = {"log_id": log_id, "partition": partition, "end": end, "since": since}
    row = connection.execute(_COUNT, asked).fetchone()
    return 0 if row is None else int(row[0])


def read_part(
    dsn: str, part: RawPart, partition: str, begin: int, since: datetime | None
) -> Iterator[EventBatch]:
    """Yield a batch for each message of a stretch, from an offset (with its base) on.

    PostgreSQL sorts the stretch first, and keeps it aside, on its disk if need be: a transaction that stays open for
    as long as the flow reads would keep the built-in dataflow from making the partition of a new day.
    """
    asked = {
        "log_id": part.log_id,
        "partition": part.partition,
        "begin": max(0, begin - part.base),
        "end": part.end,
        "since": since,
    }
    with (
        psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection,
        connection.cursor("raw", withhold=True) as cursor,
    ):
        cursor.itersize = 5_000
        rows: list[tuple[Any, ...]] = []
        for row in cursor.execute(_READ, asked):
            if rows and row[0] != rows[0][0]:
                yield _batch(part, partition, rows)
                rows = []
            rows.append(row)
        if rows:
            yield _batch(part, partition, rows)


def _batch(part: RawPart, partition: str, rows: list[tuple[Any, ...]]) -> EventBatch:
    _, *columns = (list(column) for column in zip(*rows, strict=True))
    events = EventColumns(list(range(len(rows))), *columns)
    log_time = max(events.received_ats).timestamp()
    return EventBatch(partition, rows[0][0] + part.base, log_time, events)
