"""The first steps: a message of the log in, sound events and rejected ones out. Pure.

What the gateway has proved by the rules of this version is not proved again. Everything else (messages
of another version, or of somebody else's making) is checked event by event, so that a bad one costs its
neighbours nothing and no store ever sees what it cannot hold.
"""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from dataflows.columns import Fields
from dataflows.dedup import dedup_key, place_of, places_of
from event_log.port import Message
from schemas.envelope import (
    RULES_VERSION,
    CloseGroups,
    EnvelopeError,
    LogEvent,
    SubBatch,
    decode_message,
    encode_event,
)
from schemas.limits import Limits
from schemas.properties import Rejection, check_text, decode_properties
from schemas.reasons import RejectReason
from schemas.rows import is_plain
from schemas.stored import StoredRejection


class SoundBatch(NamedTuple):
    """The events of one sub-batch that were not rejected."""

    header: SubBatch
    """Of its events, only ``events`` below count."""
    events: list[LogEvent]
    properties: list[Fields]
    """Of each event, decoded."""


@dataclass(slots=True)
class DecodedMessage:
    """What one message of the log holds."""

    offset: int
    plain: bool = True
    """Whether nothing in it needs escaping."""
    controls: list[CloseGroups] = field(default_factory=list)
    batches: list[SoundBatch] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    """A :func:`dataflows.dedup.dedup_key` for each sound event, over all batches."""
    places: list[bytes] = field(default_factory=list)
    """Likewise a :func:`dataflows.dedup.place_of`."""
    rejected: list[StoredRejection] = field(default_factory=list)
    received: int = 0
    """Events that the gateway accepted."""
    refused: int = 0
    """Those of them that were rejected here."""
    unreadable: bool = False
    """Whether the message is damaged, so that nobody can count its events."""


def decode(message: Message, limits: Limits) -> DecodedMessage:
    """Decode one message.

    Args:
        message: as the log has it.
        limits: what an event may hold that is checked here.
    """
    body = message.body
    decoded = DecodedMessage(message.offset)
    try:
        content = decode_message(body)
    except EnvelopeError as error:
        decoded.unreadable = True
        decoded.rejected.append(_rejected_message(body, error))
        return decoded
    decoded.controls = content.controls
    decoded.plain = is_plain(body)
    by_gateway = 0
    for batch in content.batches:
        for place, refused in enumerate(batch.rejected, by_gateway):
            decoded.rejected.append(
                StoredRejection(
                    place=place,
                    project_id=batch.project_id,
                    received_at=batch.received_at,
                    event_id=refused.event_id,
                    reason=refused.reason,
                    message=refused.message,
                    payload=refused.payload,
                    source=batch.source,
                    rejected_by="gateway",
                )
            )
        by_gateway += len(batch.rejected)
        if batch.checked != RULES_VERSION or not _trust(batch, decoded):
            _judge(batch, decoded, limits)
        decoded.received += len(batch.events)
    return decoded


_decode_all = msgspec.json.Decoder(list[dict[str, Any]]).decode


def _trust(batch: SubBatch, decoded: DecodedMessage) -> bool:
    """Take all events as they are; ``False`` if not even their form is right, which is damage."""
    events = batch.events
    try:
        properties = _decode_all(b"[%b]" % b",".join([event.properties for event in events]))
        ids = bytes.fromhex("".join([event.event_id for event in events]).replace("-", ""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return False
    if len(ids) != 16 * len(events) or len(properties) != len(events):
        return False
    project = dedup_key(batch.project_id, b"")
    decoded.keys.extend([ids[begin : begin + 16] + project for begin in range(0, len(ids), 16)])
    first = decoded.received
    decoded.places.extend(places_of(decoded.offset, range(first, first + len(events))))
    decoded.batches.append(SoundBatch(batch, events, properties))
    return True


def _judge(batch: SubBatch, decoded: DecodedMessage, limits: Limits) -> None:
    """Check each event by itself."""
    sound = SoundBatch(batch, [], [])
    for index, event in enumerate(batch.events, decoded.received):
        properties = _check_names(event) or decode_properties(bytes(event.properties), limits)
        if isinstance(properties, Rejection):
            decoded.rejected.append(_rejected_event(index, batch, event, properties))
        elif _UUID.fullmatch(event.event_id) is None:
            decoded.rejected.append(_rejected_event(index, batch, event, _BAD_EVENT_ID))
        else:
            # PostgreSQL takes hyphens in fewer places than anybody may write them.
            event_id = bytes.fromhex(event.event_id.replace("-", ""))
            decoded.keys.append(dedup_key(batch.project_id, event_id))
            decoded.places.append(place_of(decoded.offset, index))
            sound.events.append(event)
            sound.properties.append(properties)
    decoded.refused += len(batch.events) - len(sound.events)
    decoded.batches.append(sound)


_UUID = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BAD_EVENT_ID = Rejection(RejectReason.INVALID_EVENT_ID, "event_id must be a UUID of 36 characters")


def _check_names(event: LogEvent) -> Rejection | None:
    for name in (event.event, event.distinct_id, event.session_id):
        if name is not None and (found := check_text(name)) is not None:
            return found
    return None


def _rejected_event(index: int, batch: SubBatch, event: LogEvent, why: Rejection) -> StoredRejection:
    return StoredRejection(
        place=index,
        project_id=batch.project_id,
        received_at=batch.received_at,
        event_id=event.event_id,
        reason=why.reason,
        message=why.message,
        payload=encode_event(event),
        source=batch.source,
        rejected_by="dataflow",
    )


def _rejected_message(body: bytes, error: EnvelopeError) -> StoredRejection:
    return StoredRejection(
        place=0,
        project_id=None,
        received_at=None,
        event_id=None,
        reason=RejectReason.MALFORMED,
        message=str(error),
        payload=body,
        source=None,
        rejected_by="dataflow",
    )
