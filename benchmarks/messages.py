"""Messages of the event log and batches for the sinks, made without any service.

The stages that measure one part alone start from these. Nothing else here knows how the pipeline's
objects are put together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.traffic import USUAL, Shape, encoded_events
from dataflows.dedup import DedupIndex
from dataflows.dedup_index import RocksDedupIndex
from dataflows.enrich import Enricher
from dataflows.pipeline import PartitionPipeline
from dataflows.rollup import RollupCounter
from event_log.port import Message
from schemas.envelope import (
    RULES_VERSION,
    LogEvent,
    SubBatch,
    encode_sub_batch,
    join_sub_batches,
    partition_of,
)
from schemas.limits import Limits
from schemas.stored import StoredBatch
from schemas.wire import WireEvent

PARTITIONS = 4
PROJECT_ID = 1
LOG_ID = 1
MESSAGE_BYTES = 64 * 1024
_BATCH = 100
_GRACE_SECONDS = 120
_BREAKDOWN_VALUES = 100
_DEDUP_DAYS = 8
_ITEM_BYTES = 1024**2


def log_messages(
    events: int, *, seed: int = 1, shape: Shape = USUAL, batch: int = _BATCH, partitions: int = PARTITIONS
) -> dict[int, list[bytes]]:
    """Make the messages that a gateway would append for these events, by partition."""
    parts: defaultdict[int, list[bytes]] = defaultdict(list)
    messages: dict[int, list[bytes]] = {partition: [] for partition in range(partitions)}
    decode = msgspec.json.Decoder(WireEvent).decode
    waiting: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for number, (encoded, _) in enumerate(encoded_events(events, seed, shape), 1):
        event = decode(encoded)
        waiting[partition_of(PROJECT_ID, event.distinct_id, partitions)].append(
            LogEvent(
                event.event_id or "",
                event.event,
                event.distinct_id,
                event.timestamp,
                event.session_id,
                event.properties,
            )
        )
        if number % batch == 0 or number == events:
            for partition, group in waiting.items():
                parts[partition].append(encode_sub_batch(_sub_batch(group)))
            waiting.clear()
            for partition, held in parts.items():
                if held and (number == events or sum(map(len, held)) >= MESSAGE_BYTES):
                    messages[partition].append(join_sub_batches(held))
                    held.clear()
    return messages


def _sub_batch(events: list[LogEvent]) -> SubBatch:
    now = datetime.now(UTC)
    return SubBatch(
        project_id=PROJECT_ID,
        received_at=now,
        sent_at=now,
        source="ws.v1",
        client_address="127.0.0.1",
        user_agent=None,
        trace=None,
        events=events,
        checked=RULES_VERSION,
    )


def with_offsets(bodies: list[bytes]) -> list[Message]:
    """Number the messages of a partition."""
    return [Message(offset, body) for offset, body in enumerate(bodies)]


def items(messages: list[Message]) -> Iterator[list[Message]]:
    """Cut the messages of a partition into what the dataflow takes at once, about 1 MiB."""
    taken: list[Message] = []
    size = 0
    for message in messages:
        taken.append(message)
        size += len(message.body)
        if size >= _ITEM_BYTES:
            yield taken
            taken, size = [], 0
    if taken:
        yield taken


def new_pipeline(index: DedupIndex, partition: int) -> tuple[PartitionPipeline, RollupCounter]:
    """Put the dataflow's steps for one partition together, over an index."""
    rollups = RollupCounter(partition, _GRACE_SECONDS, _BREAKDOWN_VALUES)
    pipeline = PartitionPipeline(
        log_id=LOG_ID,
        partition=partition,
        index=index,
        enricher=Enricher(),
        rollups=rollups,
        limits=Limits(),
    )
    return pipeline, rollups


class Steps:
    """The dataflow's steps for one partition, over a dedup index in a folder.

    Args:
        folder: of the index; made if it is not there.
        partition: which partition of the log.
        after: called after each step with its name.
    """

    def __init__(self, folder: Path, partition: int = 0, after: Callable[[str], None] | None = None) -> None:
        self._index = RocksDedupIndex(folder, _DEDUP_DAYS)
        self._pipeline, self._rollups = new_pipeline(self._index, partition)
        if after is not None:
            self._pipeline.after = after

    def process(self, messages: list[Message]) -> StoredBatch:
        """Take consecutive messages through all steps."""
        return self._pipeline.process(messages)

    def with_rollups(self, batch: StoredBatch) -> StoredBatch:
        """Add every cell that has changed since this was last called."""
        return batch._replace(rollups=self._rollups.emit())

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()


def stored_batches(messages: dict[int, list[bytes]], folder: Path) -> dict[int, list[StoredBatch]]:
    """Take messages through the dataflow's steps: what the sinks are to write, by partition."""
    batches: dict[int, list[StoredBatch]] = {}
    for partition, bodies in messages.items():
        steps = Steps(folder / f"dedup-{partition}", partition)
        try:
            held = [steps.process(item) for item in items(with_offsets(bodies))]
            # Once for each write, roughly: cells are emitted once a second, not with every item.
            held[-1:] = [steps.with_rollups(batch) for batch in held[-1:]]
            batches[partition] = held
        finally:
            steps.close()
    return batches


def events_of(batches: dict[int, list[StoredBatch]]) -> int:
    """Count the events in batches for the sinks."""
    return sum(message.events for held in batches.values() for batch in held for message in batch.messages)
