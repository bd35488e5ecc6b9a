"""Bytewax source that reads raw events from PostgreSQL first, then the log: no gap, no overlap.

Both have the same offsets, so a partition's state is one offset all the way. Where PostgreSQL ends and the log
begins is written down before anything has an effect.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from dataflows.dedup import DedupIndex, find_first
from dataflows.kit.batch import EventBatch
from dataflows.kit.log_partitions import KeyedBatch, LogPartitions
from dataflows.kit.progress import Progress
from dataflows.kit.raw_events import RawPart, read_part

_ITEM_EVENTS = 2_000
_EPOCH_EVENTS = 50_000
_REST = timedelta(milliseconds=25)
_BEFORE_ALL = -(2**62)
_log = structlog.get_logger()


class BackfilledPartitions(FixedPartitionedSource[KeyedBatch, int]):
    """Reads raw events, then the log.

    Args:
        dsn: PostgreSQL.
        parts: what there is to read, for each partition.
        since: raw events of before are left out.
        index_of: returns the index of a partition's ids.
        log: reads the log.
        progress: is told what has had its effect.
        sync: makes the ids of a partition survive a power cut.
    """

    def __init__(
        self,
        dsn: str,
        parts: dict[str, list[RawPart]],
        since: datetime | None,
        index_of: Callable[[str], DedupIndex],
        log: LogPartitions,
        progress: Progress,
        sync: Callable[[str], None],
    ) -> None:
        self._dsn = dsn
        self._parts = parts
        self._since = since
        self._index_of = index_of
        self._log = log
        self._progress = progress
        self._sync = sync

    def list_parts(self) -> list[str]:
        """Return the partitions."""
        return list(self._parts)

    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> StatefulSourcePartition[KeyedBatch, int]:
        """Go on where the state says: in the raw events, or in the log."""
        boundary = self._parts[for_part][-1].end
        begin = _BEFORE_ALL if resume_state is None else resume_state

        def read_log() -> StatefulSourcePartition[KeyedBatch, int]:
            self._progress.enter(for_part, "live")
            return self._log.build_part(step_id, for_part, max(boundary, begin))

        if begin >= boundary:
            return read_log()
        _log.info("flow reads raw events", partition=for_part, before=boundary)
        batches = (
            batch
            for part in self._parts[for_part]
            if begin < part.base + part.end
            for batch in read_part(self._dsn, part, for_part, begin, self._since)
        )
        return _BackfilledPartition(
            for_part,
            boundary,
            begin,
            batches,
            self._index_of(for_part),
            read_log,
            self._progress,
            self._sync,
        )


class _BackfilledPartition(StatefulSourcePartition[KeyedBatch, int]):
    def __init__(
        self,
        partition: str,
        boundary: int,
        begin: int,
        batches: Iterator[EventBatch],
        index: DedupIndex,
        read_log: Callable[[], StatefulSourcePartition[KeyedBatch, int]],
        progress: Progress,
        sync: Callable[[str], None],
    ) -> None:
        self._partition = partition
        self._boundary = boundary
        self._next_offset = begin
        self._batches = batches
        self._index = index
        self._read_log = read_log
        self._progress = progress
        self._sync = sync
        self._events = progress.events_of(partition)
        self._log_time = 0.0
        self._room = _EPOCH_EVENTS
        self._ended: tuple[int, float, int] | None = None
        self._is_through = False
        self._log: StatefulSourcePartition[KeyedBatch, int] | None = None

    def next_batch(self) -> list[KeyedBatch]:
        """Return some messages' events; those of the log once there are no others."""
        if self._ended is not None:
            self._progress.reached(self._partition, *self._ended)
            self._ended = None
            if self._is_through:
                # Not before: the log goes on counting where this ends.
                self._log = self._read_log()
        if self._log is not None:
            return list(self._log.next_batch())
        if self._is_through or self._room <= 0:
            return []
        batches: list[EventBatch] = []
        events = 0
        while events < _ITEM_EVENTS:
            batch = next(self._batches, None)
            if batch is None:
                self._next_offset = self._boundary
                self._is_through = True
                break
            batches.append(batch)
            events += len(batch)
            self._next_offset = batch.offset + 1
            self._log_time = max(self._log_time, batch.log_time)
        self._events += events
        self._room -= events
        self._remember(batches)
        return [(self._partition, batch) for batch in batches]

    def next_awake(self) -> datetime | None:
        """As the log's, once that is read; until then rest while an epoch's end is waited for."""
        if self._log is not None:
            return self._log.next_awake()
        return datetime.now(UTC) + _REST if self._is_through or self._room <= 0 else None

    def snapshot(self) -> int:
        """Return the offset to go on from."""
        if self._log is not None:
            self._next_offset = max(self._next_offset, self._log.snapshot())
        else:
            self._sync(self._partition)
            self._ended = (self._next_offset, self._log_time, self._events)
        self._room = _EPOCH_EVENTS
        return self._next_offset

    def close(self) -> None:
        """Stop reading."""
        if self._log is not None:
            self._log.close()

    def _remember(self, batches: list[EventBatch]) -> None:
        """Keep the ids: an event that is sent again comes by the log."""
        keys = [key for batch in batches for key in batch.columns.keys()]  # noqa: SIM118 - these are no dict's
        if keys:
            places = [place for batch in batches for place in batch.columns.places(batch.offset)]
            find_first(self._index, keys, places)
