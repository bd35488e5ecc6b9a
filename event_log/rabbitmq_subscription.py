"""Reading a stream over AMQP: a live consumer, and the questions where a stream begins and ends."""

import asyncio
from collections import deque
from typing import Any, Self

from aiormq import Channel
from aiormq.abc import DeliveredMessage
from pamqp import commands

from event_log.errors import EventLogUnavailable
from event_log.port import Message
from event_log.rabbitmq_link import Link, LinkSettings, unavailable_on_failure

PREFETCH = 64
"""Messages on the way to one reader; at 64 KiB each that is 4 MiB."""

_PROBE_PREFETCH = 10_000
_EMPTY_ROUND_TRIPS = 3
_MOST_ROUND_TRIPS = 10
_IDLE_CHECK_SECONDS = 1.0


def _offset(message: DeliveredMessage) -> int:
    headers: Any = message.header.properties.headers
    return int(headers["x-stream-offset"])


def _delivery_tag(message: DeliveredMessage) -> int:
    assert isinstance(message.delivery, commands.Basic.Deliver)
    return message.delivery.delivery_tag or 0


class Subscription:
    """One consumer of one stream, on a connection of its own.

    Its own, because ending a consumer over a shared connection means closing a channel with
    deliveries and acknowledgements under way, which RabbitMQ answers by closing the connection
    under everybody else; and because a slow reader then slows nobody.
    """

    def __init__(self, settings: LinkSettings, stream: str, from_offset: int) -> None:
        self._stream = stream
        self._from_offset = from_offset
        self._link = Link(settings, name=f"smolhog reader {stream}")
        self._arrived: deque[DeliveredMessage] = deque()
        self._wake = asyncio.Event()
        self._channel: Channel | None = None
        self._consumer_tag = ""
        self._taken_tag = 0
        self._taken = 0

    async def __aenter__(self) -> Self:
        with unavailable_on_failure(f"subscribing to {self._stream}"):
            try:
                self._channel = channel = await self._link.channel()
                await channel.basic_qos(prefetch_count=PREFETCH)
                consumer = await channel.basic_consume(
                    self._stream, self._deliver, arguments={"x-stream-offset": self._from_offset}
                )
            except BaseException:
                await self._link.close()
                raise
        self._consumer_tag = consumer.consumer_tag or ""
        channel.closing.add_done_callback(lambda _: self._wake.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()

    async def _deliver(self, message: DeliveredMessage) -> None:
        self._arrived.append(message)
        self._wake.set()

    def interrupt(self) -> None:
        """Make a `take()` that waits return None. Called when the log closes."""
        self._wake.set()

    async def take(self) -> Message | None:
        """Return the next message, in order; None when nothing came for about a second.

        Raises:
            EventLogUnavailable: the connection or the consumer is gone; subscribe again.
        """
        if not self._arrived:
            await self._wait()
        if not self._arrived:
            return None
        delivered = self._arrived.popleft()
        self._taken_tag = _delivery_tag(delivered)
        self._taken += 1
        if self._taken >= PREFETCH // 2:
            await self._grant()
        return Message(_offset(delivered), delivered.body)

    async def _wait(self) -> None:
        channel = self._channel
        # The broker may also end a consumer and leave its channel open, when the stream moves.
        if channel is None or channel.is_closed or self._consumer_tag not in channel.consumers:
            raise EventLogUnavailable(f"the consumer of {self._stream} was ended")
        self._wake.clear()
        try:
            async with asyncio.timeout(_IDLE_CHECK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            # What is left unacknowledged for long makes the broker close the channel.
            await self._grant()

    async def _grant(self) -> None:
        """Acknowledge what was taken: on a stream that is credit to send more, and nothing else."""
        if self._channel is None or not self._taken:
            return
        with unavailable_on_failure(f"reading {self._stream}"):
            await self._channel.basic_ack(self._taken_tag, multiple=True, wait=False)
        self._taken = 0


class Probe:
    """Asks where streams begin and end, over one connection that stays open."""

    def __init__(self, settings: LinkSettings) -> None:
        self._timeout = settings.timeout
        self._link = Link(settings, name="smolhog probe")
        self._one_at_a_time = asyncio.Lock()

    async def oldest(self, stream: str) -> int | None:
        """Return the offset of the oldest kept message; None if there is no message."""
        offsets = await self._look(stream, "first", prefetch=1)
        return offsets[0] if offsets else None

    async def end(self, stream: str) -> int:
        """Return the offset one past the last message, 0 for an empty stream.

        A queue's message count is refreshed every few seconds only, so this attaches to the last
        chunk (the messages that the broker wrote together) and takes the offset of its last message.
        Exact for what was confirmed before on the node that answers; a replica may be behind.
        """
        offsets = await self._look(stream, "last", prefetch=_PROBE_PREFETCH)
        return offsets[-1] + 1 if offsets else 0

    async def _look(self, stream: str, where: str, *, prefetch: int) -> list[int]:
        arrived: list[DeliveredMessage] = []

        async def note(message: DeliveredMessage) -> None:
            arrived.append(message)

        async with self._one_at_a_time:
            with unavailable_on_failure(f"looking at {stream}"):
                channel = await self._link.channel()
                try:
                    async with asyncio.timeout(self._timeout):
                        await channel.basic_qos(prefetch_count=prefetch)
                        consumer = await channel.basic_consume(
                            stream, note, arguments={"x-stream-offset": where}
                        )
                        await _until_quiet(channel, stream, arrived)
                        await channel.basic_cancel(consumer.consumer_tag or "")
                        if arrived:  # the channel would remember them for ever, or be closed for it
                            await channel.basic_ack(_delivery_tag(arrived[-1]), multiple=True)
                except BaseException:
                    self._link.drop(channel)
                    raise
        return [_offset(message) for message in arrived]

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()


async def _until_quiet(channel: Channel, stream: str, arrived: list[DeliveredMessage]) -> None:
    """Return when what the stream held at the time of the call has arrived.

    The broker's channel answers in turn, behind the deliveries that it had for us: one round trip
    without a delivery is the end of the chunk. An empty stream gets a few, in case the process that
    owns it was slow; under constant appends the number is bounded too.
    """
    quiet = 0
    for _ in range(_MOST_ROUND_TRIPS):
        before = len(arrived)
        await channel.queue_declare(stream, passive=True)
        quiet = quiet + 1 if len(arrived) == before else 0
        if quiet >= (1 if arrived else _EMPTY_ROUND_TRIPS):
            return
