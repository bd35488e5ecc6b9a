"""Events into another event log, which other flows, or anybody, may read.

Each message says up to where of the flow's input it holds what came of it. A writer that starts reads the last
message of each partition and goes on from there. What was appended without being confirmed may be there twice;
the events in it have the same ids, by which every reader of an event log drops repeats.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from dataflows.kit.batch import Event
from dataflows.kit.errors import FlowInvalid
from dataflows.kit.rows import EVERYWHERE, WindowRows
from dataflows.kit.sink import Item, ItemWriter, SinkContext
from dataflows.kit.sinks.stdout import row_id
from event_log.blocking import BlockingLog
from event_log.errors import EventLogUnavailable, PermanentEventLogError
from schemas.envelope import (
    EnvelopeError,
    LogEvent,
    Origin,
    SubBatch,
    decode_message,
    encode_sub_batch,
    join_sub_batches,
)
from sinks.errors import SinkRejectedWrite, SinkUnavailable

_MESSAGE_BYTES = 64 * 1024
_LOOK_BACK = 1_000
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class EventStream:
    """Another event log, with as many partitions as the flow's input. One output writes it.

    Rows are :class:`dataflows.kit.batch.Event`. One with an empty ``event_id`` is given one, the same at each replay.

    Attributes:
        name: of the log: on the same broker, or in the data folder beside the embedded log.
    """

    name: str

    def describe(self) -> str:
        """Say it in a few words."""
        return f"event stream {self.name}"

    def open(self, context: SinkContext) -> ItemWriter:
        """Return what writes there."""
        return _Writer(self.name, context)


class _Writer:
    def __init__(self, name: str, context: SinkContext) -> None:
        self._context = context
        partitions = len(context.partitions)
        self._log = BlockingLog(lambda: context.open_log(name, partitions))
        self._positions: dict[str, int] = {}

    def write(self, items: list[Item]) -> None:
        # One by one: of two appends that are in flight together either may come first.
        for partition, group in groupby(items, key=lambda item: item.partition):
            target = 0 if partition == EVERYWHERE else int(partition)
            try:
                if partition not in self._positions:
                    self._positions[partition] = self._written(target, partition)
                for offset, body in self._messages(partition, group):
                    self._log.append(target, body)
                    self._positions[partition] = offset + 1
            except EventLogUnavailable as error:
                # Whether the last append is there will be seen.
                self._positions.clear()
                raise SinkUnavailable(f"event stream: {error}") from error
            except PermanentEventLogError as error:
                raise SinkRejectedWrite(f"event stream: {error}") from error

    def close(self) -> None:
        self._log.close()

    def _written(self, target: int, partition: str) -> int:
        """Return the offset of the input up to which the stream holds what came of it; a low one if it holds nothing."""
        oldest, end = self._log.oldest(target), self._log.end(target)
        # The last messages may be others': a flow that reads the stream tells idle partitions the time.
        for offset in range(end - 1, max(oldest, end - _LOOK_BACK) - 1, -1):
            try:
                origin = decode_message(self._log.first_message(target, offset).body).origin
            except EnvelopeError as error:
                raise SinkRejectedWrite(f"a message of the stream is not of a flow: {error}") from error
            if origin is not None and (origin.stream, origin.partition) == (self._stream, partition):
                return origin.offset + 1
        return -(2**63)

    @property
    def _stream(self) -> str:
        return f"{self._context.stream}/{self._context.log_id}"

    def _messages(self, partition: str, items: Iterable[Item]) -> Iterable[tuple[int, bytes]]:
        """Yield messages, and the offset of the input that each reaches."""
        parts: list[bytes] = []
        offset = 0
        for item in items:
            if item.offset < self._positions[partition]:
                continue
            parts += self._sub_batches(item)
            offset = item.offset
            if sum(map(len, parts)) >= _MESSAGE_BYTES:
                yield offset, join_sub_batches(parts, Origin(self._stream, partition, offset))
                parts = []
        if parts:
            yield offset, join_sub_batches(parts, Origin(self._stream, partition, offset))

    def _sub_batches(self, item: Item) -> list[bytes]:
        if isinstance(item, WindowRows):
            raise FlowInvalid("windows that grow are no events: map closed_windows to events")
        events = [self._event(item, index, row) for index, row in enumerate(item.rows)]
        return [
            encode_sub_batch(
                SubBatch(
                    project_id=project_id,
                    received_at=received_at,
                    sent_at=None,
                    source=f"flow.{self._context.flow}",
                    client_address=None,
                    user_agent=None,
                    trace=None,
                    events=[_logged(event) for event in group],
                )
            )
            for (project_id, received_at), group in groupby(
                events, key=lambda e: (e.project_id, e.received_at)
            )
        ]

    def _event(self, item: Item, index: int, row: Any) -> Event:
        if not isinstance(row, Event):
            raise FlowInvalid(
                f"an event stream takes events, not {type(row).__name__}: return Event from map_events"
            )
        if row.event_id:
            return row
        return row._replace(event_id=str(uuid5(NAMESPACE_OID, row_id(self._context, item, index))))


def _logged(event: Event) -> LogEvent:
    return LogEvent(
        event_id=event.event_id,
        event=event.name,
        distinct_id=event.distinct_id,
        timestamp=event.timestamp,
        session_id=event.session_id,
        properties=msgspec.Raw(_encode(event.properties)),
    )
