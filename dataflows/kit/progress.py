"""How far a flow has come: kept in PostgreSQL, for people to look at."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

import psycopg

_STORE = """
INSERT INTO flow_progress (
    flow, version, log_id, log_partition, phase, next_offset, end_offset, log_time, done_events, total_events
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (flow, version, log_id, log_partition) DO UPDATE SET
    phase = excluded.phase, next_offset = excluded.next_offset, end_offset = excluded.end_offset,
    log_time = coalesce(excluded.log_time, flow_progress.log_time), done_events = excluded.done_events,
    total_events = excluded.total_events, updated_at = now()
"""
# Of a log that was replaced by another one nobody wants to know any more.
_READ = """
SELECT DISTINCT ON (flow, version, log_partition)
    flow, version, log_partition, phase, next_offset, end_offset, log_time, done_events, total_events, updated_at,
    log_id
FROM flow_progress ORDER BY flow, version, log_partition, updated_at DESC
"""
_DONE = """
SELECT log_partition, next_offset, done_events FROM flow_progress WHERE flow = %s AND version = %s AND log_id = %s
"""


class FlowProgress(NamedTuple):
    """How far a flow has come in one partition of its input."""

    flow: str
    version: int
    partition: str
    phase: str
    """``backfill``, ``live``, or ``done`` for a flow over files that ended."""
    next_offset: int
    """Everything before it has had its effect."""
    end_offset: int | None
    """Where the input ended when that was last looked at; ``None`` where it is not known."""
    log_time: datetime | None
    done_events: int
    """Events that had their effect, roughly: after a crash some are counted again."""
    total_events: int | None
    """Events of the backfill, or of the files, where they are known."""
    updated_at: datetime
    log_id: int


@dataclass
class PartitionProgress:
    """How far one partition has come, as the source says."""

    next_offset: int
    log_time: float = 0.0
    events: int = 0
    phase: str = "live"
    total: int | None = None


@dataclass
class Progress:
    """Is told by the source what has had its effect; read by the watch, from another thread."""

    partitions: dict[str, PartitionProgress] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def reached(self, partition: str, next_offset: int, log_time: float, events: int) -> None:
        """Say that everything before an offset has had its effect, and how many events that were."""
        with self.lock:
            known = self.partitions.setdefault(partition, PartitionProgress(next_offset))
            known.next_offset, known.events = next_offset, events
            known.log_time = max(known.log_time, log_time)

    def restore(self, done: list[tuple[str, int, int]]) -> None:
        """Say what had had its effect before this process began: partition, next offset, and number of events."""
        for partition, next_offset, events in done:
            self.partitions[partition] = PartitionProgress(next_offset, events=events)

    def enter(self, partition: str, phase: str, total: int | None = None) -> None:
        """Say that a partition enters a phase, and how many events it has, if that is known."""
        with self.lock:
            known = self.partitions.setdefault(partition, PartitionProgress(0))
            known.phase = phase
            known.total = known.total if total is None else total

    def events_of(self, partition: str) -> int:
        """Return how many events have had their effect."""
        with self.lock:
            known = self.partitions.get(partition)
            return 0 if known is None else known.events


def store_progress(
    connection: psycopg.Connection,
    flow: str,
    version: int,
    log_id: int,
    progress: Progress,
    ends: dict[str, int],
) -> None:
    """Write down how far a flow has come.

    Args:
        connection: to PostgreSQL, in autocommit mode.
        flow: its name.
        version: of the flow.
        log_id: of the log.
        progress: of the flow.
        ends: where partitions end, as far as that is known.
    """
    with progress.lock:
        rows = [
            (
                flow,
                version,
                log_id,
                partition,
                known.phase,
                known.next_offset,
                ends.get(partition),
                datetime.fromtimestamp(known.log_time, UTC) if 0 < known.log_time < 1e11 else None,
                known.events,
                known.total,
            )
            for partition, known in progress.partitions.items()
        ]
    with connection.cursor() as cursor:
        cursor.executemany(_STORE, rows)


def read_done(
    connection: psycopg.Connection, flow: str, version: int, log_id: int
) -> list[tuple[str, int, int]]:
    """Return what had had its effect when that was last stored, as :meth:`Progress.restore` takes it."""
    return connection.execute(_DONE, [flow, version, log_id]).fetchall()


def read_progress(postgres_dsn: str) -> list[FlowProgress]:
    """Return how far all flows have come, by flow, version and partition.

    Raises:
        psycopg.OperationalError: PostgreSQL does not answer.
    """
    with psycopg.connect(postgres_dsn, connect_timeout=5, options="-c timezone=UTC") as connection:
        return [FlowProgress(*row) for row in connection.execute(_READ).fetchall()]
