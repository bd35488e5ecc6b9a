"""Appending to the event log: RabbitMQ by a few lines of code, and both adapters, with the same bytes."""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aio_pika
from aio_pika.abc import AbstractChannel

from benchmarks.messages import PARTITIONS, log_messages
from benchmarks.results import Group, LossCheck, Result
from event_log.opening import open_event_log
from event_log.port import EventLog, Retention
from schemas.envelope import decode_message
from smolhog.settings import Settings

_IN_FLIGHT = 32
"""Appends that wait for their confirmations, in each partition."""
_Append = Callable[[int, bytes], Awaitable[object]]


async def measure_event_log(events: int, amqp_url: str | None) -> list[Result]:
    """Append the same messages in every way there is, and read them back.

    Args:
        events: how many the messages hold.
        amqp_url: a running broker; ``None`` leaves out what needs one.
    """
    messages = log_messages(events)
    results = []
    if amqp_url is not None:
        results.append(await _measure_bare_streams(messages, events, amqp_url))
        results.append(await _measure_adapter(messages, events, amqp_url, "RabbitMQ"))
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as folder:
        results.append(await _measure_adapter(messages, events, f"sqlite://{folder}/log", "SQLite"))
    return results


async def open_log(url: str) -> EventLog:
    """Open a log as SmolHog's processes do without further settings."""
    retention = Retention(
        Settings.model_fields["log_retention_bytes"].default,
        timedelta(hours=Settings.model_fields["log_retention_hours"].default),
    )
    return await open_event_log(url, partitions=PARTITIONS, retention=retention)


async def count_events(url: str) -> int:
    """Count the events of a log that exists."""
    log = await open_log(url)
    try:
        counts = [await _read_log(log, partition) for partition in range(PARTITIONS)]
    finally:
        await log.close()
    return sum(counts)


async def _measure_bare_streams(messages: dict[int, list[bytes]], events: int, url: str) -> Result:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        assert isinstance(channel, AbstractChannel)
        for partition in messages:
            await channel.declare_queue(
                f"bench.bare.{partition}", durable=True, arguments={"x-queue-type": "stream"}
            )

        async def publish(partition: int, body: bytes) -> None:
            await channel.default_exchange.publish(
                aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT),
                routing_key=f"bench.bare.{partition}",
            )

        seconds = await append_all(messages, publish)
        found = 0
        for partition, bodies in messages.items():
            found += await _read_stream(connection, f"bench.bare.{partition}", len(bodies))
            await channel.queue_delete(f"bench.bare.{partition}")
    return _result(
        "append-rabbitmq", "Bare publish to RabbitMQ streams", Group.CEILING, messages, events, seconds, found
    )


async def _read_stream(connection: aio_pika.abc.AbstractConnection, name: str, messages: int) -> int:
    """Count the events of a stream."""
    found = 0
    if not messages:
        return found
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=100)
    queue = await channel.get_queue(name)
    async with queue.iterator(arguments={"x-stream-offset": "first"}) as arriving:
        async for message in arriving:
            found += _events_in(message.body)
            await message.ack()
            messages -= 1
            if messages == 0:
                break
    await channel.close()
    return found


async def _measure_adapter(messages: dict[int, list[bytes]], events: int, url: str, name: str) -> Result:
    log = await open_event_log(url, partitions=PARTITIONS, prefix=f"bench.{uuid.uuid4().hex}")
    try:
        seconds = await append_all(messages, log.append)
        counts = await asyncio.gather(*(_read_log(log, partition) for partition in messages))
    finally:
        await log.close()
    return _result(
        f"log-{name.lower()}", f"Event log on {name}", Group.STAGE, messages, events, seconds, sum(counts)
    )


async def _read_log(log: EventLog, partition: int) -> int:
    """Count the events of a partition."""
    found = 0
    end = await log.end(partition)
    if end == 0:
        return found
    reading = log.read(partition, 0)
    try:
        async for message in reading:
            found += _events_in(message.body)
            if message.offset + 1 >= end:
                break
    finally:
        await reading.aclose()
    return found


async def append_all(messages: dict[int, list[bytes]], append: _Append) -> float:
    """Append everything, a number at a time in each partition; returns how long it took."""

    async def one_after_the_other(partition: int, bodies: "list[bytes]") -> None:
        while bodies:
            await append(partition, bodies.pop())

    left = {partition: bodies[::-1] for partition, bodies in messages.items()}
    began = time.perf_counter()
    await asyncio.gather(
        *(
            one_after_the_other(partition, bodies)
            for partition, bodies in left.items()
            for _ in range(_IN_FLIGHT)
        )
    )
    return time.perf_counter() - began


def _events_in(body: bytes) -> int:
    return sum(len(batch.events) for batch in decode_message(body).batches)


def _result(
    name: str,
    title: str,
    group: Group,
    messages: dict[int, list[bytes]],
    events: int,
    seconds: float,
    found: int,
) -> Result:
    size = sum(len(body) for bodies in messages.values() for body in bodies)
    return Result(
        name=name,
        title=title,
        group=group,
        events=events,
        seconds=seconds,
        checks=(LossCheck("events read back", events, found),),
        settings={"messages": sum(map(len, messages.values())), "partitions": len(messages)},
        figures={"MB a second": size / seconds / 1e6, "bytes an event": size / events},
    )
