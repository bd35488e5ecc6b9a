"""From messages of the log to batches: checked, deduplicated and timed as the built-in dataflow does it.

What it refuses it keeps, so a flow only passes it over.
"""

from itertools import chain

from dataflows.decode import DecodedMessage, decode
from dataflows.dedup import DedupIndex, find_first
from dataflows.deleted_people import DeletedPeople
from dataflows.event_time import correct_times
from dataflows.kit.batch import EventBatch, EventColumns
from event_log.port import Message
from schemas.limits import Limits
from smolhog.metrics import FLOW_EVENTS, FLOW_EVENTS_REFUSED, FLOW_EVENTS_REPEATED


class BatchDecoder:
    """Decodes the messages of one partition.

    Args:
        flow: for metrics.
        partition: which one.
        index: ids that this flow has seen, with their places.
        limits: what an event may hold.
        deleted: people whose events are passed over.
    """

    def __init__(
        self, flow: str, partition: str, index: DedupIndex, limits: Limits, deleted: DeletedPeople
    ) -> None:
        self._flow = flow
        self._partition = partition
        self._index = index
        self._limits = limits
        self._deleted = deleted

    def decode(self, messages: list[Message]) -> list[EventBatch]:
        """Decode consecutive messages: a batch for each, even if it is empty."""
        decoded = [decode(message, self._limits) for message in messages]
        for message in decoded:
            self._deleted.drop(message)
        keys = list(chain.from_iterable(message.keys for message in decoded))
        places = list(chain.from_iterable(message.places for message in decoded))
        passed = find_first(self._index, keys, places) if keys else []
        batches = []
        begin = 0
        for message in decoded:
            end = begin + len(message.keys)
            batches.append(self._batch(message, passed[begin:end]))
            begin = end
        FLOW_EVENTS.labels(self._flow).inc(len(keys))
        FLOW_EVENTS_REPEATED.labels(self._flow).inc(passed.count(False))
        FLOW_EVENTS_REFUSED.labels(self._flow).inc(sum(message.refused for message in decoded))
        return batches

    def _batch(self, message: DecodedMessage, passed: list[bool]) -> EventBatch:
        columns = EventColumns([], [], [], [], [], [], [], [], [])
        log_time = 0.0
        columns.indexes.extend(int.from_bytes(place[8:], "big") for place in message.places)
        for header, events, properties in message.batches:
            received_at, sent_at = header.received_at, header.sent_at
            log_time = max(log_time, received_at.timestamp())
            columns.project_ids.extend([header.project_id] * len(events))
            columns.event_ids.extend([event.event_id for event in events])
            columns.names.extend([event.event for event in events])
            columns.distinct_ids.extend([event.distinct_id for event in events])
            columns.timestamps.extend(
                correct_times([event.timestamp for event in events], sent_at, received_at)
            )
            columns.received_ats.extend([received_at] * len(events))
            columns.session_ids.extend([event.session_id for event in events])
            columns.properties.extend(properties)
        if not all(passed):
            columns = columns.select(passed)
        return EventBatch(self._partition, message.offset, log_time, columns)
