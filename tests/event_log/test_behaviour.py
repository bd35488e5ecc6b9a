"""What every event log does: one suite over the adapter for RabbitMQ and the embedded one."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from event_log import EventLog, Message, Retention, open_event_log
from event_log.errors import (
    EventLogClosed,
    MessageTooLarge,
    OffsetBeyondEnd,
    OffsetGone,
    PartitionCountMismatch,
    UnknownPartition,
)
from event_log.rabbitmq import RabbitMQEventLog
from event_log.sqlite import SQLiteEventLog

DEADLINE = 30.0


class OpenLog(Protocol):
    """Opens the test's log, again and again."""

    def __call__(self, *, partitions: int = 2, retention: Retention | None = None) -> Awaitable[EventLog]:
        """Open it once more."""
        ...


@dataclass
class Opened:
    """Remembers what was opened, to close it."""

    logs: list[EventLog]


@pytest.fixture(params=["sqlite", "rabbitmq"])
async def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenLog]:
    """A function that opens one and the same log each time it is called."""
    opened = Opened([])
    if request.param == "rabbitmq":
        url = request.getfixturevalue("rabbitmq").url
        prefix = request.getfixturevalue("log_prefix")

    async def open_it(*, partitions: int = 2, retention: Retention | None = None) -> EventLog:
        log: EventLog
        if request.param == "rabbitmq":
            log = await RabbitMQEventLog.open(
                url,
                partitions=partitions,
                retention=retention,
                prefix=prefix,
                segment_bytes=100_000,
                settle=0,  # nobody kills this broker
            )
        else:
            log = await SQLiteEventLog.open(tmp_path / "log", partitions=partitions, retention=retention)
        opened.logs.append(log)
        return log

    yield open_it
    for log in opened.logs:
        await log.close()


async def take(log: EventLog, partition: int, from_offset: int, count: int) -> list[Message]:
    """Read `count` messages and stop."""
    messages: list[Message] = []
    async with asyncio.timeout(DEADLINE), aclosing(log.read(partition, from_offset)) as reading:
        async for message in reading:
            messages.append(message)
            if len(messages) == count:
                break
    return messages


async def append_all(log: EventLog, partition: int, bodies: list[bytes]) -> None:
    """Append one after the other."""
    for body in bodies:
        await log.append(partition, body)


def numbered(count: int) -> list[bytes]:
    """Bodies that are all different."""
    return [f"message {index}".encode() for index in range(count)]


async def test_messages_come_back_in_the_order_of_their_appends(open_log: OpenLog) -> None:
    """One appender's messages are read in its order, with offsets that grow."""
    log = await open_log()
    await append_all(log, 0, numbered(50))
    messages = await take(log, 0, 0, 50)
    assert [message.body for message in messages] == numbered(50)
    offsets = [message.offset for message in messages]
    assert offsets == sorted(set(offsets))
    assert offsets[0] == 0


async def test_what_was_appended_is_there_after_reopening(open_log: OpenLog) -> None:
    """Closing and opening changes nothing that is stored, and offsets go on."""
    log = await open_log()
    await append_all(log, 1, numbered(10))
    before = await take(log, 1, 0, 10)
    await log.close()
    log = await open_log()
    await log.append(1, b"after")
    assert await take(log, 1, 0, 11) == [*before, Message(before[-1].offset + 1, b"after")]


async def test_reading_goes_on_from_an_offset_in_the_middle(open_log: OpenLog) -> None:
    """A reader that asks for the offset after its last one gets the rest, also inside a batch written together."""
    log = await open_log()
    await asyncio.gather(*(log.append(0, body) for body in numbered(100)))
    messages = await take(log, 0, 0, 100)
    for start in (1, 37, 99):
        assert await take(log, 0, messages[start].offset, 100 - start) == messages[start:]


async def test_readers_do_not_disturb_each_other(open_log: OpenLog) -> None:
    """Three readers at different places of one partition each get everything from there on."""
    log = await open_log()
    await append_all(log, 0, numbered(60))
    whole = await take(log, 0, 0, 60)
    parts = await asyncio.gather(*(take(log, 0, whole[start].offset, 60 - start) for start in (0, 20, 40)))
    assert parts == [whole, whole[20:], whole[40:]]


async def test_a_reader_waits_for_messages_that_do_not_exist_yet(open_log: OpenLog) -> None:
    """Reading does not end at the end: it yields what is appended later, by another log object too."""
    log, other = await open_log(), await open_log()
    await log.append(0, b"first")
    async with asyncio.timeout(DEADLINE), aclosing(log.read(0, 0)) as reading:
        assert (await anext(reading)).body == b"first"
        waiting = asyncio.create_task(anext(reading))
        await other.append(0, b"second")
        assert (await waiting).body == b"second"


async def test_concurrent_appends_are_all_stored_once(open_log: OpenLog) -> None:
    """Hundreds of appends in flight together: each body is there exactly once."""
    log = await open_log()
    await asyncio.gather(*(log.append(0, body) for body in numbered(500)))
    messages = await take(log, 0, 0, 500)
    assert sorted(message.body for message in messages) == sorted(numbered(500))
    assert await log.end(0) == messages[-1].offset + 1


@pytest.mark.parametrize(
    "body",
    [b"", bytes(range(256)), b"\xff" * 1024 * 1024, hashlib.sha256(b"seed").digest() * 4096],
    ids=["empty", "every byte", "1 MiB", "128 KiB of noise"],
)
async def test_any_bytes_survive(open_log: OpenLog, body: bytes) -> None:
    """Bodies are bytes, from none at all to a megabyte."""
    log = await open_log()
    await log.append(0, body)
    await log.append(0, b"neighbour")
    assert [message.body for message in await take(log, 0, 0, 2)] == [body, b"neighbour"]


async def test_a_body_over_the_limit_is_refused_and_its_neighbours_are_not(open_log: OpenLog) -> None:
    """Too large is permanent for that one message, and harmless for the appends beside it."""
    log = await open_log()
    results = await asyncio.gather(
        log.append(0, b"before"),
        log.append(0, bytes(17 * 1024 * 1024)),
        log.append(0, b"after"),
        return_exceptions=True,
    )
    assert isinstance(results[1], MessageTooLarge)
    assert sorted(message.body for message in await take(log, 0, 0, 2)) == [b"after", b"before"]


async def test_end_is_one_past_the_last_message(open_log: OpenLog) -> None:
    """0 when empty; then what was appended, told by another log object too, message by message and in bulk."""
    log, other = await open_log(), await open_log()
    assert await log.end(0) == 0
    for _ in range(3):
        await log.append(0, b"x")
        assert await other.end(0) == (await log.end(0))
    assert await log.end(0) == 3
    await asyncio.gather(*(log.append(0, body) for body in numbered(200)))
    assert await log.end(0) == 203
    assert await log.end(1) == 0


async def test_oldest_is_where_reading_can_begin(open_log: OpenLog) -> None:
    """The end while nothing is kept; the first message as long as nothing was deleted."""
    log = await open_log()
    assert await log.oldest(0) == await log.end(0) == 0
    for body in numbered(3):
        await log.append(0, body)
    oldest = await log.oldest(0)
    assert (await take(log, 0, oldest, 3))[0] == (oldest, numbered(3)[0])
    assert await log.oldest(1) == 0


async def test_partitions_are_separate(open_log: OpenLog) -> None:
    """A message is in its partition and in no other."""
    log = await open_log()
    await log.append(0, b"zero")
    await log.append(1, b"one")
    assert log.partitions == 2
    assert [(await take(log, partition, 0, 1))[0] for partition in (0, 1)] == [
        Message(0, b"zero"),
        Message(0, b"one"),
    ]
    assert [await log.end(partition) for partition in (0, 1)] == [1, 1]


@pytest.mark.parametrize("partition", [-1, 2])
async def test_a_partition_that_does_not_exist_is_refused(open_log: OpenLog, partition: int) -> None:
    """Every operation names the mistake."""
    log = await open_log()
    with pytest.raises(UnknownPartition, match="between 0 and 1"):
        await log.append(partition, b"x")
    with pytest.raises(UnknownPartition):
        log.read(partition, 0)
    with pytest.raises(UnknownPartition):
        await log.end(partition)


async def test_the_number_of_partitions_is_fixed_at_creation(open_log: OpenLog) -> None:
    """Opening with more or with fewer partitions fails and says how many there are."""
    await open_log(partitions=3)
    for asked in (2, 4):
        with pytest.raises(PartitionCountMismatch, match="created with 3 partitions") as caught:
            await open_log(partitions=asked)
        assert caught.value.recorded == 3
    assert (await open_log(partitions=3)).partitions == 3


async def test_a_log_keeps_its_number(open_log: OpenLog) -> None:
    """Opening again finds the number that was drawn at creation: stored offsets go with it."""
    first = await open_log()
    assert 0 < first.log_id < 2**62
    assert (await open_log()).log_id == first.log_id


async def test_closing_ends_a_reader_that_waits(open_log: OpenLog) -> None:
    """A reader in wait raises when the log closes under it; so does everything afterwards."""
    log = await open_log()
    await log.append(0, b"x")
    async with asyncio.timeout(DEADLINE):
        reading = log.read(0, 0)
        await anext(reading)
        waiting = asyncio.create_task(anext(reading))
        await asyncio.sleep(0)
        await log.close()
        with pytest.raises(EventLogClosed):
            await waiting
        with pytest.raises(EventLogClosed):
            await log.append(0, b"x")
        with pytest.raises(EventLogClosed):
            await log.end(0)
        with pytest.raises(EventLogClosed):
            await anext(log.read(0, 0))


async def fill_until_trimmed(log: EventLog, body: bytes) -> None:
    """Append until retention has deleted the first message."""
    async with asyncio.timeout(DEADLINE):
        while True:
            await asyncio.gather(*(log.append(0, body) for _ in range(100)))
            try:
                await take(log, 0, 0, 1)
            except OffsetGone:
                return


async def test_what_retention_deleted_is_an_error_and_reading_resumes_at_the_oldest(
    open_log: OpenLog,
) -> None:
    """A reader learns that messages are gone, from where it may go on, and never just skips."""
    log = await open_log(retention=Retention(max_bytes=400_000))
    await fill_until_trimmed(log, b"x" * 5_000)
    with pytest.raises(OffsetGone) as caught:
        await take(log, 0, 1, 1)
    assert caught.value.asked == 1
    assert caught.value.oldest > 1
    assert (await take(log, 0, caught.value.oldest, 1))[0].offset == caught.value.oldest
    assert await log.oldest(0) >= caught.value.oldest
    end = await log.end(0)
    assert end - caught.value.oldest < 300
    with pytest.raises(OffsetGone):
        await take(await open_log(), 0, 1, 1)


async def test_a_reader_that_retention_overtakes_is_told(open_log: OpenLog) -> None:
    """A slow reader misses no message without an `OffsetGone` that says so."""
    log = await open_log(retention=Retention(max_bytes=400_000))
    count, expected, told, resumed = 600, 0, 0, False
    await log.append(0, b"0 ")
    reading = log.read(0, 0)
    assert (await anext(reading)).body == b"0 "
    await append_all(log, 0, [b"%d " % number + b"x" * 5_000 for number in range(1, count)])
    async with asyncio.timeout(DEADLINE):
        while expected < count - 1:
            try:
                number = int((await anext(reading)).body.split()[0])
            except OffsetGone as gone:
                # Retention may overtake it again before it gets there.
                told += 1
                reading = log.read(0, gone.oldest)
                resumed = True
            else:
                assert number > expected if resumed else number == expected + 1
                expected, resumed = number, False
    assert told >= 1
    await reading.aclose()


async def test_an_offset_past_the_end_is_an_error(open_log: OpenLog) -> None:
    """A position from another log, or from before this one was recreated, does not wait in silence."""
    log = await open_log()
    await append_all(log, 0, numbered(3))
    with pytest.raises(OffsetBeyondEnd, match="log ends at 3"):
        await take(log, 0, 4, 1)
    waiting = asyncio.create_task(take(log, 0, 3, 1))
    await log.append(0, b"next")
    assert await waiting == [Message(3, b"next")]


async def test_sparse_offsets_at_segment_borders_are_no_gap(open_log: OpenLog) -> None:
    """Every message's own offset, and the one after it, can be read from, wherever the log starts a new file."""
    log = await open_log()
    bodies = [f"{index:04} ".encode() * 1_000 for index in range(120)]
    await append_all(log, 0, bodies)
    messages = await take(log, 0, 0, 120)
    assert [message.body for message in messages] == bodies
    for index in range(1, 120, 7):
        assert await take(log, 0, messages[index - 1].offset + 1, 1) == [messages[index]]


async def test_the_url_chooses_the_adapter(tmp_path: Path) -> None:
    """`sqlite:///folder` opens the embedded log in that folder."""
    log = await open_event_log(f"sqlite://{tmp_path}/by%20url", partitions=1)
    await log.append(0, b"x")
    await log.close()
    assert isinstance(log, SQLiteEventLog)
    assert (tmp_path / "by url" / "log.json").exists()
