"""The event log as the rest of the pipeline sees it: durable, partitioned, replayable.

Two adapters implement the port, `event_log.rabbitmq` and `event_log.sqlite`; one behaviour suite
(`tests/event_log/test_behaviour.py`) runs over both.
"""

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, Protocol

from event_log.errors import MessageTooLarge, UnknownPartition

DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""RabbitMQ 4 refuses more than 16 MiB, and closes the channel under every append in flight when it does."""


class Message(NamedTuple):
    """One message of one partition: what `append` was given, and where it is."""

    offset: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of a partition is kept; the oldest messages go first. None keeps everything.

    Attributes:
        max_bytes: size of one partition, in bytes. Adapters delete in steps and keep a little more.
        max_age: age of a message, by the clock of the log.
    """

    max_bytes: int | None = None
    max_age: timedelta | None = None


class EventLog(Protocol):
    """Partitions of messages. One object belongs to one running event loop."""

    @property
    def partitions(self) -> int:
        """The number of partitions, fixed when the log is created."""
        ...

    @property
    def log_id(self) -> int:
        """Which log this is: a positive number of at most 62 bits, drawn when the log is created.

        Offsets mean something within one log only; whoever stores an offset stores this with it.
        """
        ...

    async def append(self, partition: int, body: bytes) -> None:
        """Store one message; return when it is durable, and not before.

        Many appends may be in flight at once; two that are in flight together land in either order.

        Raises:
            EventLogUnavailable: nothing is known to be stored; append again later. It may have been
                stored all the same, so trying again may leave a duplicate.
            MessageTooLarge: this body will never be taken.
        """
        ...

    def read(self, partition: int, from_offset: int) -> AsyncGenerator[Message, None]:
        """Yield the messages of a partition in order, from `from_offset` on, and wait for more.

        Offsets grow from message to message but not always by one (RabbitMQ uses some up for its
        own records); the offset to continue from is the last one plus one. The iterator never
        ends by itself and outlives broker restarts without a gap or a repeat; `aclose()` it.
        Several readers may read the same partition.

        Raises:
            OffsetGone: retention has deleted messages at or after `from_offset`, also later on, when
                it overtakes a slow reader.
            OffsetBeyondEnd: the log never got as far as `from_offset`.
            EventLogClosed: `close()` was called while reading.
        """
        ...

    async def end(self, partition: int) -> int:
        """Return the offset one past the last durable message, 0 for an empty partition.

        What lag is measured against: everything appended before the call is counted.
        """
        ...

    async def oldest(self, partition: int) -> int:
        """Return the offset of the oldest message that is kept, or the end if none is."""
        ...

    async def check(self) -> None:
        """Return if an append can be expected to succeed now.

        Raises:
            EventLogUnavailable: it cannot.
        """
        ...

    async def close(self) -> None:
        """Let go of connections, files and threads; further use raises `EventLogClosed`."""
        ...


def new_log_id() -> int:
    """Draw the number of a log that is being created."""
    return secrets.randbits(61) + 1


def check_partition(partition: int, partitions: int) -> None:
    """Raise `UnknownPartition` unless the log has this partition."""
    if not 0 <= partition < partitions:
        raise UnknownPartition(partition, partitions)


def check_size(body: bytes, limit: int) -> None:
    """Raise `MessageTooLarge` if the body has more bytes than `limit`."""
    if len(body) > limit:
        raise MessageTooLarge(len(body), limit)
