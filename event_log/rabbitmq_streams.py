"""The streams that a log on RabbitMQ consists of, and how they come to exist."""

import asyncio
import re
import secrets
import time
from dataclasses import dataclass

import structlog
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed
from pamqp.common import FieldTable

from event_log.errors import EventLogRefused, PartitionCountMismatch
from event_log.port import Retention
from event_log.rabbitmq_link import Link, unavailable_on_failure

log = structlog.get_logger()

SETTLE_SECONDS = 2.5
"""RabbitMQ 3 holds what it notes about a new queue back for up to two seconds (the delayed writes of
Erlang's `disk_log`, under Mnesia): a broker killed before that forgets the queue with all that is in
it. RabbitMQ 4 with Khepri does not."""
_MOST_CLOCK_DIFFERENCE_MS = 60_000
_RANDOM_BITS = 19
_CURRENT_VALUE = re.compile(r"current is (?:the value )?'(\d+)'")


@dataclass(frozen=True, slots=True)
class Streams:
    """Names and arguments of one log's streams.

    Attributes:
        prefix: the stream of partition 3 is `{prefix}.3`.
        partitions: how many there are.
        retention: per partition; RabbitMQ deletes whole segments, never the one being written.
        segment_bytes: size of a segment file.
        settle: seconds after which the broker has written down that a new stream exists.
    """

    prefix: str
    partitions: int
    retention: Retention
    segment_bytes: int
    settle: float = SETTLE_SECONDS

    def name(self, partition: int) -> str:
        """Return the name of the queue that holds a partition."""
        return f"{self.prefix}.{partition}"

    @property
    def arguments(self) -> FieldTable:
        """The queue arguments of a partition."""
        arguments: FieldTable = {
            "x-queue-type": "stream",
            "x-stream-max-segment-size-bytes": self.segment_bytes,
        }
        if self.retention.max_bytes is not None:
            arguments["x-max-length-bytes"] = self.retention.max_bytes
        if self.retention.max_age is not None:
            arguments["x-max-age"] = f"{int(self.retention.max_age.total_seconds())}s"
        return arguments


async def declare_streams(link: Link, streams: Streams, *, timeout: float) -> int:  # noqa: ASYNC109 - seconds per declare
    """Create what is missing and check that the log has this number of partitions.

    Returns:
        The log's number.

    Raises:
        PartitionCountMismatch: the log was created with another number.
        EventLogRefused: a queue of this name is no stream, or the user may not declare it.
        EventLogUnavailable: the broker did not answer.
    """
    with unavailable_on_failure("declaring the streams"):
        async with asyncio.timeout(timeout * (3 + streams.partitions) + streams.settle):
            recorded = await _record(link, f"{streams.prefix}.partitions", streams.partitions)
            if recorded != streams.partitions:
                raise PartitionCountMismatch(f"the event log {streams.prefix}", recorded, streams.partitions)
            for partition in range(streams.partitions):
                await _declare_partition(link, streams, partition)
            # Last, so that a log with a number has all else, for as long as its number says.
            log_id = await _record(link, f"{streams.prefix}.log_id", _new_log_id())
            await asyncio.sleep(_unsettled_seconds(log_id, streams.settle))
    return log_id


def _new_log_id() -> int:
    """Draw the number of a log that is being created: milliseconds since 1970, and 19 random bits.

    The time is in it for those who open the log at the same moment and find its streams there.
    """
    return (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)


def _unsettled_seconds(log_id: int, settle: float) -> float:
    """How long the broker may still forget a log; numbers of earlier releases are random, and long settled."""
    age_ms = time.time_ns() // 1_000_000 - (log_id >> _RANDOM_BITS)
    if age_ms < -_MOST_CLOCK_DIFFERENCE_MS:
        return 0
    return min(settle, max(0, settle - age_ms / 1000))


async def _record(link: Link, name: str, number: int) -> int:
    """Record a number in the arguments of a stream that stays empty, unless one is recorded already.

    AMQP cannot list queues, but a broker refuses to declare a queue again with another argument
    and says which one it has: an atomic "create, or tell me". The stream's size limit means
    nothing, nobody publishes to it; what counts is that the number is in it.

    Returns:
        The number that is recorded now.
    """
    channel = await link.channel()
    try:
        await channel.queue_declare(
            name, durable=True, arguments={"x-queue-type": "stream", "x-max-length-bytes": number}
        )
    except ChannelPreconditionFailed as error:
        link.drop(channel)
        recorded = _CURRENT_VALUE.search(str(error))
        if "x-max-length-bytes" in str(error) and recorded is not None:
            return int(recorded[1])
        raise EventLogRefused(f"queue {name} exists and does not record a number: {error}") from error
    except ChannelAccessRefused as error:
        raise EventLogRefused(f"the broker does not let this user declare {name}: {error}") from error
    return number


async def _declare_partition(link: Link, streams: Streams, partition: int) -> None:
    name = streams.name(partition)
    channel = await link.channel()
    try:
        await channel.queue_declare(name, durable=True, arguments=streams.arguments)
    except ChannelAccessRefused as error:
        raise EventLogRefused(f"the broker does not let this user declare {name}: {error}") from error
    except ChannelPreconditionFailed as error:
        link.drop(channel)
        if "x-queue-type" in str(error) or not await _is_stream(link, name):
            raise EventLogRefused(f"queue {name} exists and is not a stream: {error}") from error
        # Arguments are fixed at creation. A changed setting must not keep the gateway from starting.
        log.warning(
            "event_log.retention_differs",
            stream=name,
            reason=str(error),
            remedy="set max-age and max-length-bytes with a RabbitMQ policy",
        )


async def _is_stream(link: Link, name: str) -> bool:
    """Whether an existing queue is a stream: only streams refuse a consumer that set no prefetch."""
    channel = await link.channel()
    try:
        await channel.basic_consume(name, _ignore)
    except ChannelPreconditionFailed as error:
        return "prefetch" in str(error)
    finally:
        link.drop(channel)
    return False


async def _ignore(_message: object) -> None:
    """Take a delivery that nobody wants."""
