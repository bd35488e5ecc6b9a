"""Reading without an event loop."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from event_log import EventLog
from event_log.blocking import BlockingLog, BlockingReader
from event_log.errors import EventLogClosed, EventLogUnavailable, OffsetBeyondEnd
from event_log.rabbitmq import RabbitMQEventLog
from event_log.sqlite import SQLiteEventLog
from tests.fixtures_rabbitmq import RabbitMQ

DEADLINE = 30.0


def append_all(folder: Path, bodies: list[bytes], partition: int = 0) -> None:
    """Append to the embedded log, from a loop of its own."""

    async def append() -> None:
        log = await SQLiteEventLog.open(folder, partitions=2)
        await asyncio.gather(*(log.append(partition, body) for body in bodies))
        await log.close()

    asyncio.run(append())


def poll_until(reader: BlockingReader, count: int) -> list[bytes]:
    """Poll until that many messages came."""
    bodies: list[bytes] = []
    deadline = time.monotonic() + DEADLINE
    while len(bodies) < count:
        assert time.monotonic() < deadline, f"only {len(bodies)} of {count} messages came"
        messages = reader.poll()
        bodies += [message.body for message in messages]
        if not messages:
            time.sleep(0.002)
    return bodies


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, up to a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


async def open_embedded(folder: Path) -> EventLog:
    """The embedded log."""
    return await SQLiteEventLog.open(folder, partitions=2)


def test_polls_what_is_there_and_what_comes(tmp_path: Path) -> None:
    """Messages of two partitions over one shared log; poll without messages returns at once."""
    append_all(tmp_path, [b"zero"], 0)
    append_all(tmp_path, [b"one"], 1)
    with BlockingLog(lambda: open_embedded(tmp_path)) as log:
        first, second = log.reader(0, 0), log.reader(1, 0)
        assert poll_until(first, 1) == [b"zero"]
        assert poll_until(second, 1) == [b"one"]
        assert first.poll() == []
        append_all(tmp_path, [b"later"], 0)
        assert poll_until(first, 1) == [b"later"]
        assert log.end(0) == 2


def test_the_queue_is_bounded_in_bytes_and_nothing_is_lost_by_that(tmp_path: Path) -> None:
    """A reader that is not polled holds its limit and one message, no more; polling gets the rest."""
    bodies = [bytes([index]) * 1_000 for index in range(200)]
    append_all(tmp_path, bodies)
    with BlockingLog(lambda: open_embedded(tmp_path)) as log:
        reader = log.reader(0, 0, max_bytes=10_000)
        wait_until(lambda: reader.queued_bytes >= 10_000)
        assert log.end(0) == 200  # the log's thread is not blocked by the full queue
        assert reader.queued_bytes == 10_000
        assert sorted(poll_until(reader, 200)) == sorted(bodies)


def test_poll_is_bounded_by_messages_and_by_bytes(tmp_path: Path) -> None:
    """A source decides how much it takes at once; one message always comes, however large."""
    append_all(tmp_path, [b"x" * 1_000] * 10)
    with BlockingLog(lambda: open_embedded(tmp_path)) as log:
        reader = log.reader(0, 0)
        wait_until(lambda: reader.queued_bytes == 10_000)
        assert len(reader.poll(max_messages=3)) == 3
        assert len(reader.poll(max_bytes=2_500)) == 2
        assert len(reader.poll(max_bytes=1)) == 1
        assert len(reader.poll()) == 4


def test_errors_come_out_of_poll_after_the_messages_before_them(tmp_path: Path) -> None:
    """A permanent error ends the reading, and each poll says so."""
    append_all(tmp_path, [b"x"])
    with BlockingLog(lambda: open_embedded(tmp_path)) as log:
        reader = log.reader(0, 5)

        def failed() -> bool:
            try:
                reader.poll()
            except OffsetBeyondEnd:
                return True
            return False

        wait_until(failed)
        with pytest.raises(OffsetBeyondEnd):
            reader.poll()


def test_a_log_that_cannot_be_opened_yet_is_waited_for(tmp_path: Path) -> None:
    """Readers have nothing while the log is unavailable, and everything afterwards."""
    append_all(tmp_path, [b"x"])
    attempts = 0

    async def open_later() -> EventLog:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise EventLogUnavailable("not yet")
        return await open_embedded(tmp_path)

    with BlockingLog(open_later) as log:
        assert poll_until(log.reader(0, 0), 1) == [b"x"]
    assert attempts == 2


def test_closing_stops_readers_and_may_be_done_twice(tmp_path: Path) -> None:
    """After close, poll raises; also for a reader that was full."""
    append_all(tmp_path, [b"x" * 100] * 100)
    log = BlockingLog(lambda: open_embedded(tmp_path))
    full, alone = log.reader(0, 0, max_bytes=200), log.reader(0, 0)
    wait_until(lambda: full.queued_bytes == 200)
    alone.close()
    log.close()
    log.close()
    for reader in (full, alone):
        with pytest.raises(EventLogClosed):
            reader.poll()


def test_closing_does_not_wait_for_a_log_that_never_opens() -> None:
    """A broker that is away must not keep the process from stopping."""

    async def never() -> EventLog:
        raise EventLogUnavailable("away")

    log = BlockingLog(never)
    reader = log.reader(0, 0)
    assert reader.poll() == []
    with pytest.raises(EventLogUnavailable):
        log.end(0, timeout=0.01)
    log.close()


def test_reads_from_rabbitmq(rabbitmq: RabbitMQ, log_prefix: str) -> None:
    """The same over a real broker, through a queue much smaller than what is there."""

    async def open_log() -> EventLog:
        return await RabbitMQEventLog.open(rabbitmq.url, partitions=1, prefix=log_prefix)

    async def append() -> None:
        log = await open_log()
        await asyncio.gather(*(log.append(0, b"%04d" % index * 1_000) for index in range(300)))
        await log.close()

    asyncio.run(append())
    with BlockingLog(open_log) as log:
        reader = log.reader(0, 0, max_bytes=20_000)
        assert sorted(poll_until(reader, 300)) == [b"%04d" % index * 1_000 for index in range(300)]
        assert log.end(0) == 300
