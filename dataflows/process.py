"""Bytewax step that runs the pipeline: messages in, batches for the sinks out.

Its state is the open rollup cells of the partition, as compact bytes; ids live in the dedup index.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from bytewax.operators import StatefulBatchLogic

from dataflows.pipeline import PartitionPipeline, PipelineCounts
from dataflows.rollup import RollupCounter
from dataflows.step_traces import StepTimes, trace_steps
from event_log.port import Message
from schemas.stored import CountedTo, StoredBatch
from smolhog.metrics import (
    EVENTS_DEDUPLICATED,
    EVENTS_LATE,
    EVENTS_OF_DELETED,
    EVENTS_PROCESSED,
    EVENTS_REJECTED,
)
from smolhog.tracing import current_tracing

_log = structlog.get_logger()

EMIT_ALL_EVERY = timedelta(seconds=1)
"""Time between two emissions of everything, at least."""
EMIT_ALL_LATEST = timedelta(seconds=3)
"""And at most, however many cells change."""
_CELLS_A_SECOND = 1_500

PipelineFactory = Callable[[RollupCounter], PartitionPipeline]


class ProcessLogic(StatefulBatchLogic[list[Message], StoredBatch, bytes]):
    """Runs one partition's pipeline, and emits changed cells every so often.

    Whatever wakes it, it hands something on. Where it is woken Bytewax takes a snapshot, which rests on the
    sinks having waited for the epoch before; they do if they were given something, be it empty.

    Args:
        partition: for metrics.
        pipeline: takes messages through the steps.
        rollups: the pipeline's open cells.
        sync: makes the dedup index survive a power cut; called before each snapshot.
        emit_every: time between two emissions of events' totals. Everything else, many times the rows,
            is emitted every :data:`EMIT_ALL_EVERY`; less often where thousands of cells change each time, since
            both this process and ClickHouse take each of them as long as an event.
    """

    def __init__(
        self,
        partition: int,
        pipeline: PartitionPipeline,
        rollups: RollupCounter,
        sync: Callable[[], None],
        emit_every: timedelta,
    ) -> None:
        self._partition = partition
        self._pipeline = pipeline
        self._rollups = rollups
        self._sync = sync
        self._emit_every = emit_every
        self._next_emit = datetime.now(UTC) + emit_every
        self._next_emit_all = self._next_emit
        self._next_offset = 0

    def on_batch(self, values: list[list[Message]]) -> tuple[list[StoredBatch], bool]:
        """Process what the source handed out."""
        try:
            batches = [self._process(messages) for messages in values]
        except Exception as error:
            # Where several flows share a process, Bytewax may end with a panic that hides the reason.
            _log.exception("processing failed", partition=self._partition, reason=str(error))
            raise
        self._next_offset = max(self._next_offset, batches[-1].next_offset)
        self._rollups.advance(self._next_offset)
        self._count(batches)
        return batches, StatefulBatchLogic.RETAIN

    def on_notify(self) -> tuple[list[StoredBatch], bool]:
        """Emit what changed: the totals, or now and then everything."""
        now = datetime.now(UTC)
        self._next_emit = now + self._emit_every
        if now >= self._next_emit_all:
            emitted = self._emit_all()
            cells = sum(len(rows.totals) for batch in emitted[0] for rows in batch.rollups)
            self._next_emit_all = now + pause_after(cells)
            return emitted
        totals = self._rollups.emit_totals()
        return [self._empty()._replace(rollups=totals)], StatefulBatchLogic.RETAIN

    def _emit_all(self) -> tuple[list[StoredBatch], bool]:
        rollups = self._rollups.emit()
        counted_to = CountedTo(self._partition, self._rollups.counted_to)
        return [self._empty()._replace(rollups=rollups, counted_to=counted_to)], StatefulBatchLogic.RETAIN

    def _process(self, messages: list[Message]) -> StoredBatch:
        if not messages:
            return self._empty()
        tracing = current_tracing()
        if tracing is None:
            return self._pipeline.process(messages)
        times = StepTimes()
        self._pipeline.after = times.end
        batch = self._pipeline.process(messages)
        return trace_steps(tracing, self._partition, batch, times)

    def _empty(self) -> StoredBatch:
        return StoredBatch([], frozenset(), [], self._next_offset, None)

    def on_eof(self) -> tuple[list[StoredBatch], bool]:
        """Emit the rest; a log does not end, but a test's does."""
        return self._emit_all()

    def notify_at(self) -> datetime | None:
        """Ask to be called for the next emission if there is something to emit."""
        return self._next_emit if self._rollups.has_changes else None

    def snapshot(self) -> bytes:
        """Return the open cells, after everything they rest on is safe."""
        self._sync()
        return self._rollups.snapshot()

    def _count(self, batches: list[StoredBatch]) -> None:
        counts, self._pipeline.counts = self._pipeline.counts, PipelineCounts()
        EVENTS_PROCESSED.labels(str(self._partition)).inc(counts.received)
        EVENTS_DEDUPLICATED.labels(str(self._partition)).inc(counts.repeated)
        EVENTS_OF_DELETED.labels(str(self._partition)).inc(counts.deleted)
        EVENTS_LATE.labels(str(self._partition)).inc(self._rollups.take_late())
        refused = Counter(
            rejection.reason.value
            for batch in batches
            for message in batch.messages
            for rejection in message.rejected
            if rejection.rejected_by == "dataflow"
        )
        for reason, number in refused.items():
            EVENTS_REJECTED.labels("dataflow", reason).inc(number)


def pause_after(cells: int) -> timedelta:
    """Return the time to the next emission of everything after one of so many cells."""
    pause = timedelta(seconds=cells / _CELLS_A_SECOND)
    return min(max(EMIT_ALL_EVERY, pause), EMIT_ALL_LATEST)
