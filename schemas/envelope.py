"""What one message of the event log holds: sub-batches of events, each with its own header.

A message is JSON, ``[version, [sub-batch, …], [control, …]]``; structs are arrays so that no field
name is repeated per event, and ``properties`` stay the bytes that the client sent. New fields go to
the end of a struct, with a default.

A *control* tells the dataflow to do something at this place of the log. Since it stands in the log,
what the dataflow does stays a function of the log alone. It takes effect before the events of its
message.

An event's *index* counts the events of its message in order, over all sub-batches; rejected events
have an index space of their own. ``(partition, offset, index)`` is an event's place in the log.
"""

import zlib
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from schemas.reasons import RejectReason
from schemas.wire import Instant

ENVELOPE_VERSION = 1

RULES_VERSION = 2
"""Of the rules for events in :mod:`schemas.properties` and :mod:`schemas.wire`; a stricter rule is a new version."""


class LogEvent(Struct, array_like=True, gc=False):
    """An accepted event: canonical, its time not yet corrected."""

    event_id: str
    """UUID in its usual 36 characters."""
    event: str
    distinct_id: str
    timestamp: Instant | None
    """By the client's clock, with its zone; ``None`` if the client gave none."""
    session_id: str | None
    properties: Raw
    """A JSON object in UTF-8."""


class RejectedEvent(Struct, array_like=True, gc=False):
    """An event that the gateway refused, kept for people to look at."""

    reason: RejectReason
    message: str
    payload: bytes
    """What came, as far as it is known, cut to 64 KiB."""
    event_id: str | None = None


class SubBatch(Struct, array_like=True):
    """The events of one client batch that go to one partition, under the batch's header."""

    project_id: Annotated[int, Meta(ge=0, lt=2**31)]
    received_at: Instant
    """UTC, by the gateway's clock."""
    sent_at: Instant | None
    source: str
    """The protocol that it came by, e.g. ``ws.v1``."""
    client_address: str | None
    user_agent: str | None
    trace: str | None
    """W3C ``traceparent`` of the gateway's span."""
    events: list[LogEvent]
    rejected: list[RejectedEvent] = []
    checked: int = 0
    """:data:`RULES_VERSION` of the gateway that proved every event sound, so that nobody has to again."""


class CloseGroups(Struct, array_like=True, tag="close"):
    """Control: close the open groups of a time range, as if log time had passed them.

    Events that come later open new segments: so all segments that were opened before this message hold
    events before this message only, and :mod:`dataflows.rebuild` may replace them.
    """

    control_id: str
    """Tells this control from all others; whoever appended it finds it again by this."""
    project_id: int | None
    """Whose groups; ``None`` for those of all projects."""
    begin: int
    """Seconds since 1970, a whole hour."""
    end: int
    """Likewise; not included."""


class Origin(Struct, array_like=True, frozen=True):
    """Which part of another log a message was made of, where a flow wrote it."""

    stream: str
    """Flow, its version, its output, and the log that it reads."""
    partition: str
    offset: int
    """Of the last message that is in it."""


class LogMessage(Struct, array_like=True):
    """One message of the event log."""

    version: int
    batches: list[SubBatch]
    controls: list[CloseGroups] = []
    origin: Origin | None = None


class EnvelopeError(ValueError):
    """A message of the log is not an envelope that this version can read."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LogMessage)

REJECTED_PAYLOAD_BYTES = 64 * 1024


def encode_sub_batch(batch: SubBatch) -> bytes:
    """Encode one sub-batch; :func:`join_sub_batches` makes messages of them."""
    return _encoder.encode(batch)


def encode_event(event: LogEvent) -> bytes:
    """Encode an event by itself, field by field as a client would send it."""
    return _encoder.encode(
        {name: value for name in LogEvent.__struct_fields__ if (value := getattr(event, name)) is not None}
    )


def join_sub_batches(encoded: Iterable[bytes], origin: Origin | None = None) -> bytes:
    """Make the body of one log message from encoded sub-batches; ``origin`` says what a flow made it of."""
    if origin is not None:
        return b"[%d,[%b],[],%b]" % (ENVELOPE_VERSION, b",".join(encoded), _encoder.encode(origin))
    return b"[%d,[%b]]" % (ENVELOPE_VERSION, b",".join(encoded))


def encode_controls(controls: list[CloseGroups]) -> bytes:
    """Make the body of a log message that holds controls and no events."""
    return _encoder.encode(LogMessage(ENVELOPE_VERSION, [], controls))


def decode_message(body: bytes) -> LogMessage:
    """Decode one message of the log.

    Raises:
        EnvelopeError: the body is damaged, or of a version that this code does not know.
    """
    try:
        message = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError(f"not a SmolHog log message: {error}") from error
    if message.version != ENVELOPE_VERSION:
        raise EnvelopeError(
            f"log message has version {message.version}; this SmolHog reads version {ENVELOPE_VERSION}"
        )
    return message


def partition_of(project_id: int, distinct_id: str, partitions: int) -> int:
    """Tell the partition that holds all events of one user of one project.

    CRC-32 is stable over processes, machines and languages, and spreads ids evenly enough.
    """
    return zlib.crc32(distinct_id.encode(), project_id) % partitions
