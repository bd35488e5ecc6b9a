"""Frames of wire protocol v1, as the hot path decodes and encodes them.

A client sends ``hello``, ``batch`` and ``ping``; the server ``welcome``, ``ack``, ``slow_down``,
``pong`` and ``error``. Every frame is one JSON text message, or one binary MessagePack message where
the client's ``hello`` asked for it; the field ``type`` names it.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct, UnsetType, field

from schemas.limits import DEFAULT_LIMITS, Limits

PROTOCOL_VERSION = 1

_Name = Annotated[str, Meta(min_length=1, max_length=DEFAULT_LIMITS.name_length)]
Instant = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with a zone."""
NO_PROPERTIES = Raw(b"{}")
"""The one object that stands for properties that were not sent."""


class WireEvent(Struct, gc=False):
    """:class:`schemas.event.Event` with ``properties`` left as the bytes that came."""

    event: _Name
    distinct_id: _Name
    event_id: str | None = None
    timestamp: Instant | None = None
    session_id: _Name | None = None
    properties: Raw = field(default_factory=lambda: NO_PROPERTIES)


class Hello(Struct, tag="hello", tag_field="type"):
    """First frame of a client: who it is and how it wants to talk."""

    key: str | None = None
    """Write key, where the ``Authorization`` header could not carry it."""
    encoding: Literal["json", "msgpack"] = "json"
    sdk: str | None = None
    """Name and version of the SDK, for logs."""


class Batch(Struct, tag="batch", tag_field="type"):
    """Events to store; ``id`` comes back in the ack."""

    id: str
    events: list[WireEvent]
    sent_at: Instant | None = None
    """When the client sent this attempt, by its own clock: corrects the events' times."""


class Ping(Struct, tag="ping", tag_field="type"):
    """Asks for a ``pong``."""


class HttpBatch(Struct):
    """Body of ``POST /v1/batch``: a batch without frame type, its id optional."""

    events: list[WireEvent]
    sent_at: Instant | None = None
    id: str | None = None


class Verdict(Struct, omit_defaults=True):
    """What became of one event that is not simply ``ok``."""

    index: int
    """Place of the event in its batch, from 0."""
    result: Literal["rejected", "retry"]
    """``rejected`` is final; ``retry`` means that the same event may be sent again."""
    code: str
    """A :class:`schemas.reasons.RejectReason`, or ``unavailable`` with ``retry``."""
    message: str
    event_id: str | None = None


class Welcome(Struct, tag="welcome", tag_field="type"):
    """The key is good; these are the limits."""

    limits: Limits
    protocol: int = PROTOCOL_VERSION


class Ack(Struct, tag="ack", tag_field="type"):
    """Every event of batch ``id`` is durable, but for those listed in ``results``."""

    id: str
    accepted: int
    results: list[Verdict] | UnsetType = msgspec.UNSET


class SlowDown(Struct, tag="slow_down", tag_field="type"):
    """The gateway is full: keep what you have and wait. Nothing sent before was lost by this."""

    retry_after_ms: int


class Pong(Struct, tag="pong", tag_field="type"):
    """Answers ``ping``."""


class Error(Struct, tag="error", tag_field="type", omit_defaults=True):
    """Something is wrong with a frame or the connection; a fatal one closes it."""

    code: str
    message: str
    fatal: bool
    id: str | None = None
    """The batch that it is about, where that is known."""


class HttpAnswer(Struct, omit_defaults=True):
    """Body of the answer to ``POST /v1/batch``."""

    accepted: int
    results: list[Verdict] = []
    id: str | None = None


ServerFrame = Welcome | Ack | SlowDown | Pong | Error
