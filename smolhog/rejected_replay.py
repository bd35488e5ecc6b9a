"""Sends rejected events again: those that pass now go into the event log, the others stay as they are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg

from event_log.port import EventLog
from ingest_gateway.replay import judge_again
from schemas.envelope import (
    EnvelopeError,
    LogEvent,
    SubBatch,
    decode_message,
    encode_sub_batch,
    join_sub_batches,
    partition_of,
)
from schemas.limits import Limits
from sinks.postgres.rejected import RejectedQuery, RejectedRecord, mark_replayed, pages_of_rejected

_MESSAGE_BYTES = 64 * 1024


@dataclass(slots=True)
class ReplayReport:
    """What became of the rejected events."""

    passed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Reason -> how many are refused as before."""


async def replay(
    connection: psycopg.Connection,
    log: EventLog,
    query: RejectedQuery,
    limits: Limits,
    *,
    dry_run: bool = False,
) -> ReplayReport:
    """Judge rejected events again, and append those that pass.

    An event keeps its id, or gets one made of its place in the log, so it is stored once also when this
    is stopped half way and run again. Its time is not corrected for the client's clock: what the client
    said about its clock is not kept.

    Args:
        connection: to PostgreSQL.
        log: that the dataflows read.
        query: which events.
        limits: what an event may hold now.
        dry_run: judge only.

    Raises:
        EventLogError: the log cannot be written; what was appended before is marked as sent again.
    """
    report = ReplayReport()
    for page in pages_of_rejected(connection, query):
        messages = _Messages(log.partitions)
        sent = [record.rejected_id for record in page if _add(messages, record, limits, report)]
        if sent and not dry_run:
            for partition, body in messages.bodies():
                await log.append(partition, body)
            mark_replayed(connection, sent)
            connection.commit()
    return report


def _add(messages: "_Messages", record: RejectedRecord, limits: Limits, report: ReplayReport) -> bool:
    """Put an event into a message if it passes now."""
    if record.project_id is None or record.received_at is None:
        return _add_message(messages, record, report)
    judged = judge_again(
        record.payload,
        source=record.source,
        project_id=record.project_id,
        place=record.place,
        limits=limits,
    )
    if not isinstance(judged, LogEvent):
        report.refused[judged.reason.value] += 1
        return False
    batch = SubBatch(
        project_id=record.project_id,
        received_at=record.received_at,
        sent_at=None,
        source=record.source or "",
        client_address=None,
        user_agent=None,
        trace=None,
        events=[judged],
    )
    messages.add(record.project_id, judged.distinct_id, encode_sub_batch(batch))
    report.passed += 1
    return True


def _add_message(messages: "_Messages", record: RejectedRecord, report: ReplayReport) -> bool:
    """Send a whole message of the log again that could not be read, as it is."""
    try:
        decode_message(record.payload)
    except EnvelopeError:
        report.refused[record.reason] += 1
        return False
    messages.whole.append((record.log_partition % messages.partitions, record.payload))
    report.passed += 1
    return True


class _Messages:
    """Gathers sub-batches into log messages, by partition."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.whole: list[tuple[int, bytes]] = []
        self._parts: dict[int, list[bytes]] = {}

    def add(self, project_id: int, distinct_id: str, encoded: bytes) -> None:
        partition = partition_of(project_id, distinct_id, self.partitions)
        self._parts.setdefault(partition, []).append(encoded)

    def bodies(self) -> Iterable[tuple[int, bytes]]:
        yield from self.whole
        for partition, parts in self._parts.items():
            waiting: list[bytes] = []
            for part in parts:
                waiting.append(part)
                if sum(map(len, waiting)) >= _MESSAGE_BYTES:
                    yield partition, join_sub_batches(waiting)
                    waiting = []
            if waiting:
                yield partition, join_sub_batches(waiting)
