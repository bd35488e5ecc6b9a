"""What a dataflow hands to the sinks: rows of text, and where in the log they come from.

A row is one line of tab-separated text, which both stores read as it is (PostgreSQL's ``COPY`` text
format, ClickHouse's ``TabSeparated``), so that each event is formatted once.
"""

from datetime import datetime
from typing import NamedTuple

from schemas.reasons import RejectReason
from schemas.rollup import RollupRows

EVENT_COLUMNS = (
    "event_id",
    "event",
    "distinct_id",
    "timestamp",
    "client_timestamp",
    "session_id",
    "properties",
    "context",
    "project_id",
    "received_at",
    "source",
    "log_id",
    "log_partition",
    "log_offset",
)
"""Columns of a row, in order, those last that a sub-batch shares; tables ``events`` of both stores have them."""


class StoredRejection(NamedTuple):
    """A rejected event as it is kept."""

    place: int
    """Place among the rejected events of its message that the same part of the pipeline refused."""
    project_id: int | None
    received_at: datetime | None
    event_id: str | None
    reason: RejectReason
    message: str
    payload: bytes
    source: str | None
    rejected_by: str
    """``gateway`` or ``dataflow``."""


class MessageRows(NamedTuple):
    """What one log message left to be stored, after rejection and deduplication."""

    offset: int
    events: int
    rows: bytes
    """A line for each event, each ending in a newline."""
    rejected: list[StoredRejection]


class CountedTo(NamedTuple):
    """How far a partition is counted."""

    partition: int
    next_offset: int
    """Every message before this one is."""


class TracedBatch(NamedTuple):
    """A client's batch that has a trace, for :mod:`smolhog.tracing`."""

    traceparent: str
    """Of the hop before."""
    received_at: datetime
    events: int


class StoredBatch(NamedTuple):
    """Consecutive messages of one partition, ready for the sinks, and cells to be emitted with them."""

    messages: list[MessageRows]
    days: frozenset[int]
    """Days (since 1970-01-01) of the events' times."""
    rollups: list[RollupRows]
    next_offset: int
    """The offset after the last message of this batch, or of the one before if it has none."""
    log_time: datetime | None
    """Log time at the end of the batch."""
    counted_to: CountedTo | None = None
    """What the rollups hold once ``rollups`` is stored; ``None`` where that is not said."""
    traced: tuple[TracedBatch, ...] = ()
    """Clients' batches in ``messages`` that have a trace."""

    @property
    def size(self) -> int:
        """Bytes that this batch roughly takes in memory."""
        return (
            sum(len(message.rows) for message in self.messages)
            + 200 * sum(len(rows.totals) for rows in self.rollups)
            + 1000
        )
