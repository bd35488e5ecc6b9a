"""The adapter for RabbitMQ when the broker, or the way to it, fails."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import aio_pika
import pytest
from structlog.testing import capture_logs

from event_log import Message, Retention
from event_log.errors import EventLogRefused, EventLogUnavailable
from event_log.rabbitmq import RabbitMQEventLog
from tests.fixtures_rabbitmq import RabbitMQ
from tests.tcp_proxy import TcpProxy

DEADLINE = 120.0


async def open_log(
    url: str, prefix: str, *, partitions: int = 1, publish_timeout: float = 5.0
) -> RabbitMQEventLog:
    """A log that reconnects fast."""
    return await RabbitMQEventLog.open(
        url, partitions=partitions, prefix=prefix, publish_timeout=publish_timeout, reconnect_delay=0.05
    )


@pytest.fixture
def proxy(rabbitmq: RabbitMQ) -> Iterator[TcpProxy]:
    """A way to the shared broker that can be broken."""
    with TcpProxy(rabbitmq.port) as running:
        yield running


@pytest.fixture
async def proxied(proxy: TcpProxy, rabbitmq: RabbitMQ, log_prefix: str) -> AsyncIterator[RabbitMQEventLog]:
    """A log over the proxy."""
    log = await open_log(rabbitmq.url_at(proxy.port), log_prefix, publish_timeout=2.0)
    yield log
    proxy.restore()
    proxy.resume()
    await log.close()


class Traffic:
    """Appends numbered messages, each again until it is acknowledged, while a reader collects."""

    def __init__(self, log: RabbitMQEventLog) -> None:
        self._log = log
        self._stopping = asyncio.Event()
        self.acknowledged: list[bytes] = []
        self.failures = 0
        self.read: list[Message] = []
        self._progress = asyncio.Condition()

    async def append(self, lane: int) -> None:
        """One of several appenders that run at once."""
        number = 0
        while not self._stopping.is_set():
            body = f"{lane}:{number}".encode()
            try:
                await self._log.append(0, body)
            except EventLogUnavailable:
                self.failures += 1
                await asyncio.sleep(0.01)
            else:
                number += 1
                async with self._progress:
                    self.acknowledged.append(body)
                    self._progress.notify_all()

    async def collect(self) -> None:
        """Read from the beginning, for ever."""
        async with aclosing(self._log.read(0, 0)) as reading:
            async for message in reading:
                async with self._progress:
                    self.read.append(message)
                    self._progress.notify_all()

    async def until_read(self, body: bytes) -> None:
        """Wait until the reader has come to a message."""
        async with self._progress:
            await self._progress.wait_for(lambda: any(message.body == body for message in self.read))

    async def more_acknowledged(self, count: int = 20) -> None:
        """Wait until that many more appends have succeeded."""
        target = len(self.acknowledged) + count
        async with self._progress:
            await self._progress.wait_for(lambda: len(self.acknowledged) >= target)

    async def finish(self, tasks: list[asyncio.Task[None]], reader: asyncio.Task[None]) -> None:
        """Stop appending, read to a last message, and compare."""
        self._stopping.set()
        await asyncio.gather(*tasks)
        await self._log.append(0, b"last")
        await self.until_read(b"last")
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)

    def check(self) -> None:
        """Nothing acknowledged is missing; offsets rise, so no message came twice; lanes are in order."""
        offsets = [message.offset for message in self.read]
        assert offsets == sorted(set(offsets))
        bodies = [message.body for message in self.read]
        assert not set(self.acknowledged) - set(bodies)
        for lane in {body.split(b":")[0] for body in self.acknowledged}:
            numbers = [int(body.split(b":")[1]) for body in bodies if body.startswith(lane + b":")]
            # An append whose confirmation was lost is stored twice; its copies are neighbours in the lane.
            assert numbers == sorted(numbers)


async def run_traffic(log: RabbitMQEventLog) -> tuple[Traffic, list[asyncio.Task[None]], asyncio.Task[None]]:
    """Start four appenders and a reader."""
    traffic = Traffic(log)
    reader = asyncio.create_task(traffic.collect())
    tasks = [asyncio.create_task(traffic.append(lane)) for lane in range(4)]
    return traffic, tasks, reader


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_a_broker_restart_loses_nothing_and_repeats_nothing(
    own_rabbitmq: RabbitMQ, log_prefix: str, how: str
) -> None:
    """Appender and reader live through an orderly restart and through SIGKILL, with the same objects."""
    log = await open_log(own_rabbitmq.url, log_prefix)
    async with asyncio.timeout(DEADLINE):
        traffic, tasks, reader = await run_traffic(log)
        await traffic.more_acknowledged(200)
        await asyncio.to_thread(own_rabbitmq.stop if how == "restart" else own_rabbitmq.kill)
        with pytest.raises(EventLogUnavailable):
            await log.append(0, b"nobody is there")
        await asyncio.to_thread(own_rabbitmq.start)
        await traffic.more_acknowledged(200)
        await traffic.finish(tasks, reader)
    traffic.check()
    assert traffic.failures > 0
    await log.close()


async def test_what_is_appended_first_outlives_a_broker_killed_at_that_moment(
    own_rabbitmq: RabbitMQ, log_prefix: str
) -> None:
    """RabbitMQ 3 notes a new queue two seconds late; whoever opened the log, none appends before."""
    async with asyncio.timeout(DEADLINE):
        creator, other = await asyncio.gather(
            *(RabbitMQEventLog.open(own_rabbitmq.url, partitions=2, prefix=log_prefix) for _ in range(2))
        )
        assert creator.log_id == other.log_id
        await other.append(1, b"first")
        await asyncio.to_thread(own_rabbitmq.kill)
        await asyncio.to_thread(own_rabbitmq.start)
        async with aclosing(other.read(1, 0)) as reading:
            assert (await anext(reading)).body == b"first"
        again = await open_log(own_rabbitmq.url, log_prefix, partitions=2)
        assert again.log_id == creator.log_id
    for log in (creator, other, again):
        await log.close()


async def test_connections_cut_at_random_moments_lose_nothing(
    proxy: TcpProxy, proxied: RabbitMQEventLog
) -> None:
    """Ten cuts after random numbers of bytes, in the middle of frames, confirms and deliveries."""
    chance = random.Random(20)
    async with asyncio.timeout(DEADLINE):
        traffic, tasks, reader = await run_traffic(proxied)
        for _ in range(10):
            await traffic.more_acknowledged()
            proxy.cut_after_bytes(chance.randrange(1, 20_000))
            await asyncio.to_thread(proxy.wait_until_cut)
            proxy.restore()
        await traffic.more_acknowledged()
        await traffic.finish(tasks, reader)
    traffic.check()
    assert traffic.failures > 0


async def test_an_append_during_an_outage_fails_at_once_and_works_again_after_it(
    proxy: TcpProxy, proxied: RabbitMQEventLog
) -> None:
    """A refused connection is no reason to wait: hundreds of appends fail, and the next ones work."""
    await proxied.append(0, b"before")
    proxy.cut()
    results = await asyncio.gather(
        *(proxied.append(0, b"during") for _ in range(300)), return_exceptions=True
    )
    assert {type(result) for result in results} == {EventLogUnavailable}
    proxy.restore()
    async with asyncio.timeout(DEADLINE):
        traffic = Traffic(proxied)
        task = asyncio.create_task(traffic.append(0))
        await traffic.more_acknowledged(1)
        await traffic.finish([task], asyncio.create_task(traffic.collect()))


async def test_an_append_in_flight_when_the_connection_dies_raises(
    proxy: TcpProxy, proxied: RabbitMQEventLog
) -> None:
    """What was sent and not confirmed is never taken for stored."""
    await proxied.append(0, b"before")
    proxy.stall()
    appends = [asyncio.create_task(proxied.append(0, b"in flight")) for _ in range(20)]
    await asyncio.sleep(0)
    proxy.cut()
    proxy.resume()
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert {type(result) for result in results} == {EventLogUnavailable}


async def test_a_black_hole_surfaces_within_the_publish_timeout(
    proxy: TcpProxy, proxied: RabbitMQEventLog
) -> None:
    """A wire that swallows everything makes appends unavailable, those that must connect first too."""
    await proxied.append(0, b"before")
    proxy.stall()
    async with asyncio.timeout(DEADLINE):
        for _ in range(3):
            with pytest.raises(EventLogUnavailable):
                await proxied.append(0, b"into the hole")
        proxy.resume()
        traffic = Traffic(proxied)
        task = asyncio.create_task(traffic.append(0))
        await traffic.more_acknowledged(3)
        await traffic.finish([task], asyncio.create_task(traffic.collect()))


async def test_a_frozen_broker_surfaces_and_thaws(own_rabbitmq: RabbitMQ, log_prefix: str) -> None:
    """SIGSTOP makes an append unavailable; after SIGCONT the same object appends and reads on."""
    log = await open_log(own_rabbitmq.url, log_prefix, publish_timeout=1.0)
    async with asyncio.timeout(DEADLINE):
        traffic, tasks, reader = await run_traffic(log)
        await traffic.more_acknowledged()
        with own_rabbitmq.paused(), pytest.raises(EventLogUnavailable):
            await log.append(0, b"frozen")
        await traffic.more_acknowledged()
        await traffic.finish(tasks, reader)
    traffic.check()
    await log.close()


async def test_a_cancelled_append_is_cancelled(proxy: TcpProxy, proxied: RabbitMQEventLog) -> None:
    """Cancelling the caller gives `CancelledError`, not an error of the log, and hurts no later append."""
    await proxied.append(0, b"before")
    proxy.stall()
    append = asyncio.create_task(proxied.append(0, b"cancelled"))
    await asyncio.sleep(0)
    append.cancel()
    with pytest.raises(asyncio.CancelledError):
        await append
    proxy.resume()
    await proxied.append(0, b"after")


async def test_an_append_to_a_deleted_stream_is_not_taken_for_stored(
    rabbitmq: RabbitMQ, log_prefix: str
) -> None:
    """The broker confirms what it cannot route; the log must not."""
    log = await open_log(rabbitmq.url, log_prefix)
    async with await aio_pika.connect(rabbitmq.url) as connection, connection.channel() as channel:
        await channel.queue_delete(f"{log_prefix}.0")
    with pytest.raises(EventLogUnavailable, match="NO_ROUTE"):
        await log.append(0, b"x")
    await log.close()


async def test_a_changed_retention_setting_does_not_keep_the_log_from_opening(
    rabbitmq: RabbitMQ, log_prefix: str
) -> None:
    """Stream arguments are fixed at creation; the log opens all the same and warns."""
    first = await RabbitMQEventLog.open(rabbitmq.url, partitions=1, prefix=log_prefix)
    with capture_logs() as lines:
        again = await RabbitMQEventLog.open(
            rabbitmq.url, partitions=1, prefix=log_prefix, retention=Retention(max_bytes=1_000_000)
        )
    await again.append(0, b"x")
    assert [line["event"] for line in lines] == ["event_log.retention_differs"]
    await asyncio.gather(first.close(), again.close())


async def test_a_name_taken_by_another_kind_of_queue_is_refused(rabbitmq: RabbitMQ, log_prefix: str) -> None:
    """A classic queue of a partition's name is a mistake to report, not to publish into."""
    async with await aio_pika.connect(rabbitmq.url) as connection, connection.channel() as channel:
        await channel.declare_queue(f"{log_prefix}.0", durable=True)
        with pytest.raises(EventLogRefused, match="not a stream"):
            await open_log(rabbitmq.url, log_prefix)


async def test_wrong_credentials_are_refused_and_an_absent_broker_is_unavailable(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str
) -> None:
    """The first needs a person, the second needs patience."""
    with pytest.raises(EventLogRefused):
        await open_log(rabbitmq.url.replace("guest:guest", "guest:wrong"), log_prefix)
    with pytest.raises(EventLogUnavailable, match="virtual host"):
        await open_log(rabbitmq.url + "nowhere", log_prefix)
    proxy.cut()
    with pytest.raises(EventLogUnavailable):
        await open_log(rabbitmq.url_at(proxy.port), log_prefix)
