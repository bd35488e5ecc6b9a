"""What a program may choose when it makes a client; the same for ``Client`` and ``SyncClient``."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import PathLike
from typing import Any, Literal, TypedDict

from smolhog_client.backoff import Backoff, FullJitter
from smolhog_client.overflow import Overflow
from smolhog_client.queued import DeliverySettings
from smolhog_client.results import RejectedEvent

Transport = Literal["auto", "websocket", "http"]
"""``auto``: a WebSocket, and HTTP while something in between does not let one through."""

_BACKOFF = FullJitter()


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Options(TypedDict, total=False):
    """Keyword arguments of a client; :class:`Settings` has what they are when left out."""

    max_in_flight: int
    """Batches that may wait for their ack at once."""
    batch_events: int
    """Most events in one batch."""
    linger_ms: float
    """How long a tracked event may wait for company before it is sent."""
    queue_events: int
    """Events held in memory, waiting and in flight together."""
    queue_bytes: int
    """The same in bytes of JSON."""
    overflow: Overflow
    """What to do at these bounds: ``block``, ``drop_oldest`` or ``drop_newest``."""
    disk_queue: str | PathLike[str] | None
    """A file where events wait until they are acknowledged, also for the next process."""
    disk_events: int
    """Events in that file, of all processes; with a disk queue ``overflow`` is about this bound."""
    disk_bytes: int
    """The same in bytes of JSON."""
    super_properties: Mapping[str, Any] | None
    """Properties of each tracked event that does not say otherwise."""
    on_rejected: Callable[[RejectedEvent], None] | None
    """Called with each event that the gateway will not store."""
    on_dropped: Callable[[int], None] | None
    """Called with how many events were dropped for want of room."""
    transport: Transport
    """``auto``, ``websocket`` or ``http``."""
    backoff: Backoff
    """How long to wait between attempts to connect, and after ``retry`` verdicts."""
    ack_timeout: float
    """Seconds after which a batch without ack is sent over another connection."""
    keepalive: float
    """Seconds between pings, and until an unanswered one ends the connection."""
    open_timeout: float
    """Seconds that a connection may take to be opened."""
    http_period: float
    """Seconds that HTTP does before a WebSocket is tried again."""
    close_timeout: float
    """Seconds that ``close`` waits for what is still on its way."""
    proxy: str | None
    """URL of an HTTP or SOCKS proxy; HTTP alone can stand in for a WebSocket over the former only."""
    event_ids: Callable[[], str] | None
    """Makes the ids of events that have none."""
    now: Callable[[], datetime]
    """The wall clock, with its zone."""
    sleep: Callable[[float], Any]
    """Waits between attempts to connect."""


@dataclass(frozen=True, slots=True)
class Settings:
    """:class:`Options` with nothing left out."""

    max_in_flight: int = 16
    batch_events: int = 500
    linger_ms: float = 20.0
    queue_events: int = 20_000
    queue_bytes: int = 64 * 1024 * 1024
    overflow: Overflow = "block"
    disk_queue: str | PathLike[str] | None = None
    disk_events: int = 1_000_000
    disk_bytes: int = 1024 * 1024 * 1024
    super_properties: Mapping[str, Any] | None = None
    on_rejected: Callable[[RejectedEvent], None] | None = None
    on_dropped: Callable[[int], None] | None = None
    transport: Transport = "auto"
    backoff: Backoff = _BACKOFF
    ack_timeout: float = 60.0
    keepalive: float = 30.0
    open_timeout: float = 10.0
    http_period: float = 300.0
    close_timeout: float = 10.0
    proxy: str | None = None
    event_ids: Callable[[], str] | None = None
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Any] = asyncio.sleep

    def __post_init__(self) -> None:
        bounds = (self.max_in_flight, self.batch_events, self.queue_events, self.queue_bytes)
        if min(*bounds, self.disk_events, self.disk_bytes) < 1:
            raise ValueError("max_in_flight, batch_events and the bounds of queues must be at least 1")
        if self.overflow not in ("block", "drop_oldest", "drop_newest"):
            raise ValueError(f"overflow must be block, drop_oldest or drop_newest, not {self.overflow!r}")
        if self.transport not in ("auto", "websocket", "http"):
            raise ValueError(f"transport must be auto, websocket or http, not {self.transport!r}")

    @property
    def delivery(self) -> DeliverySettings:
        """The bounds of what is held in memory and sent."""
        return DeliverySettings(
            self.batch_events,
            self.linger_ms / 1000,
            self.max_in_flight,
            self.queue_events,
            self.queue_bytes,
        )

    def halved(self) -> "Settings":
        """Give the same with half of the memory, for a client that has two queues in a row."""
        return replace(
            self, queue_events=(self.queue_events + 1) // 2, queue_bytes=(self.queue_bytes + 1) // 2
        )
