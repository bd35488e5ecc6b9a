"""The event log on RabbitMQ: one stream queue a partition, over AMQP 0-9-1.

Durable here means what a stream's publisher confirm means: the message is written on a majority
of the stream's replicas. RabbitMQ does not fsync streams, so a killed broker loses nothing, and a
single machine that loses power may lose the last moments; three replicas are the answer to that.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Self

import structlog
from aiormq.exceptions import AMQPError
from pamqp import commands

from event_log.errors import EventLogClosed, EventLogUnavailable, OffsetBeyondEnd, OffsetGone
from event_log.port import DEFAULT_MAX_MESSAGE_BYTES, Message, Retention, check_partition, check_size
from event_log.rabbitmq_link import Link, LinkSettings, unavailable_on_failure
from event_log.rabbitmq_streams import SETTLE_SECONDS, Streams, declare_streams
from event_log.rabbitmq_subscription import Probe, Subscription

log = structlog.get_logger()

_END_CHECKS = 10


class RabbitMQEventLog:
    """`event_log.port.EventLog` on a RabbitMQ broker, 3.10 or newer."""

    def __init__(self, settings: LinkSettings, streams: Streams, *, max_message_bytes: int) -> None:
        self._settings = settings
        self._streams = streams
        self._max_message_bytes = max_message_bytes
        self._log_id = 0
        self._names = [streams.name(partition) for partition in range(streams.partitions)]
        self._publisher = Link(settings, name=f"smolhog publisher {streams.prefix}")
        self._probe = Probe(settings)
        self._closed = asyncio.Event()
        self._subscriptions: set[Subscription] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        partitions: int,
        retention: Retention | None = None,
        prefix: str = "smolhog.events",
        segment_bytes: int = 100_000_000,
        publish_timeout: float = 5.0,
        reconnect_delay: float = 0.25,
        heartbeat: int = 10,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        settle: float = SETTLE_SECONDS,
    ) -> Self:
        """Connect, and create the streams that are missing.

        A log that is new takes `settle` seconds: before that, a broker that is killed would forget
        it together with what it confirmed.

        Args:
            url: `amqp://user:password@host:port/vhost`, or `amqps://`.
            partitions: fixed for the life of the log.
            retention: for streams that are created now; a RabbitMQ policy changes it later.
            prefix: partition 3 is the queue `{prefix}.3`.
            segment_bytes: RabbitMQ deletes by whole segment files of this size.
            publish_timeout: seconds after which an unconfirmed append is unavailable.
            reconnect_delay: seconds between two attempts to connect.
            heartbeat: seconds; a reader gives up a silent connection after about three.
            max_message_bytes: at most the broker's own limit, 16 MiB on RabbitMQ 4.
            settle: seconds after which the broker has written down that a new stream exists.

        Raises:
            EventLogUnavailable: no broker answers, or it has no such virtual host.
            EventLogRefused: wrong credentials, or a name is taken by another queue.
            PartitionCountMismatch: the log exists with another number of partitions.
        """
        settings = LinkSettings(url, publish_timeout, reconnect_delay, heartbeat)
        streams = Streams(prefix, partitions, retention or Retention(), segment_bytes, settle)
        event_log = cls(settings, streams, max_message_bytes=max_message_bytes)
        setup = Link(settings, name=f"smolhog setup {prefix}")
        try:
            # A declare that fails closes its channel, and the next one must not wait for a delay.
            event_log._log_id = await declare_streams(setup, streams, timeout=publish_timeout)
        finally:
            await setup.close()
        return event_log

    @property
    def partitions(self) -> int:
        """The number of partitions."""
        return self._streams.partitions

    @property
    def log_id(self) -> int:
        """Which log this is."""
        return self._log_id

    async def append(self, partition: int, body: bytes) -> None:
        """Publish one message and wait until the broker confirms it. See the port."""
        check_partition(partition, self.partitions)
        check_size(body, self._max_message_bytes)
        if self._closed.is_set():
            raise EventLogClosed
        name = self._names[partition]
        channel = None
        with unavailable_on_failure(f"appending to {name}"):
            try:
                async with asyncio.timeout(self._settings.timeout):
                    channel = await self._publisher.channel()
                    # Mandatory: without it the broker confirms what it could not route.
                    confirmation = await channel.basic_publish(body, routing_key=name, mandatory=True)
            except TimeoutError:
                # Nobody answers on this connection, so nobody else's append should wait on it.
                self._publisher.drop(channel)
                raise
            except AMQPError:
                if channel is not None and channel.is_closed:
                    self._publisher.drop(channel)
                raise
        if not isinstance(confirmation, commands.Basic.Ack):
            raise EventLogUnavailable(f"appending to {name}: the broker answered {confirmation!r}")

    def read(self, partition: int, from_offset: int) -> AsyncGenerator[Message, None]:
        """Yield messages from an offset on, across reconnects. See the port.

        `OffsetGone` with ``oldest == asked + 1`` can be a false alarm: the missing offset may have
        been one of those that RabbitMQ uses up at a segment's start, but nothing can tell any more.
        """
        check_partition(partition, self.partitions)
        return self._read(partition, from_offset)

    async def _read(self, partition: int, from_offset: int) -> AsyncGenerator[Message, None]:
        expected = from_offset
        checked_end = from_offset == 0
        failing = False
        while not self._closed.is_set():
            try:
                if not checked_end:
                    await self._check_end(partition, from_offset)
                    checked_end = True
                async with Subscription(self._settings, self._names[partition], expected) as subscription:
                    self._subscriptions.add(subscription)
                    first, failing = True, False
                    try:
                        while not self._closed.is_set():
                            message = await subscription.take()
                            # A chunk is delivered whole, from before the offset that was asked for.
                            if message is None or message.offset < expected:
                                continue
                            await self._check_gap(partition, expected, message.offset, first=first)
                            first = False
                            expected = message.offset + 1
                            yield message
                    finally:
                        self._subscriptions.discard(subscription)
            except EventLogUnavailable as error:
                if not failing:
                    log.warning(
                        "event_log.reader_interrupted", stream=self._names[partition], reason=str(error)
                    )
                failing = True
                await self._pause()
        raise EventLogClosed

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._settings.reconnect_delay):
                await self._closed.wait()
        except TimeoutError:
            return

    async def _check_end(self, partition: int, from_offset: int) -> None:
        """Raise `OffsetBeyondEnd` if the stream is shorter than the offset; RabbitMQ would just wait.

        Asked several times: right after a restart, or on a replica, the end may lag for a moment.
        """
        end = 0
        for _ in range(_END_CHECKS):
            end = await self._probe.end(self._names[partition])
            if from_offset <= end:
                return
            await self._pause()
        raise OffsetBeyondEnd(partition, from_offset, end)

    async def _check_gap(self, partition: int, expected: int, offset: int, *, first: bool) -> None:
        """Raise `OffsetGone` if messages were deleted between the expected offset and this one.

        One missing offset in the running stream is RabbitMQ's own (it opens a segment with a
        record of its publishers). Otherwise the oldest kept message tells.
        """
        if offset == expected or (offset == expected + 1 and not first):
            return
        oldest = await self._probe.oldest(self._names[partition])
        if oldest is not None and oldest > expected:
            raise OffsetGone(partition, expected, max(oldest, offset))

    async def end(self, partition: int) -> int:
        """Return the offset one past the last message. See the port, and `Probe.end` on exactness."""
        check_partition(partition, self.partitions)
        if self._closed.is_set():
            raise EventLogClosed
        return await self._probe.end(self._names[partition])

    async def oldest(self, partition: int) -> int:
        """Return the offset of the oldest message that is kept. See the port."""
        check_partition(partition, self.partitions)
        if self._closed.is_set():
            raise EventLogClosed
        oldest = await self._probe.oldest(self._names[partition])
        return await self.end(partition) if oldest is None else oldest

    async def check(self) -> None:
        """Return if the log answers."""
        await self.end(0)

    async def close(self) -> None:
        """Close all connections; appends in flight fail, readers raise `EventLogClosed`."""
        self._closed.set()
        for subscription in self._subscriptions:
            subscription.interrupt()
        await asyncio.gather(self._publisher.close(), self._probe.close())
