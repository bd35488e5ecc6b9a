"""Gathering: what goes into one message, in which partition, and what its future says."""

import asyncio
from datetime import UTC, datetime

from msgspec import Raw

from ingest_gateway.gather import MESSAGE_BYTES, Gatherer, Header, Settled
from schemas.envelope import LogEvent, RejectedEvent, decode_message, partition_of
from schemas.reasons import RejectReason
from tests.ingest_gateway.running import PARTITIONS, HeldLog

HEADER = Header(1, datetime(2026, 1, 31, tzinfo=UTC), None, "test", None, None)


def event_of(who: str, text: str = "") -> LogEvent:
    """Make an event of a size."""
    return LogEvent(
        "0190a6e0-7c1d-7000-8000-0123456789ab", "e", who, None, None, Raw(b'{"t":"%b"}' % text.encode())
    )


async def test_a_lone_batch_does_not_wait_for_others() -> None:
    """With nothing under way, a batch is appended in the same turn of the loop."""
    log = HeldLog()
    gatherer = Gatherer(log, buffer_bytes=1_000_000)
    done = gatherer.submit(HEADER, [event_of("ada")], []).done
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log.waiting == 1
    log.gate.set()
    assert await done == Settled()


async def test_batches_that_come_during_an_append_share_a_message() -> None:
    """What gathers behind an append under way goes into one message of its partition."""
    log = HeldLog()
    gatherer = Gatherer(log, buffer_bytes=1_000_000)
    first = gatherer.submit(HEADER, [event_of("ada")], []).done
    await asyncio.sleep(0)
    later = [gatherer.submit(HEADER, [event_of("ada")], []).done for _ in range(10)]
    log.gate.set()
    await asyncio.gather(first, *later)
    assert [len(decode_message(body).batches) for _, body in log.stored] == [1, 10]


async def test_a_message_is_cut_at_its_size() -> None:
    """Much data makes several messages of about 64 KiB, all under way at once."""
    log = HeldLog()
    gatherer = Gatherer(log, buffer_bytes=10_000_000)
    futures = [gatherer.submit(HEADER, [event_of("ada", "x" * 8000)], []).done for _ in range(40)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log.waiting >= 4
    log.gate.set()
    await asyncio.gather(*futures)
    assert all(len(body) < MESSAGE_BYTES + 9000 for _, body in log.stored)


async def test_events_go_where_the_contract_says() -> None:
    """Every event is in the partition that `partition_of` names."""
    log = HeldLog()
    log.gate.set()
    gatherer = Gatherer(log, buffer_bytes=1_000_000)
    await gatherer.submit(HEADER, [event_of(f"user-{n}-é") for n in range(200)], []).done
    seen = 0
    for partition, body in log.stored:
        for batch in decode_message(body).batches:
            for event in batch.events:
                assert partition_of(1, event.distinct_id, PARTITIONS) == partition
                seen += 1
    assert seen == 200


async def test_rejected_events_travel_once_and_also_alone() -> None:
    """Rejected events are stored with one part of their batch, or by themselves if it has no other."""
    log = HeldLog()
    log.gate.set()
    gatherer = Gatherer(log, buffer_bytes=1_000_000)
    rejected = [RejectedEvent(RejectReason.MALFORMED, "no", b"?")]
    assert await gatherer.submit(HEADER, [event_of(f"u{n}") for n in range(50)], rejected).done == Settled()
    assert await gatherer.submit(HEADER, [], rejected).done == Settled()
    batches = [batch for _, body in log.stored for batch in decode_message(body).batches]
    assert sum(len(batch.rejected) for batch in batches) == 2
    assert sum(len(batch.events) for batch in batches) == 50


async def test_a_batch_of_nothing_is_done_at_once() -> None:
    """An empty batch needs no log."""
    assert await Gatherer(HeldLog(), buffer_bytes=1000).submit(HEADER, [], []).done == Settled()


async def test_the_buffer_has_two_marks() -> None:
    """Full begins above the high mark and ends at the low one; draining waits for everything."""
    log = HeldLog()
    gatherer = Gatherer(log, buffer_bytes=1000)
    future = gatherer.submit(HEADER, [event_of("ada", "x" * 2000)], []).done
    assert gatherer.is_full
    draining = asyncio.create_task(gatherer.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    log.gate.set()
    await asyncio.gather(future, draining, gatherer.room())
    assert not gatherer.is_full
