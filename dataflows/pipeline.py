"""What happens to the messages of one partition, step by step, from the log to the sinks' rows.

::

    decode_message -> reject -> drop_repeated -> put_context -> count -> format

Every event ends as a row or as a rejected event with a reason; a repeated one ends nowhere, since
its first occurrence is stored. Pure but for the dedup index, which is handed in.
"""

import re
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from dataflows.dedup import DedupIndex, dedup_key, find_first, place_of
from dataflows.enrich import Enricher
from dataflows.event_time import correct_time
from dataflows.refusals import UNREADABLE_EVENTS, RefusalWatch
from dataflows.rollup import CountedEvent, RollupCounter
from event_log.port import Message
from schemas.envelope import CloseGroups, EnvelopeError, LogEvent, SubBatch, decode_message, encode_event
from schemas.limits import Limits
from schemas.properties import Rejection, check_text, decode_properties
from schemas.reasons import RejectReason
from schemas.rows import format_row, format_time, row_prefix, row_suffix
from schemas.stored import MessageRows, StoredBatch, StoredRejection

_EPOCH_ORDINAL = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - only the date counts


@dataclass(slots=True)
class PipelineCounts:
    """What happened to the events of a batch; for metrics."""

    received: int = 0
    refused: int = 0
    unreadable: int = 0
    """Messages whose events nobody can count."""
    repeated: int = 0
    stored: int = 0


class _Candidate(NamedTuple):
    """An event that was not rejected."""

    event: LogEvent
    properties: dict[str, Any]
    raw_properties: bytes


class _Decoded(NamedTuple):
    """One sub-batch, with the slice of the dedup answers that belongs to it."""

    offset: int
    batch: SubBatch
    candidates: list[_Candidate]


_Steps = list[_Decoded | CloseGroups]


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
    ) -> None:
        self._log_id = log_id
        self._partition = partition
        self._index = index
        self._enricher = enricher
        self._rollups = rollups
        self._limits = limits
        self._refusals = RefusalWatch(partition, max_rejected_ratio)
        self.counts = PipelineCounts()

    def process(self, messages: list[Message]) -> StoredBatch:
        """Take consecutive messages through all steps.

        Args:
            messages: at least one, in log order.

        Raises:
            TooManyRejected: most events are refused; nothing of these messages was handed on.
        """
        before = copy(self.counts)
        rejected: dict[int, list[StoredRejection]] = {message.offset: [] for message in messages}
        steps: _Steps = []
        keys: list[bytes] = []
        places: list[bytes] = []
        for message in messages:
            self._decode(message, steps, keys, places, rejected[message.offset])
        unreadable = UNREADABLE_EVENTS * (self.counts.unreadable - before.unreadable)
        self._refusals.add(
            self.counts.received - before.received + unreadable,
            self.counts.refused - before.refused + unreadable,
        )
        self._drop_repeated_refusals(messages, rejected)
        passed = find_first(self._index, keys, places)
        rows: dict[int, list[bytes]] = {message.offset: [] for message in messages}
        days: set[int] = set()
        begin = 0
        log_time: datetime | None = None
        for step in steps:
            if isinstance(step, CloseGroups):
                self._rollups.close(step.project_id, step.begin, step.end)
                continue
            offset, batch, candidates = step
            end = begin + len(candidates)
            first = [
                candidate for candidate, passes in zip(candidates, passed[begin:end], strict=True) if passes
            ]
            begin = end
            log_time = batch.received_at if log_time is None else max(log_time, batch.received_at)
            rows[offset].extend(self._store(offset, batch, first, days))
        self.counts.repeated += len(passed) - sum(passed)
        return StoredBatch(
            messages=[
                MessageRows(offset, len(lines), b"".join(lines), rejected[offset])
                for offset, lines in rows.items()
            ],
            days=frozenset(days),
            rollups=[],
            next_offset=messages[-1].offset + 1,
            log_time=log_time,
        )

    def _drop_repeated_refusals(
        self, messages: list[Message], rejected: dict[int, list[StoredRejection]]
    ) -> None:
        """Keep the rejected events of each message once.

        The log holds a message twice where the append was stored but its confirmation lost. Good events
        are known by their ids; a rejected one may have none, but the message is the same to the byte.
        """
        refused = [message for message in messages if rejected[message.offset]]
        # No project has number 0.
        keys = [dedup_key(0, blake2b(message.body, digest_size=16).digest()) for message in refused]
        places = [place_of(message.offset, 0) for message in refused]
        for message, is_first in zip(refused, find_first(self._index, keys, places), strict=True):
            if not is_first:
                rejected[message.offset].clear()

    def _decode(
        self,
        message: Message,
        steps: _Steps,
        keys: list[bytes],
        places: list[bytes],
        rejected: list[StoredRejection],
    ) -> None:
        """Decode one message; what the gateway or this step refuses goes to ``rejected``."""
        offset = message.offset
        try:
            decoded = decode_message(message.body)
        except EnvelopeError as error:
            rejected.append(_rejected_message(message.body, error))
            self.counts.unreadable += 1
            return
        steps.extend(decoded.controls)
        # Looked for once in all names of a message; JSON has no other way to write it.
        may_hold_nul = b"\\u0000" in message.body
        index = 0
        by_gateway = 0
        for batch in decoded.batches:
            for refused in batch.rejected:
                rejected.append(
                    StoredRejection(
                        place=by_gateway,
                        project_id=batch.project_id,
                        received_at=batch.received_at,
                        event_id=refused.event_id,
                        reason=refused.reason,
                        message=refused.message,
                        payload=refused.payload,
                        source=batch.source,
                        rejected_by="gateway",
                    )
                )
                by_gateway += 1
            candidates: list[_Candidate] = []
            for event in batch.events:
                raw = bytes(event.properties)
                bad_name = _check_names(event) if may_hold_nul else None
                properties = bad_name or decode_properties(raw, self._limits)
                event_id = _event_id_bytes(event.event_id)
                if isinstance(properties, Rejection):
                    rejected.append(_rejected_event(index, batch, event, properties))
                elif event_id is None:
                    rejected.append(_rejected_event(index, batch, event, _BAD_EVENT_ID))
                else:
                    keys.append(dedup_key(batch.project_id, event_id))
                    places.append(place_of(offset, index))
                    candidates.append(_Candidate(event, properties, raw))
                index += 1
            steps.append(_Decoded(offset, batch, candidates))
            self.counts.refused += len(batch.events) - len(candidates)
        self.counts.received += index

    def _store(
        self, offset: int, batch: SubBatch, candidates: list[_Candidate], days: set[int]
    ) -> list[bytes]:
        """Put context to events, count them and format them; adds the days of their times to ``days``."""
        enricher = self._enricher
        shared = enricher.context_of_client(batch.client_address, batch.user_agent)
        prefix = row_prefix(batch.project_id)
        suffix = row_suffix(batch, self._log_id, self._partition, offset)
        received_at = format_time(batch.received_at)
        counted: list[CountedEvent] = []
        lines: list[bytes] = []
        for event, properties, raw in candidates:
            timestamp = correct_time(event.timestamp, batch.sent_at, batch.received_at)
            context = enricher.put_context(shared, properties)
            lines.append(prefix + format_row(event, timestamp, received_at, raw, context.encoded) + suffix)
            days.add(timestamp.toordinal() - _EPOCH_ORDINAL)
            seconds = int(timestamp.timestamp())
            counted.append(CountedEvent(seconds - seconds % 60, event.event, properties, context))
        self._rollups.count(offset, int(batch.received_at.timestamp()), batch.project_id, counted)
        self.counts.stored += len(lines)
        return lines


_UUID = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BAD_EVENT_ID = Rejection(RejectReason.INVALID_EVENT_ID, "event_id must be a UUID of 36 characters")


def _check_names(event: LogEvent) -> Rejection | None:
    for name in (event.event, event.distinct_id, event.session_id):
        if name is not None and (found := check_text(name)) is not None:
            return found
    return None


def _event_id_bytes(event_id: str) -> bytes | None:
    # fromhex skips spaces, and PostgreSQL takes hyphens in fewer places than anybody may write them.
    if _UUID.fullmatch(event_id) is None:
        return None
    return bytes.fromhex(event_id.replace("-", ""))


def _rejected_event(index: int, batch: SubBatch, event: LogEvent, why: Rejection) -> StoredRejection:
    return StoredRejection(
        place=index,
        project_id=batch.project_id,
        received_at=batch.received_at,
        event_id=event.event_id,
        reason=why.reason,
        message=why.message,
        payload=encode_event(event),
        source=batch.source,
        rejected_by="dataflow",
    )


def _rejected_message(body: bytes, error: EnvelopeError) -> StoredRejection:
    return StoredRejection(
        place=0,
        project_id=None,
        received_at=None,
        event_id=None,
        reason=RejectReason.MALFORMED,
        message=str(error),
        payload=body,
        source=None,
        rejected_by="dataflow",
    )
