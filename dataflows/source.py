"""Bytewax source over one partition of the event log.

An item is a list of messages, never one message. The offset to go on from is all of its state. It is
that of the epoch *before*, which is what the sinks have stored when Bytewax keeps it. So a restart
reads an epoch again that the steps behind have in their state already: see
:meth:`dataflows.rollup.RollupCounter.count`.

Bytewax ends an epoch for a sink only if the sink was given something in it. So the offset moves only in
an epoch in which something was handed out, be it an item without messages.
"""

from datetime import UTC, datetime, timedelta

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from dataflows.beginning import Beginning
from event_log.blocking import BlockingLog
from event_log.errors import OffsetGone
from event_log.port import Message

_IDLE = timedelta(milliseconds=25)
_log = structlog.get_logger()

Keyed = tuple[str, list[Message]]


class EventLogSource(FixedPartitionedSource[Keyed, int | None]):
    """Reads one partition from where its state says, or from its beginning.

    Args:
        log: the open log; outlives the dataflow.
        partition: which partition.
        batch_bytes: how much one item holds, roughly.
        epoch_bytes: how much is handed out in one epoch. Bytewax holds nothing back within an
            epoch, so this is what bounds its queues.
        beginning: decides where to begin when there is no state and the log's first messages are gone.
    """

    def __init__(
        self, log: BlockingLog, partition: int, *, batch_bytes: int, epoch_bytes: int, beginning: Beginning
    ) -> None:
        self._log = log
        self._partition = partition
        self._batch_bytes = batch_bytes
        self._epoch_bytes = epoch_bytes
        self._beginning = beginning

    def list_parts(self) -> list[str]:
        """Return the partition's number: one dataflow process serves one partition."""
        return [str(self._partition)]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "_LogPartition":
        """Start reading."""
        del step_id
        _log.info("reading event log", partition=for_part, offset=resume_state or 0)
        return _LogPartition(
            self._log, self._partition, resume_state, self._batch_bytes, self._epoch_bytes, self._beginning
        )


class _LogPartition(StatefulSourcePartition[Keyed, int | None]):
    def __init__(
        self,
        log: BlockingLog,
        partition: int,
        resume_state: int | None,
        batch_bytes: int,
        epoch_bytes: int,
        beginning: Beginning,
    ) -> None:
        self._log = log
        self._partition = partition
        self._key = str(partition)
        self._next_offset = resume_state or 0
        self._batch_bytes = batch_bytes
        self._epoch_bytes = epoch_bytes
        self._epoch_room = epoch_bytes
        self._beginning = beginning
        self._has_state = resume_state is not None
        self._state = resume_state
        self._epoch_ended = resume_state
        self._handed_out = False
        self._reader = log.reader(partition, self._next_offset)
        self._idle = False

    def next_batch(self) -> list[Keyed]:
        """Return one item with what has arrived, or nothing; never waits."""
        messages: list[Message] = []
        if self._epoch_room > 0:
            try:
                messages = self._reader.poll(max_bytes=min(self._batch_bytes, self._epoch_room))
            except OffsetGone as error:
                self._begin_at_oldest(error)
        self._idle = not messages
        if not messages:
            return self._nothing_new()
        self._handed_out = True
        self._epoch_room -= sum(len(message.body) for message in messages)
        self._next_offset = messages[-1].offset + 1
        self._has_state = True
        return [(self._key, messages)]

    def next_awake(self) -> datetime | None:
        """Let Bytewax rest while there is nothing."""
        return datetime.now(UTC) + _IDLE if self._idle else None

    def snapshot(self) -> int | None:
        """Return the offset at the end of the epoch before. An epoch ends here: there is room for the next.

        ``None`` while nothing had been read then.
        """
        self._epoch_room = self._epoch_bytes
        if self._handed_out:
            self._handed_out = False
            self._state, self._epoch_ended = self._epoch_ended, self._next_offset if self._has_state else None
        return self._state

    def _nothing_new(self) -> list[Keyed]:
        """Once in an epoch, for as long as the state is behind: have the sinks wait for the epoch before."""
        if self._handed_out or self._state == self._epoch_ended:
            return []
        self._handed_out = True
        return [(self._key, [])]

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _begin_at_oldest(self, error: OffsetGone) -> None:
        if self._has_state or error.oldest <= self._next_offset:
            raise error
        self._next_offset = self._state = self._epoch_ended = self._beginning.skip_to(error)
        self._reader.close()
        self._reader = self._log.reader(self._partition, self._next_offset)
