"""Raw events as `smolhog verify` and `smolhog rebuild` read them: counted, or one by one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg

from schemas.rollup import HourRange
from schemas.stored import EVENT_COLUMNS
from sinks.positions import LogPartition, Positions

_LEAVES = "SELECT relid::regclass::text FROM pg_partition_tree('events') WHERE isleaf"
_LEAF = re.compile(r"events(?:_past)?_(\d{4})(\d\d)(\d\d)?")

# Of each partition only what lies before an offset is counted; for a bucket that was written to
# meanwhile, that offset may be a later one. GREATEST passes over NULL.
_COUNTS = """
WITH
    position AS (
        SELECT * FROM unnest(%(log_ids)s::bigint[], %(partitions)s::integer[], %(offsets)s::bigint[])
        AS t (log_id, log_partition, next_offset)
    ),
    later AS (
        SELECT * FROM unnest(
            %(later_projects)s::integer[], %(later_buckets)s::timestamptz[], %(later_log_ids)s::bigint[],
            %(later_partitions)s::integer[], %(later_offsets)s::bigint[]
        ) AS t (project_id, bucket, log_id, log_partition, next_offset)
    ),
    raw AS (
        SELECT project_id, event, date_bin(%(interval)s, timestamp, '1970-01-01 00:00+00') AS bucket,
            log_id, log_partition, log_offset
        FROM events
        WHERE timestamp >= %(begin)s AND timestamp < %(end)s
            AND (%(project_id)s::integer IS NULL OR project_id = %(project_id)s)
    )
SELECT raw.project_id, raw.event, extract(epoch FROM raw.bucket)::bigint, count(*)
FROM raw
LEFT JOIN position USING (log_id, log_partition)
LEFT JOIN later USING (project_id, bucket, log_id, log_partition)
WHERE raw.log_offset < coalesce(greatest(position.next_offset, later.next_offset), 9223372036854775807)
GROUP BY 1, 2, 3
"""
# In the order of the log within each hour, since the guard tells apart what comes first. Events of
# other logs come as if they were of partition 0.
_EVENTS = """
SELECT project_id, event, extract(epoch FROM date_trunc('minute', timestamp))::bigint,
    properties::text, context::text,
    CASE WHEN log_id = %(log_id)s AND log_partition < cardinality(%(ends)s::bigint[]) THEN log_partition ELSE 0 END
FROM events
WHERE timestamp >= %(begin)s AND timestamp < %(end)s
    AND (%(project_id)s::integer IS NULL OR project_id = %(project_id)s)
    AND (
        log_id <> %(log_id)s OR log_partition >= cardinality(%(ends)s::bigint[])
        OR log_offset < (%(ends)s::bigint[])[log_partition + 1]
    )
ORDER BY date_bin('1 hour', timestamp, '1970-01-01 00:00+00'), log_offset, event_id
"""
_IDS = """
SELECT event_id FROM events
WHERE timestamp >= %(begin)s AND timestamp < %(end)s
    AND (%(project_id)s::integer IS NULL OR project_id = %(project_id)s)
"""
_TEXT_OF = {
    "timestamp": "to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    "received_at": "to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    "client_timestamp": "to_char(client_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US\"+00:00\"')",
}
_COPY_ROWS = f"""
COPY (
    SELECT {", ".join(_TEXT_OF.get(name, name) for name in EVENT_COLUMNS)} FROM events
    WHERE timestamp >= %(begin)s AND timestamp < %(end)s AND event_id = ANY(%(ids)s)
        AND (%(project_id)s::integer IS NULL OR project_id = %(project_id)s)
) TO STDOUT
"""


class Group(NamedTuple):
    """The cells of one project and bucket, as one partition of a log counts them."""

    project_id: int
    bucket: int
    place: LogPartition


class TotalKey(NamedTuple):
    """A cell that counts all of an event, over all partitions."""

    project_id: int
    bucket: int
    event: str


class RawEvent(NamedTuple):
    """What counts of an event."""

    project_id: int
    event: str
    minute: int
    properties: str
    context: str
    partition: int


def read_chunks(connection: psycopg.Connection, wanted: HourRange) -> list[HourRange]:
    """Return the days and months, each in a table of its own, that may hold raw events."""
    chunks = []
    for (name,) in connection.execute(_LEAVES).fetchall():
        span = partition_span(name)
        if span is None:
            continue
        chunk = wanted.within(*(int(time.timestamp()) for time in span))
        if chunk is not None:
            chunks.append(chunk)
    return sorted(chunks)


def partition_span(name: str) -> tuple[datetime, datetime] | None:
    """Return the time that a partition of ``events`` is for, by its name; ``None`` for somebody else's."""
    match = _LEAF.fullmatch(name.rpartition(".")[2])
    if match is None:
        return None
    begin = datetime(int(match[1]), int(match[2]), int(match[3] or 1), tzinfo=UTC)
    return begin, begin + timedelta(days=1) if match[3] else (begin + timedelta(days=31)).replace(day=1)


def count_raw(
    connection: psycopg.Connection,
    chunk: HourRange,
    interval: int,
    project_id: int | None,
    before: Positions,
    later: dict[Group, int],
) -> dict[TotalKey, int]:
    """Count raw events by project, bucket and event.

    Args:
        connection: to PostgreSQL.
        chunk: which time.
        interval: length of a bucket, in seconds.
        project_id: whose events; ``None`` for all.
        before: offset before which events count; those of a partition that is not in it all count.
        later: groups of which events count up to a later offset.
    """
    asked = {
        **_range(chunk, project_id),
        "interval": timedelta(seconds=interval),
        "log_ids": [place.log_id for place in before],
        "partitions": [place.partition for place in before],
        "offsets": list(before.values()),
        "later_projects": [group.project_id for group in later],
        "later_buckets": [datetime.fromtimestamp(group.bucket, UTC) for group in later],
        "later_log_ids": [group.place.log_id for group in later],
        "later_partitions": [group.place.partition for group in later],
        "later_offsets": list(later.values()),
    }
    rows = connection.execute(_COUNTS, asked).fetchall()
    return {TotalKey(project_id, bucket, event): count for project_id, event, bucket, count in rows}


def read_raw(
    connection: psycopg.Connection, chunk: HourRange, project_id: int | None, log_id: int, ends: list[int]
) -> Iterator[RawEvent]:
    """Read the raw events of a time, hour by hour, each in the order of the log.

    Args:
        connection: to PostgreSQL.
        chunk: which time.
        project_id: whose events; ``None`` for all.
        log_id: the event log in use; all events of others are read, as of partition 0.
        ends: for each partition, the offset before which its events are read.
    """
    asked = {**_range(chunk, project_id), "log_id": log_id, "ends": ends}
    with connection.transaction(), connection.cursor("raw_events") as cursor:
        cursor.itersize = 5_000
        for row in cursor.execute(_EVENTS, asked):
            yield RawEvent(*row)


def read_ids(connection: psycopg.Connection, hour: HourRange, project_id: int | None) -> set[str]:
    """Return the ids of the raw events of a time."""
    return {str(row[0]) for row in connection.execute(_IDS, _range(hour, project_id)).fetchall()}


def copy_rows(
    connection: psycopg.Connection, hour: HourRange, project_id: int | None, ids: list[str]
) -> bytes:
    """Return the raw events with these ids as rows for ClickHouse.

    PostgreSQL keeps JSON and times by their meaning: white space, the order of keys and the zone that
    a client wrote are not what was sent.
    """
    asked = {**_range(hour, project_id), "ids": ids}
    with connection.cursor() as cursor, cursor.copy(_COPY_ROWS, asked) as copy:
        return b"".join(bytes(data) for data in copy)


def _range(chunk: HourRange, project_id: int | None) -> dict[str, object]:
    return {
        "begin": datetime.fromtimestamp(chunk.begin, UTC),
        "end": datetime.fromtimestamp(chunk.end, UTC),
        "project_id": project_id,
    }
