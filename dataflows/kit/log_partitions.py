"""Bytewax source over all partitions of the event log: decoded batches, one for each message.

A partition's state is the offset to go on from. Everything before it has had its effect when Bytewax keeps
it: sinks write at the end of the epoch.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from dataflows.kit.batch import EventBatch
from dataflows.kit.decoding import BatchDecoder
from dataflows.kit.progress import Progress
from dataflows.kit.ticks import Ticks
from event_log.blocking import BlockingLog

_IDLE = timedelta(milliseconds=25)
_EPOCH_BYTES = 16 * 1024**2
_ITEM_BYTES = 1024**2
_log = structlog.get_logger()

KeyedBatch = tuple[str, EventBatch]


class LogPartitions(FixedPartitionedSource[KeyedBatch, int]):
    """Reads partitions from where their state says, or from where the flow starts.

    Args:
        log: the open log; outlives the dataflow.
        starts: partition -> offset to begin with.
        make_decoder: makes the decoder of a partition.
        progress: is told what has had its effect.
        ticks: tells idle partitions the time.
        sync: makes the ids that a partition's decoder has seen survive a power cut.
    """

    def __init__(
        self,
        log: BlockingLog,
        starts: dict[str, int],
        make_decoder: Callable[[str], BatchDecoder],
        progress: Progress,
        ticks: Ticks,
        sync: Callable[[str], None],
    ) -> None:
        self._log = log
        self._starts = starts
        self._make_decoder = make_decoder
        self._progress = progress
        self._ticks = ticks
        self._sync = sync

    def list_parts(self) -> list[str]:
        """Return the partitions."""
        return list(self._starts)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "_LogPartition":
        """Start reading one."""
        del step_id
        offset = self._starts[for_part] if resume_state is None else resume_state
        _log.info("flow reads event log", partition=for_part, offset=offset)
        return _LogPartition(
            self._log,
            for_part,
            offset,
            _EPOCH_BYTES // len(self._starts),
            self._make_decoder(for_part),
            self._progress,
            self._ticks,
            self._sync,
        )


class _LogPartition(StatefulSourcePartition[KeyedBatch, int]):
    def __init__(
        self,
        log: BlockingLog,
        partition: str,
        offset: int,
        epoch_bytes: int,
        decoder: BatchDecoder,
        progress: Progress,
        ticks: Ticks,
        sync: Callable[[str], None],
    ) -> None:
        self._partition = partition
        self._next_offset = offset
        self._epoch_bytes = epoch_bytes
        self._room = epoch_bytes
        self._decoder = decoder
        self._progress = progress
        self._ticks = ticks
        self._sync = sync
        self._reader = log.reader(int(partition), offset)
        self._log_time = 0.0
        self._events = progress.events_of(partition)
        self._ended: tuple[int, float, int] | None = None
        self._idle = False

    def next_batch(self) -> list[KeyedBatch]:
        """Return what has arrived, possibly nothing; never waits."""
        if self._ended is not None:
            # Bytewax asks again only once the epoch that ended is kept.
            self._progress.reached(self._partition, *self._ended)
            self._ended = None
        messages = self._reader.poll(max_bytes=min(_ITEM_BYTES, self._room)) if self._room > 0 else []
        self._idle = not messages
        if not messages:
            if self._room > 0:
                self._ticks.idle(self._partition)
            return []
        self._ticks.busy(self._partition)
        self._room -= sum(len(message.body) for message in messages)
        self._next_offset = messages[-1].offset + 1
        batches = self._decoder.decode(messages)
        self._log_time = max(self._log_time, *(batch.log_time for batch in batches))
        self._events += sum(map(len, batches))
        return [(self._partition, batch) for batch in batches]

    def next_awake(self) -> datetime | None:
        """Let Bytewax rest while there is nothing."""
        return datetime.now(UTC) + _IDLE if self._idle else None

    def snapshot(self) -> int:
        """Return the offset to go on from. An epoch ends here: there is room for the next.

        What was read may have come to nothing that a sink was given. Its ids have to be as safe as the offset all
        the same: what is sent again would be taken for new.
        """
        self._sync(self._partition)
        self._room = self._epoch_bytes
        self._ended = (self._next_offset, self._log_time, self._events)
        return self._next_offset

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()
