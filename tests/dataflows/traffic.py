"""Events of a few users, appended to the log as the gateway does."""

import json
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Raw

from event_log.opening import open_event_log
from schemas.envelope import (
    LogEvent,
    RejectedEvent,
    SubBatch,
    encode_sub_batch,
    join_sub_batches,
    partition_of,
)
from tests.dataflows.running_flow import Stack

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ARRIVAL = START + timedelta(hours=6)
"""After all events have happened."""


def make_events(count: int, seed: int) -> list[LogEvent]:
    """Events of 40 users over five hours, with ids that the seed fixes."""
    chance = random.Random(seed)
    return [
        LogEvent(
            event_id=str(UUID(int=chance.getrandbits(128), version=4)),
            event=chance.choice(["home", "product_view", "checkout"]),
            distinct_id=f"user_{chance.randrange(40)}",
            timestamp=START + timedelta(seconds=chance.randrange(5 * 3600)),
            session_id=f"session_{chance.randrange(90)}",
            properties=Raw(json.dumps({"platform": chance.choice(["ios", "web"]), "n": 1}).encode()),
        )
        for _ in range(count)
    ]


async def append(stack: Stack, events: list[LogEvent], received_at: datetime, per_message: int = 50) -> None:
    """Append events to their partitions as the gateway does."""
    log = await open_event_log(stack.event_log_url, partitions=stack.partitions)
    try:
        by_partition: dict[int, list[LogEvent]] = {}
        for event in events:
            by_partition.setdefault(partition_of(1, event.distinct_id, stack.partitions), []).append(event)
        for partition, share in by_partition.items():
            for begin in range(0, len(share), per_message):
                batch = sub_batch(share[begin : begin + per_message], received_at)
                await log.append(partition, join_sub_batches([encode_sub_batch(batch)]))
    finally:
        await log.close()


def sub_batch(
    events: list[LogEvent], received_at: datetime, rejected: list[RejectedEvent] | None = None
) -> SubBatch:
    """A sub-batch of project 1."""
    return SubBatch(1, received_at, None, "ws.v1", "127.0.0.1", None, None, events, rejected or [])
