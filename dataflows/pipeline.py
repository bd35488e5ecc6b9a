"""What happens to the messages of one partition, step by step, from the log to the sinks' rows.

::

    decode, reject -> drop repeated -> correct times -> put context -> count -> format

Every event ends as a row or as a rejected event with a reason; a repeated one ends nowhere, since
its first occurrence is stored. Pure but for the dedup index, which is handed in.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, compress, groupby, islice

from dataflows.decode import DecodedMessage, SoundBatch, decode
from dataflows.dedup import DedupIndex, dedup_key, find_first, place_of
from dataflows.deleted_people import DeletedPeople
from dataflows.enrich import Context, Enricher
from dataflows.event_time import correct_times
from dataflows.refusals import UNREADABLE_EVENTS, RefusalWatch
from dataflows.rollup import RollupCounter
from event_log.port import Message
from schemas.limits import Limits
from schemas.rows import format_rows, format_times, row_end
from schemas.stored import MessageRows, StoredBatch, TracedBatch

_SECONDS_A_DAY = 86_400


@dataclass(slots=True)
class PipelineCounts:
    """What happened to the events of a batch; for metrics."""

    received: int = 0
    refused: int = 0
    unreadable: int = 0
    """Messages whose events nobody can count."""
    deleted: int = 0
    """Of people who were deleted."""
    repeated: int = 0
    stored: int = 0


class PartitionPipeline:
    """The steps for one partition, in order.

    Args:
        log_id: which event log it is; positions of another log mean nothing here.
        partition: which partition of it.
        index: ids seen before.
        enricher: puts context.
        rollups: the open cells, already restored.
        limits: what an event may hold.
        max_rejected_ratio: of events refused here to all; above it the pipeline stops.
        deleted: people whose events are passed over.

    Attributes:
        after: is called after each step with its name, for those who measure.
    """

    def __init__(
        self,
        *,
        log_id: int,
        partition: int,
        index: DedupIndex,
        enricher: Enricher,
        rollups: RollupCounter,
        limits: Limits,
        max_rejected_ratio: float = 1.0,
        deleted: DeletedPeople | None = None,
    ) -> None:
        self._log_id = log_id
        self._partition = partition
        self._index = index
        self._enricher = enricher
        self._rollups = rollups
        self._limits = limits
        self._refusals = RefusalWatch(partition, max_rejected_ratio)
        self._deleted = deleted or DeletedPeople()
        self.counts = PipelineCounts()
        self.after: Callable[[str], None] = _nobody_measures

    def process(self, messages: list[Message]) -> StoredBatch:
        """Take consecutive messages through all steps.

        Args:
            messages: at least one, in log order.

        Raises:
            TooManyRejected: most events are refused; nothing of these messages was handed on.
        """
        before = copy(self.counts)
        decoded = [decode(message, self._limits) for message in messages]
        traced = tuple(
            TracedBatch(header.trace, header.received_at, len(batch.events))
            for message in decoded
            for batch in message.batches
            if (header := batch.header).trace is not None
        )
        for message in decoded:
            self.counts.received += message.received
            self.counts.refused += message.refused
            self.counts.unreadable += message.unreadable
        unreadable = UNREADABLE_EVENTS * (self.counts.unreadable - before.unreadable)
        self._refusals.add(
            self.counts.received - before.received + unreadable,
            self.counts.refused - before.refused + unreadable,
        )
        self.counts.deleted += sum(map(self._deleted.drop, decoded))
        self.after("decode")
        self._drop_repeated_refusals(messages, decoded)
        self._drop_repeated(decoded)
        self.after("deduplicate")
        rows: list[MessageRows] = []
        days: set[int] = set()
        for message in decoded:
            for control in message.controls:
                self._rollups.close(message.offset, control.project_id, control.begin, control.end)
            stored = self._store(message, days)
            events = sum(len(batch.events) for batch in message.batches)
            rows.append(MessageRows(message.offset, events, stored, message.rejected))
        self.counts.stored += sum(message.events for message in rows)
        self.after("enrich, count and format")
        return StoredBatch(
            messages=rows,
            days=frozenset(days),
            rollups=[],
            next_offset=messages[-1].offset + 1,
            log_time=max(
                (batch.header.received_at for message in decoded for batch in message.batches), default=None
            ),
            traced=traced,
        )

    def _drop_repeated_refusals(self, messages: list[Message], decoded: list[DecodedMessage]) -> None:
        """Keep the rejected events of each message once.

        The log holds a message twice where the append was stored but its confirmation lost. Good events
        are known by their ids; a rejected one may have none, but the message is the same to the byte.
        """
        refused = [pair for pair in zip(messages, decoded, strict=True) if pair[1].rejected]
        if not refused:
            return
        # No project has number 0.
        keys = [dedup_key(0, blake2b(message.body, digest_size=16).digest()) for message, _ in refused]
        places = [place_of(message.offset, 0) for message, _ in refused]
        for (_, found), is_first in zip(refused, find_first(self._index, keys, places), strict=True):
            if not is_first:
                found.rejected.clear()

    def _drop_repeated(self, decoded: list[DecodedMessage]) -> None:
        """Leave of all events those that are the first with their id."""
        keys = list(chain.from_iterable(message.keys for message in decoded))
        places = list(chain.from_iterable(message.places for message in decoded))
        passed = find_first(self._index, keys, places) if keys else []
        repeated = passed.count(False)
        if not repeated:
            return
        self.counts.repeated += repeated
        passes = iter(passed)
        for message in decoded:
            message.batches = [
                _first_of(batch, [next(passes) for _ in batch.events]) for batch in message.batches
            ]

    def _store(self, message: DecodedMessage, days: set[int]) -> bytes:
        """Put context to events, count them and format them; adds the days of their times to ``days``."""
        enricher = self._enricher
        contexts: list[Context] = []
        instants: list[datetime] = []
        for header, events, properties in message.batches:
            shared = enricher.context_of_client(header.client_address, header.user_agent)
            contexts.extend([enricher.put_context(shared, fields) for fields in properties])
            sent = [event.timestamp for event in events]
            instants.extend(correct_times(sent, header.sent_at, header.received_at))
        times = format_times(instants)
        minutes = [time[:16] for time in times]
        seconds = {minute: _seconds_of(minute) for minute in set(minutes)}
        days.update(second // _SECONDS_A_DAY for second in seconds.values())
        names = [event.event for batch in message.batches for event in batch.events]
        fields = chain.from_iterable(batch.properties for batch in message.batches)
        countable = zip(map(seconds.__getitem__, minutes), names, fields, contexts, strict=True)
        # Each call costs as much as a few events do, and a message has parts of many clients.
        for (project_id, log_time), alike in groupby(message.batches, _counted_as):
            together = islice(countable, sum(len(batch.events) for batch in alike))
            self._rollups.count(message.offset, log_time, project_id, together)
        texts = iter([context.text for context in contexts])
        formatted = iter(times)
        return b"".join(
            format_rows(
                batch.events,
                islice(formatted, len(batch.events)),
                islice(texts, len(batch.events)),
                row_end(batch.header, self._log_id, self._partition, message.offset),
                plain=message.plain,
            )
            for batch in message.batches
        )


def _nobody_measures(step: str) -> None:
    del step


def _first_of(batch: SoundBatch, passes: list[bool]) -> SoundBatch:
    return SoundBatch(
        batch.header, list(compress(batch.events, passes)), list(compress(batch.properties, passes))
    )


def _counted_as(batch: SoundBatch) -> tuple[int, int]:
    """Return project and log time, in whole seconds since 1970."""
    return batch.header.project_id, int(batch.header.received_at.timestamp())


@lru_cache(maxsize=10_000)
def _seconds_of(minute: str) -> int:
    """Return the seconds since 1970 at which a minute begins, formatted as times begin."""
    return int(datetime.fromisoformat(f"{minute}+00:00").timestamp())
