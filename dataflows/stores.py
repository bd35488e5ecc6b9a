"""Bytewax sink over both stores.

A ``FixedPartitionedSink``: with recovery on, a ``DynamicSink`` of Bytewax 0.21 can lose what is in
flight when the process dies. Batches go to background writers at once; the end of an epoch waits
until both stores have everything of the epoch *before*, so that one is written while the next is
decoded. The source keeps its offset back by as much (:mod:`dataflows.source`): what Bytewax may
resume from is stored.

There is no ``close``: a log has no end, and Bytewax, which closes a flow that failed, too, ends the
process when closing raises or waits for a store that is away.
"""

import time
from typing import NamedTuple

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from dataflows.lag import Progress
from schemas.stored import StoredBatch
from sinks.background import BackgroundWriter


class StoresSink(FixedPartitionedSink[StoredBatch, None]):
    """Hands each batch to every writer.

    Args:
        partition: the one partition of the log that the dataflow serves.
        writers: one for each store.
        progress: is told what is stored.
    """

    def __init__(self, partition: int, writers: list[BackgroundWriter], progress: Progress) -> None:
        self._partition = partition
        self._writers = writers
        self._progress = progress

    def list_parts(self) -> list[str]:
        """Return the partition's number."""
        return [str(self._partition)]

    def part_fn(self, item_key: str) -> int:
        """Send every item to the only partition there is."""
        del item_key
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Stores":
        """Return the sink of the partition; the writers know their own positions."""
        del step_id, for_part, resume_state
        return _Stores(self._writers, self._progress)


class _Epoch(NamedTuple):
    """What was handed to the writers up to the end of an epoch."""

    flushes: list[int]
    """By writer."""
    next_offset: int
    log_time: float | None


class _Stores(StatefulSinkPartition[StoredBatch, None]):
    def __init__(self, writers: list[BackgroundWriter], progress: Progress) -> None:
        self._writers = writers
        self._progress = progress
        self._next_offset = 0
        self._log_time: float | None = None
        self._ended: _Epoch | None = None

    def write_batch(self, values: list[StoredBatch]) -> None:
        """Queue batches; waits while a store is too far behind."""
        for batch in values:
            self._next_offset = max(self._next_offset, batch.next_offset)
            if batch.log_time is not None:
                self._log_time = batch.log_time.timestamp()
            for writer in self._writers:
                writer.put(batch)

    def snapshot(self) -> None:
        """Have this epoch written, and wait until both stores hold the one before."""
        before = self._ended
        flushes = [writer.request_flush() for writer in self._writers]
        self._ended = _Epoch(flushes, self._next_offset, self._log_time)
        if before is not None:
            self._wait(before)

    def _wait(self, epoch: _Epoch) -> None:
        for writer, flush in zip(self._writers, epoch.flushes, strict=True):
            writer.wait_flushed(flush)
        self._progress.stored(epoch.next_offset, epoch.log_time, time.time())
