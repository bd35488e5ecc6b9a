"""What the built-in dataflows of one process are told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from event_log.port import EventLog
from schemas.limits import Limits


@dataclass(frozen=True, slots=True)
class DataflowOptions:
    """What the dataflows of one process need.

    Attributes:
        partitions: which partitions of the log.
        open_log: opens the event log.
        postgres_dsn: where raw events go.
        clickhouse_url: where rollups and the columnar copy go.
        folder: holds the folders of the partitions that this machine serves.
        limits: what an event may hold.
        epoch: time between two snapshots.
        grace_seconds: log time after a bucket's end at which its cells are closed.
        breakdown_values: values of one property that are told apart.
        dedup_days: how long an id is remembered.
        max_rejected_ratio: of events that the dataflow refuses; above it, it stops.
        geoip_file: MaxMind database, or ``None``.
    """

    partitions: tuple[int, ...]
    open_log: Callable[[], Awaitable[EventLog]]
    postgres_dsn: str
    clickhouse_url: str
    folder: Path
    limits: Limits
    epoch: timedelta
    grace_seconds: int
    breakdown_values: int
    dedup_days: int
    max_rejected_ratio: float
    geoip_file: Path | None = None
