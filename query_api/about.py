"""What a page wants to know first: whose key it has, and how far the pipeline has come."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import Field

from query_api.errors import NotFound
from query_api.models import Answer, Parameters
from query_api.rooms import Rooms
from schemas.reasons import RejectReason

_PROJECT = "SELECT name FROM projects WHERE project_id = %(project_id)s"
_ANY_EVENT = "SELECT count() FROM (SELECT 1 FROM events WHERE project_id = {project_id:UInt32} LIMIT 1)"

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
FROM system.parts WHERE active AND database = currentDatabase()
"""
_TODAY = """
SELECT count() FROM events FINAL
WHERE project_id = {project_id:UInt32} AND timestamp >= toStartOfDay(toDateTime({now:Int64}, 'UTC'), 'UTC')
    AND timestamp < toDateTime({now:Int64}, 'UTC') + INTERVAL 1 DAY
"""
# Events of the last minute happened, but for clients that were offline, within the last hours.
_RECENT = """
SELECT uniqExact(event_id) / 60 FROM events
WHERE project_id = {project_id:UInt32} AND timestamp >= toDateTime({now:Int64}, 'UTC') - INTERVAL 6 HOUR
    AND received_at >= toDateTime({now:Int64}, 'UTC') - INTERVAL 1 MINUTE
"""


class MeParameters(Parameters):
    """Whose key this is takes no parameters."""


class MeAnswer(Answer):
    """The project of the key."""

    project_id: int
    project_name: str
    timezone_default: str = "UTC"
    first_event: bool = Field(description="Whether any event was stored yet.")


class PipelineParameters(Parameters):
    """The state of the pipeline takes no parameters."""


class PartitionState(Answer):
    """How far one partition of the event log is stored."""

    partition: int
    stored_offset: int = Field(description="Messages before this one are stored.")
    lag_messages: int | None = Field(
        description="Messages that wait; null: the query API cannot see the log."
    )
    lag_seconds: float | None = Field(
        description="How long the last stored message had waited; null before the first."
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
    acknowledged_per_second: float | None = Field(description="Null: only the gateway's metrics tell.")
    stored_per_second: float | None = Field(description="Of this project, over the last minute.")
    spool: SpoolState | None = Field(description="Null: only the gateway's metrics tell.")
    rejected_last_hour: list[RejectedCount] = Field(description="Of this project.")
    events_today: int = Field(description="Of this project, by UTC.")
    stores: Stores


class _Count(NamedTuple):
    n: int


class _Rate(NamedTuple):
    n: float


class _Size(NamedTuple):
    bytes: int
    rows: int


async def read_me(rooms: Rooms, project_id: int, _: MeParameters) -> MeAnswer:
    """Return the project of the key.

    Raises:
        NotFound: it was removed a moment ago.
        StoreUnavailable: a store is away.
    """
    rows = await rooms.postgres.rows(_PROJECT, {"project_id": project_id})
    if not rows:
        raise NotFound("the project of this key is gone")
    events = await rooms.columns.rows(_ANY_EVENT, {"project_id": project_id}, _Count)
    return MeAnswer(project_id=project_id, project_name=rows[0][0], first_event=events[0].n > 0)


async def read_pipeline(rooms: Rooms, project_id: int, _: PipelineParameters) -> PipelineAnswer:
    """Return how far everything is.

    Raises:
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    now = rooms.now()
    bound = {"project_id": project_id, "now": int(now.timestamp())}
    as_of = await rooms.postgres.as_of()
    since = {"project_id": project_id, "since": now - timedelta(hours=1)}
    positions, rejected, size, columnar, today, recent = await asyncio.gather(
        rooms.postgres.rows(_POSITIONS),
        rooms.postgres.rows(_REJECTED, since),
        rooms.postgres.rows(_POSTGRES_SIZE),
        rooms.columns.rows(_CLICKHOUSE_SIZE, {}, _Size),
        rooms.columns.rows(_TODAY, bound, _Count),
        rooms.columns.rows(_RECENT, bound, _Rate),
    )
    return PipelineAnswer(
        as_of=as_of,
        partitions=[
            PartitionState(
                partition=partition,
                stored_offset=next_offset,
                lag_messages=None,
                lag_seconds=None if log_time is None else max(0.0, (updated_at - log_time).total_seconds()),
            )
            for partition, next_offset, log_time, updated_at in positions
        ],
        acknowledged_per_second=None,
        stored_per_second=recent[0].n,
        spool=None,
        rejected_last_hour=[
            RejectedCount(reason=RejectReason(reason), count=count) for reason, count in rejected
        ],
        events_today=today[0].n,
        stores=Stores(
            clickhouse=StoreSize(bytes=columnar[0].bytes, rows=columnar[0].rows),
            postgres=StoreSize(bytes=size[0][0], rows=size[0][1]),
        ),
    )
