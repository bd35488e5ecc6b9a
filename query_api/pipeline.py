"""How far the pipeline has come, at a glance."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import Field

from query_api.models import Answer, Parameters
from query_api.rooms import Rooms
from schemas.reasons import RejectReason
from smolhog.process_watch import Sight

_POSITIONS = """
SELECT log_partition, next_offset, log_time, updated_at FROM sink_positions
WHERE log_id = (SELECT log_id FROM sink_positions ORDER BY updated_at DESC LIMIT 1)
ORDER BY log_partition
"""
_REJECTED = """
SELECT reason, count(*) FROM rejected_events
WHERE project_id = %(project_id)s AND received_at >= %(since)s
GROUP BY reason ORDER BY count(*) DESC, reason
"""
_POSTGRES_SIZE = """
SELECT pg_database_size(current_database()),
    (SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
     WHERE oid IN (SELECT relid FROM pg_partition_tree('events') WHERE isleaf))
"""
_CLICKHOUSE_SIZE = """
SELECT sum(bytes_on_disk), sumIf(rows, table = 'events')
FROM table_parts WHERE database IN {databases:Array(String)}
"""
_TODAY = """
SELECT sum(total) FROM rollup_hour FINAL
WHERE project_id = {project_id:UInt32} AND dimension = ''
    AND bucket >= toStartOfDay(toDateTime({now:Int64}, 'UTC'), 'UTC')
    AND bucket < toStartOfDay(toDateTime({now:Int64}, 'UTC'), 'UTC') + INTERVAL 1 DAY
"""
# The last minute that is over: a rollup row is read for each event, and not the events.
_RECENT = """
SELECT sum(total) / 60 FROM rollup_minute FINAL
WHERE project_id = {project_id:UInt32} AND dimension = ''
    AND bucket = toStartOfMinute(toDateTime({now:Int64}, 'UTC') - INTERVAL 1 MINUTE)
"""


class PipelineParameters(Parameters):
    """The state of the pipeline takes no parameters."""


class PartitionState(Answer):
    """How far one partition of the event log is stored."""

    partition: int
    stored_offset: int = Field(description="Messages before this one are stored.")
    lag_messages: int | None = Field(
        description="Messages that are not in both stores; null: the other processes are not on this machine."
    )
    lag_seconds: float | None = Field(
        description="How long the oldest of them has waited, or, where that cannot be seen, how long the last stored "
        "message had waited; null before the first."
    )


class SpoolState(Answer):
    """What the gateway holds while the event log is away."""

    messages: int
    bytes: int


class RejectedCount(Answer):
    """How many events were refused for one reason."""

    reason: RejectReason
    count: int


class StoreSize(Answer):
    """How much a store holds, of all projects."""

    bytes: int
    rows: int = Field(description="Events, about.")


class Stores(Answer):
    """Both stores."""

    clickhouse: StoreSize
    postgres: StoreSize


class PipelineAnswer(Answer):
    """The way of the events, at a glance; the metrics of each process say more."""

    as_of: datetime | None
    partitions: list[PartitionState]
    acknowledged_per_second: float | None = Field(description="Null: the gateway is not on this machine.")
    stored_per_second: float | None = Field(
        description="Of this project, that happened in the last whole minute."
    )
    spool: SpoolState | None = Field(description="Null: the gateway is not on this machine.")
    rejected_last_hour: list[RejectedCount] = Field(description="Of this project.")
    events_today: int = Field(description="Of this project, by UTC.")
    stores: Stores
    silent: list[str] = Field(description="Processes on this machine that should answer and do not.")


class _Count(NamedTuple):
    n: int


class _Rate(NamedTuple):
    n: float


class _Stored(NamedTuple):
    next_offset: int
    log_time: datetime | None
    updated_at: datetime


class _Size(NamedTuple):
    bytes: int
    rows: int


async def read_pipeline(rooms: Rooms, project_id: int, _: PipelineParameters) -> PipelineAnswer:
    """Return how far everything is.

    Raises:
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    now = rooms.now()
    bound = {"project_id": project_id, "now": int(now.timestamp())}
    as_of, sight = await asyncio.gather(rooms.postgres.as_of(), rooms.watch.look())
    since = {"project_id": project_id, "since": now - timedelta(hours=1)}
    positions, rejected, size, columnar, today, recent = await asyncio.gather(
        rooms.postgres.rows(_POSITIONS),
        rooms.postgres.rows(_REJECTED, since),
        rooms.postgres.rows(_POSTGRES_SIZE),
        rooms.columns.rows(_CLICKHOUSE_SIZE, {"databases": rooms.columns.databases}, _Size),
        rooms.columns.rows(_TODAY, bound, _Count),
        rooms.columns.rows(_RECENT, bound, _Rate),
    )
    return PipelineAnswer(
        as_of=as_of,
        partitions=_partitions(positions, sight, now),
        acknowledged_per_second=sight.acknowledged_per_second,
        stored_per_second=recent[0].n,
        spool=None
        if sight.spool_messages is None
        else SpoolState(messages=sight.spool_messages, bytes=sight.spool_bytes or 0),
        silent=list(sight.silent),
        rejected_last_hour=[
            RejectedCount(reason=RejectReason(reason), count=count) for reason, count in rejected
        ],
        events_today=today[0].n,
        stores=Stores(
            clickhouse=StoreSize(bytes=columnar[0].bytes, rows=columnar[0].rows),
            postgres=StoreSize(bytes=size[0][0], rows=size[0][1]),
        ),
    )


def _partitions(positions: list[tuple[Any, ...]], sight: Sight, now: datetime) -> list[PartitionState]:
    stored = {row[0]: _Stored(*row[1:]) for row in positions}
    return [
        _partition(partition, stored.get(partition, _Stored(0, None, now)), sight, now)
        for partition in sorted({*stored, *sight.log_ends, *sight.lags})
    ]


def _partition(partition: int, stored: _Stored, sight: Sight, now: datetime) -> PartitionState:
    messages: int | None = None
    seconds = None if stored.log_time is None else (stored.updated_at - stored.log_time).total_seconds()
    if partition in sight.lags:
        messages, seconds = sight.lags[partition]
    elif partition in sight.log_ends:
        # No dataflow says anything of it. Whatever waits arrived after what was stored last.
        messages = max(0, sight.log_ends[partition] - stored.next_offset)
        if messages and stored.log_time is not None:
            seconds = (now - stored.log_time).total_seconds()
    return PartitionState(
        partition=partition,
        stored_offset=stored.next_offset,
        lag_messages=messages,
        lag_seconds=None if seconds is None else max(0.0, seconds),
    )
