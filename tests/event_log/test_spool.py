"""The gateway's spool: a broker that is away loses nothing and delays nobody."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from event_log.errors import EventLogFull, EventLogRefused, EventLogUnavailable
from event_log.rabbitmq import RabbitMQEventLog
from event_log.spool import SpooledEventLog
from smolhog.metrics import SPOOL_BYTES, SPOOL_CAPACITY_BYTES, SPOOL_MESSAGES
from tests.fixtures_rabbitmq import RabbitMQ
from tests.tcp_proxy import TcpProxy

DEADLINE = 60.0


@pytest.fixture
def proxy(rabbitmq: RabbitMQ) -> Iterator[TcpProxy]:
    """A way to the broker that can be cut."""
    with TcpProxy(rabbitmq.port) as running:
        yield running


async def open_broker(url: str, prefix: str) -> RabbitMQEventLog:
    """The broker's log, which notices soon."""
    return await RabbitMQEventLog.open(
        url, partitions=1, prefix=prefix, publish_timeout=1.0, reconnect_delay=0.05
    )


@asynccontextmanager
async def spooled(
    url: str, prefix: str, folder: Path, capacity_bytes: int = 8 * 1024 * 1024
) -> AsyncIterator[SpooledEventLog]:
    """A log with a spool in `folder`."""
    log = await SpooledEventLog.open(
        lambda: open_broker(url, prefix), folder, partitions=1, capacity_bytes=capacity_bytes
    )
    try:
        yield log
    finally:
        await log.close()


async def in_the_broker(rabbitmq: RabbitMQ, prefix: str, count: int) -> list[bytes]:
    """The first messages that the broker has, once it has so many."""
    log = await open_broker(rabbitmq.url, prefix)
    try:
        async with asyncio.timeout(DEADLINE), aclosing(log.read(0, 0)) as messages:
            return [(await anext(messages)).body for _ in range(count)]
    finally:
        await log.close()


async def reached(log: SpooledEventLog) -> None:
    """Wait until the broker has been reached once."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                assert log.log_id
            except EventLogUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def drained(log: SpooledEventLog) -> None:
    """Wait until nothing is spooled any more."""
    async with asyncio.timeout(DEADLINE):
        while log.pending:  # noqa: ASYNC110 - a gauge, not an event
            await asyncio.sleep(0.02)


def numbered(begin: int, end: int) -> list[bytes]:
    """Bodies that show their order."""
    return [b"%d" % number for number in range(begin, end)]


def first_of_each(bodies: list[bytes]) -> list[bytes]:
    """Without repeats: a message whose confirmation was lost may be there twice."""
    return list(dict.fromkeys(bodies))


async def test_messages_of_an_outage_follow_in_order(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str, tmp_path: Path
) -> None:
    """Before, during and after an outage appends succeed, and the broker gets all of them in order."""
    async with spooled(rabbitmq.url_at(proxy.port), log_prefix, tmp_path) as log:
        await reached(log)
        for body in numbered(0, 50):
            await log.append(0, body)
        assert log.pending == 0
        proxy.cut()
        for body in numbered(50, 150):
            await log.append(0, body)
        assert log.pending > 0
        await log.check()
        assert SPOOL_MESSAGES._value.get() == log.pending
        assert SPOOL_BYTES.labels("0")._value.get() > 0
        assert SPOOL_CAPACITY_BYTES.labels("0")._value.get() > SPOOL_BYTES.labels("0")._value.get()
        proxy.restore()
        await drained(log)
        for body in numbered(150, 200):
            await log.append(0, body)
        assert log.pending == 0
    assert first_of_each(await in_the_broker(rabbitmq, log_prefix, 200)) == numbered(0, 200)


async def test_it_starts_while_the_broker_is_away(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str, tmp_path: Path
) -> None:
    """A gateway that starts into an outage takes events at once, and delivers when the broker comes."""
    proxy.cut()
    async with spooled(rabbitmq.url_at(proxy.port), log_prefix, tmp_path) as log:
        for body in numbered(0, 20):
            await log.append(0, body)
        assert log.pending == 20
        with pytest.raises(EventLogUnavailable):
            await log.end(0)
        proxy.restore()
        await drained(log)
    assert await in_the_broker(rabbitmq, log_prefix, 20) == numbered(0, 20)


async def test_a_second_gateway_on_one_spool_is_refused(
    rabbitmq: RabbitMQ, log_prefix: str, tmp_path: Path
) -> None:
    """Two processes that drain one spool would send everything twice."""
    async with spooled(rabbitmq.url, log_prefix, tmp_path):
        with pytest.raises(EventLogRefused, match="another gateway"):
            async with spooled(rabbitmq.url, log_prefix, tmp_path):
                pass


async def test_a_full_spool_refuses_and_keeps_what_it_has(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str, tmp_path: Path
) -> None:
    """Beyond its capacity appends fail; what was acknowledged arrives, and then there is room again."""
    proxy.cut()
    body = b"x" * 10_000
    async with spooled(rabbitmq.url_at(proxy.port), log_prefix, tmp_path, 300_000) as log:
        taken = 0
        with suppress(EventLogFull):
            while taken < 1_000:
                await log.append(0, body)
                taken += 1
        assert 10 <= taken <= 30
        assert log.pending == taken
        proxy.restore()
        await drained(log)
        await log.append(0, b"last")
    stored = await in_the_broker(rabbitmq, log_prefix, taken + 1)
    assert stored == [body] * taken + [b"last"]


async def test_acknowledged_messages_survive_a_kill_during_an_outage(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str, tmp_path: Path
) -> None:
    """SIGKILL while the broker is away; the next process delivers what the killed one acknowledged."""
    proxy.cut()
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here meanwhile
        [
            *(sys.executable, "-m", "tests.event_log.spooling_appender"),
            *(rabbitmq.url_at(proxy.port), log_prefix, str(tmp_path / "spool"), "100000"),
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    # What it logs goes the same way.
    acknowledged = 0
    while acknowledged < 200:
        acknowledged += process.stdout.readline().strip().isdigit()
    process.kill()
    acknowledged += sum(line.isdigit() for line in process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()
    async with spooled(rabbitmq.url_at(proxy.port), log_prefix, tmp_path / "spool") as log:
        assert log.pending >= acknowledged
        proxy.restore()
        await drained(log)
    assert await in_the_broker(rabbitmq, log_prefix, acknowledged) == numbered(0, acknowledged)


async def test_an_append_that_was_given_up_delays_nobody(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str, tmp_path: Path
) -> None:
    """It may be in the spool all the same, uncounted; what was acknowledged after it arrives as well."""
    proxy.cut()
    async with spooled(rabbitmq.url_at(proxy.port), log_prefix, tmp_path) as log:
        given_up = asyncio.create_task(log.append(0, b"given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        for body in numbered(0, 3):
            await log.append(0, body)
        proxy.restore()
        assert await in_the_broker(rabbitmq, log_prefix, 4) == [b"given up", *numbered(0, 3)]
        await drained(log)


async def test_appends_side_by_side_all_arrive(
    rabbitmq: RabbitMQ, proxy: TcpProxy, log_prefix: str, tmp_path: Path
) -> None:
    """Many appends in flight while the connection is cut and comes back: none is lost."""
    async with spooled(rabbitmq.url_at(proxy.port), log_prefix, tmp_path) as log:
        await reached(log)

        async def lane(number: int) -> None:
            for round_ in range(40):
                await log.append(0, b"%d:%d" % (number, round_))

        lanes = asyncio.gather(*(lane(number) for number in range(8)))
        for _ in range(3):
            await asyncio.sleep(0.02)
            proxy.cut()
            await asyncio.sleep(0.05)
            proxy.restore()
        await lanes
        await drained(log)
        await log.append(0, b"end")
    seen: set[bytes] = set()
    broker = await open_broker(rabbitmq.url, log_prefix)
    async with asyncio.timeout(DEADLINE), aclosing(broker.read(0, 0)) as messages:
        while b"end" not in seen:
            seen.add((await anext(messages)).body)
    await broker.close()
    assert seen == {b"end", *(b"%d:%d" % (lane, n) for lane in range(8) for n in range(40))}
