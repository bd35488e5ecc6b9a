"""What ClickHouse holds of a time: totals to be checked, rows to be replaced."""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from schemas.rollup import CellKey, HourRange, Interval
from sinks.clickhouse.rollup_rows import (
    INSERT_SETTINGS,
    LIVE_VERSIONS_END,
    REPLACED_VERSION,
    ROLLUP_COLUMNS,
    ROLLUP_TABLES,
)
from sinks.positions import LogPartition, Positions

_FINAL = {"do_not_merge_across_partitions_select_final": 1}
_WHICH = "({project_id:Int64} < 0 OR project_id = {project_id:Int64})"
_BUCKETS = "bucket >= toDateTime({begin:Int64}, 'UTC') AND bucket < toDateTime({end:Int64}, 'UTC')"
_TIMES = (
    "timestamp >= toDateTime64({begin:Int64}, 6, 'UTC') AND timestamp < toDateTime64({end:Int64}, 6, 'UTC')"
)
_KEY = ", ".join(ROLLUP_COLUMNS[:8])

_TOTALS = {
    interval: f"""
SELECT project_id, toUnixTimestamp(bucket), event, log_id, log_partition, sum(total),
    maxIf(version, version < {LIVE_VERSIONS_END})
FROM {table} FINAL
WHERE dimension = '' AND {_WHICH} AND {_BUCKETS}
GROUP BY project_id, bucket, event, log_id, log_partition
"""
    for interval, table in ROLLUP_TABLES.items()
}
_CELLS = {
    interval: f"""
SELECT project_id, toUnixTimestamp(bucket), event, dimension, value, sum(total),
    maxIf(version, version < {LIVE_VERSIONS_END}), log_id, log_partition
FROM {table} FINAL
WHERE dimension != '' AND {_WHICH} AND {_BUCKETS}
GROUP BY project_id, bucket, event, dimension, value, log_id, log_partition
"""
    for interval, table in ROLLUP_TABLES.items()
}
_COLUMNAR = f"""
WITH indexOf(arrayZip({{log_ids:Array(Int64)}}, {{partitions:Array(UInt16)}}), (log_id, log_partition)) AS place
SELECT project_id, toUnixTimestamp(toStartOfHour(timestamp)) AS hour, event, count()
FROM events FINAL
WHERE {_WHICH} AND {_TIMES} AND (place = 0 OR log_offset < {{offsets:Array(UInt64)}}[place])
GROUP BY project_id, hour, event
"""
_DAYS = f"""
SELECT DISTINCT toUnixTimestamp(toStartOfDay(bucket)) FROM rollup_minute WHERE {_BUCKETS}
UNION DISTINCT SELECT DISTINCT toUnixTimestamp(toStartOfDay(bucket)) FROM rollup_hour WHERE {_BUCKETS}
UNION DISTINCT SELECT DISTINCT toUnixTimestamp(toStartOfDay(timestamp)) FROM events WHERE {_TIMES}
"""
_IDS = f"SELECT DISTINCT toString(event_id) FROM events WHERE {_WHICH} AND {_TIMES}"
# As the materialized views of the migrations have it.
_DERIVED = (
    f"""
INSERT INTO distinct_users_feed (project_id, event, bucket, users)
SELECT project_id, event, toStartOfHour(timestamp) AS bucket, uniqCombined64State(distinct_id)
FROM events WHERE {_WHICH} AND {_TIMES} GROUP BY project_id, event, bucket
""",
    f"""
INSERT INTO sessions (project_id, session_id, distinct_id, started_at, ended_at, entry, exit, events)
SELECT project_id, session_id, any(distinct_id), min(timestamp), max(timestamp),
    argMinState(event, timestamp), argMaxState(event, timestamp), uniqState(event_id)
FROM events WHERE session_id != '' AND {_WHICH} AND {_TIMES} GROUP BY project_id, session_id
""",
    f"""
INSERT INTO people_feed (project_id, event_id, event, distinct_id, timestamp, properties)
SELECT project_id, event_id, event, distinct_id, timestamp, properties
FROM events
WHERE (event IN ('$identify', '$create_alias', '$merge_dangerously', '$groupidentify')
        OR multiSearchAny(properties, ['"$set', '"$unset"', '\\\\u0024']))
    AND {_WHICH} AND {_TIMES}
""",
)
# Rows of other logs, and those of segments that opened before the control message of this rebuild.
_OLD = f"""
FROM {{table:Identifier}}
WHERE {_WHICH} AND {_BUCKETS}
    AND (log_id != {{log_id:Int64}} OR log_partition >= length({{ends:Array(UInt64)}})
        OR segment < {{ends:Array(UInt64)}}[log_partition + 1])
GROUP BY {_KEY}
HAVING max(version) < {REPLACED_VERSION}
"""
_REPLACED = f"SELECT {_KEY}, toUInt64({REPLACED_VERSION}), toUInt64(0) {_OLD}"
_OLD_HOURS = f"SELECT DISTINCT toUnixTimestamp(toStartOfHour(bucket)) FROM (SELECT {_KEY} {_OLD})"


class PartialTotal(NamedTuple):
    """What one partition of a log counts of one event in one bucket."""

    project_id: int
    bucket: int
    event: str
    place: LogPartition
    total: int
    version: int
    """Offset of the last message that counted into it; 0 if a rebuild did."""


class PartialCell(NamedTuple):
    """Likewise of one cell that is a breakdown."""

    key: CellKey
    total: int
    version: int
    place: LogPartition


def read_totals(
    client: Client, interval: Interval, chunk: HourRange, project_id: int | None
) -> list[PartialTotal]:
    """Read the totals of a rollup."""
    rows = client.query(_TOTALS[interval], parameters=_range(chunk, project_id), settings=_FINAL).result_rows
    return [
        PartialTotal(project, bucket, event, LogPartition(log_id, partition), total, version)
        for project, bucket, event, log_id, partition, total, version in rows
    ]


def read_breakdowns(
    client: Client, interval: Interval, chunk: HourRange, project_id: int | None
) -> list[PartialCell]:
    """Read the cells of a rollup that are broken down by a property."""
    rows = client.query(_CELLS[interval], parameters=_range(chunk, project_id), settings=_FINAL).result_rows
    return [
        PartialCell(
            CellKey(project, interval, bucket, event, dimension, value),
            total,
            version,
            LogPartition(log_id, partition),
        )
        for project, bucket, event, dimension, value, total, version, log_id, partition in rows
    ]


def count_columnar(
    client: Client, chunk: HourRange, project_id: int | None, before: Positions
) -> list[tuple[int, int, str, int]]:
    """Count the events of the columnar copy by project, hour and event.

    Args:
        client: to ClickHouse.
        chunk: which time.
        project_id: whose; ``None`` for all.
        before: offset before which events count; those of a partition that is not in it all count.
    """
    asked = {
        **_range(chunk, project_id),
        "log_ids": [place.log_id for place in before],
        "partitions": [place.partition for place in before],
        "offsets": list(before.values()),
    }
    rows = client.query(_COLUMNAR, parameters=asked, settings=_FINAL).result_rows
    return [(project, hour, event, count) for project, hour, event, count in rows]


def read_event_ids(client: Client, hour: HourRange, project_id: int | None) -> set[str]:
    """Return the ids of the columnar copy's events of a time."""
    rows = client.query(_IDS, parameters=_range(hour, project_id)).result_rows
    return {event_id for (event_id,) in rows}


def derive_from_columnar(client: Client, chunk: HourRange, project_id: int | None) -> None:
    """Derive distinct users, sessions and what is known of people from the events of a time; adds to what is there."""
    for statement in _DERIVED:
        client.command(statement, parameters=_range(chunk, project_id), settings=INSERT_SETTINGS)


def read_days(client: Client, wanted: HourRange) -> list[int]:
    """Return the days, in seconds since 1970, of which ClickHouse holds anything."""
    return sorted(day for (day,) in client.query(_DAYS, parameters=_range(wanted, None)).result_rows)


class Superseded:
    """The rollup rows of a time that a rebuild replaces.

    Args:
        client: to ClickHouse.
        project_id: whose rows; ``None`` for all.
        log_id: the event log in use; rows of others are replaced whatever their segment.
        ends: for each partition of it, the offset before which segments are replaced.
    """

    def __init__(self, client: Client, project_id: int | None, log_id: int, ends: list[int]) -> None:
        self._client = client
        self._project_id = project_id
        self._which = {"log_id": log_id, "ends": ends}

    def hours(self, chunk: HourRange) -> set[int]:
        """Return the hours that have such rows."""
        found: set[int] = set()
        for table in ROLLUP_TABLES.values():
            rows = self._client.query(_OLD_HOURS, parameters=self._asked(table, chunk)).result_rows
            found.update(hour for (hour,) in rows)
        return found

    def replacements(self, table: str, hour: HourRange) -> bytes:
        """Return rows, as they are inserted, with which those of an hour count nothing any more."""
        rows = self._client.raw_query(_REPLACED, parameters=self._asked(table, hour), fmt="TabSeparated")
        return bytes(rows)

    def _asked(self, table: str, chunk: HourRange) -> dict[str, object]:
        return {**_range(chunk, self._project_id), **self._which, "table": table}


def _range(chunk: HourRange, project_id: int | None) -> dict[str, object]:
    return {"begin": chunk.begin, "end": chunk.end, "project_id": -1 if project_id is None else project_id}
