"""The native protocol's decoder: a frame in, events and verdicts out.

There are two ways through it. The *fast path* decodes the frame with msgspec and proves with a few
scans of the whole frame that every event in it is sound; properties stay the bytes that came. It
never refuses anything: whatever it cannot prove goes the *exact path*, event by event
(:mod:`ingest_gateway.exact`), so that one bad event costs its neighbours time and nothing else.

The proof is complete, so no reason is left for a later stage to find. Decoding the properties a
second time (their values are thrown away) is most of its price, and is what finds huge numbers,
long names and, with one count of ``":``, keys that stand twice: looking for those in the text with
regular expressions took longer and found less.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct, ValidationError

from ingest_gateway.cut import cut_frame
from ingest_gateway.errors import FrameError
from ingest_gateway.exact import Translation, id_in_text, judge_event, read_json, refuse
from ingest_gateway.packed import json_of_packed
from schemas.envelope import REJECTED_PAYLOAD_BYTES, LogEvent, RejectedEvent
from schemas.event import EARLIEST
from schemas.limits import Limits
from schemas.properties import Rejection, check_text
from schemas.reasons import RejectReason
from schemas.wire import NO_PROPERTIES, Batch, Hello, HttpBatch, Instant, Ping, Verdict, WireEvent


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A batch with every event judged."""

    id: str | None
    sent_at: datetime | None
    events: list[LogEvent]
    """The good ones, in the batch's order."""
    verdicts: list[Verdict] = field(default_factory=list)
    """One for each event that is not good, in the batch's order."""
    rejected: list[RejectedEvent] = field(default_factory=list)
    """The same events, as the log keeps them."""


class _BatchHead(Struct, tag="batch", tag_field="type"):
    id: str
    events: list[Any]
    sent_at: Instant | None = None


class _BodyHead(Struct):
    events: list[Any]
    sent_at: Instant | None = None
    id: str | None = None


_SPACE_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NativeDecoder:
    """Decodes frames and bodies of wire protocol v1. Pure but for ``new_id``.

    Args:
        limits: what one client may send at once.
        new_id: makes the id of an event that came without one: a UUIDv7 as text.
    """

    def __init__(self, limits: Limits, new_id: Callable[[], str]) -> None:
        self._limits = limits
        self._new_id = new_id
        self._frames = msgspec.json.Decoder(Hello | Batch | Ping)
        self._bodies = msgspec.json.Decoder(HttpBatch)
        self._properties = msgspec.json.Decoder(list[_properties_type(limits.nesting)])
        self._any = msgspec.json.Decoder()

    def decode_frame(self, data: bytes, *, packed: bool = False) -> Hello | Ping | DecodedBatch:
        """Decode one WebSocket frame, JSON or (``packed``) MessagePack.

        Raises:
            FrameError: the frame cannot be read as a whole.
        """
        if packed:
            text, rejected = json_of_packed(data)
            return _with_rejected(self.decode_frame(text), rejected)
        try:
            frame = self._frames.decode(data)
        except _UNREADABLE:
            return self._decode_exactly(data, Hello | _BatchHead | Ping)
        if not isinstance(frame, Batch):
            return frame
        fields = 4 if frame.sent_at is not None else 3
        if not self._is_sound(data, frame.events, fields):
            return self._decode_exactly(data, Hello | _BatchHead | Ping)
        return DecodedBatch(frame.id, frame.sent_at, self._log_events(frame.events))

    def decode_body(self, data: bytes, *, packed: bool = False) -> DecodedBatch:
        """Decode the body of ``POST /v1/batch``.

        Raises:
            FrameError: the body cannot be read as a whole.
        """
        if packed:
            text, rejected = json_of_packed(data)
            return _with_rejected(self.decode_body(text), rejected)
        try:
            body = self._bodies.decode(data)
        except _UNREADABLE:
            return self._decode_exactly(data, _BodyHead)
        fields = 1 + (body.sent_at is not None) + (body.id is not None)
        if not self._is_sound(data, body.events, fields):
            return self._decode_exactly(data, _BodyHead)
        return DecodedBatch(body.id, body.sent_at, self._log_events(body.events))

    def _log_events(self, events: list[WireEvent]) -> list[LogEvent]:
        return [
            LogEvent(
                event.event_id or self._new_id(),
                event.event,
                event.distinct_id,
                event.timestamp,
                event.session_id,
                event.properties,
            )
            for event in events
        ]

    def _is_sound(self, data: bytes, events: list[WireEvent], frame_fields: int) -> bool:
        """Whether every event of a frame is certainly good, and the frame UTF-8 without repeated keys.

        Args:
            data: the frame.
            events: as decoded from it; their names are already checked for length.
            frame_fields: the number of known fields around the events.
        """
        limits = self._limits
        if len(events) > limits.batch_events or b"\\u0000" in data or not _is_utf8(data):
            return False
        ids = [event.event_id for event in events if event.event_id is not None]
        times = [event.timestamp for event in events if event.timestamp is not None]
        sessions = sum([event.session_id is not None for event in events])
        raws = [event.properties for event in events if event.properties is not NO_PROPERTIES]
        if not _are_uuids(ids) or (times and min(times) < EARLIEST):
            return False
        if len(data) > limits.event_bytes and raws and max(map(len, map(memoryview, raws))) > limits.event_bytes:
            return False
        properties = self._decode_properties(raws)
        if properties is None or _has_space_before_colon(data):
            return False
        # Each key is followed by `":`, and so may be some strings, never the other way round: as many
        # of those as distinct keys means that no object names a key twice.
        written = data.count(b'":')
        known = frame_fields + 2 * len(events) + len(ids) + len(times) + sessions + len(raws)
        return (
            written == known + sum(map(len, properties))
            or written == known + _count_keys(properties)
            or written == self._count_all_keys(data)
        )

    def _decode_properties(self, raws: list[Raw]) -> list[dict[str, Any]] | None:
        """Decode the properties of all events; ``None`` if one of them breaks a rule."""
        try:
            properties = self._properties.decode(b"[%b]" % b",".join(raws))
        except _UNREADABLE:
            return None
        names: set[str] = set().union(*properties)
        if max(map(len, names), default=0) > self._limits.name_length:
            return None
        if max(map(len, properties), default=0) > self._limits.properties:
            return None
        return properties

    def _count_all_keys(self, data: bytes) -> int | None:
        """Count the distinct keys of a whole frame, where some fields are null or not ours."""
        try:
            return _count_keys(self._any.decode(data))
        except _UNREADABLE:
            return None

    def _decode_exactly(self, data: bytes, head_type: Any) -> Any:
        return decode_exactly(data, head_type, self._limits, self._new_id)


def _properties_type(nesting: int) -> Any:
    """Make the type of properties that nest at most so deep.

    Integers come out as floats, which is the check that a float holds them.
    """
    scalar: Any = str | float | bool | None
    value = scalar
    for _ in range(nesting - 1):
        value = scalar | list[value] | dict[str, value]
    return dict[str, value]


def decode_exactly(
    data: bytes,
    head_type: Any,
    limits: Limits,
    new_id: Callable[[], str],
    translate: Translation | None = None,
) -> Any:
    """Decode a frame or body the exact path.

    Args:
        data: the frame.
        head_type: struct of the frame, or a union of tagged ones; its events are never looked at.
        limits: of the protocol.
        new_id: makes the id of an event that came without one.
        translate: for another protocol than the native one.

    Returns:
        A :class:`DecodedBatch` if the head has ``events``, else the head.

    Raises:
        FrameError: the frame cannot be read as a whole.
    """
    cut = cut_frame(data.decode("utf-8", "surrogateescape"))
    head = _parse_head(cut.head, head_type)
    if not hasattr(head, "events"):
        return head
    batch = DecodedBatch(getattr(head, "id", None), getattr(head, "sent_at", None), [])
    for index, text in enumerate(cut.events or ()):
        if index < limits.batch_events:
            judged = judge_event(text, limits, new_id, translate)
        else:
            message = f"a batch may hold {limits.batch_events} events"
            judged = refuse(text, Rejection(RejectReason.BATCH_TOO_LARGE, message), id_in_text(text))
        if isinstance(judged, LogEvent):
            batch.events.append(judged)
        else:
            batch.rejected.append(judged)
            batch.verdicts.append(verdict_of(index, judged))
    return batch


def _parse_head(text: str, head_type: Any) -> Any:
    found = check_text(text)
    value = read_json(text) if found is None else found
    if isinstance(value, Rejection):
        raise FrameError(value.reason, f"the frame cannot be read: {value.message}")
    batch_id = value.get("id") if isinstance(value, dict) else None
    batch_id = batch_id if isinstance(batch_id, str) and check_text(batch_id) is None else None
    try:
        head = msgspec.convert(value, head_type)
    except (ValidationError, UnicodeEncodeError) as error:
        in_time = "$.sent_at" in str(error)
        reason = RejectReason.INVALID_TIMESTAMP if in_time else RejectReason.MALFORMED
        raise FrameError(reason, f"the frame is not of this protocol: {error}", batch_id) from error
    return head


def verdict_of(index: int, rejected: RejectedEvent) -> Verdict:
    """Tell the client what became of a rejected event."""
    return Verdict(index, "rejected", rejected.reason.value, rejected.message, rejected.event_id)


def kept_frame(data: bytes, error: FrameError) -> DecodedBatch:
    """Make a batch that only keeps a frame that could not be read, for people to look at."""
    kept = RejectedEvent(error.code, error.message, data[:REJECTED_PAYLOAD_BYTES])
    return DecodedBatch(error.batch_id, None, [], [], [kept])


def _with_rejected(decoded: Any, rejected: dict[int, RejectedEvent]) -> Any:
    """Put the verdicts of the MessagePack decoder in the place of those for its stand-ins."""
    if not rejected or not isinstance(decoded, DecodedBatch):
        return decoded
    kept = [
        # Beyond the limit of a batch, that is the reason.
        old if old.reason is RejectReason.BATCH_TOO_LARGE else rejected.get(verdict.index, old)
        for verdict, old in zip(decoded.verdicts, decoded.rejected, strict=True)
    ]
    verdicts = [verdict_of(old.index, new) for old, new in zip(decoded.verdicts, kept, strict=True)]
    return replace(decoded, verdicts=verdicts, rejected=kept)


def _are_uuids(ids: list[str]) -> bool:
    """Whether all are UUIDs of 36 characters, looked at as one string."""
    joined = "".join(ids)
    count = len(ids)
    hyphens = "-" * count
    if len(joined) != 36 * count or (ids and max(map(len, ids)) != 36):
        return False
    if not (joined[8::36] == joined[13::36] == joined[18::36] == joined[23::36] == hyphens):
        return False
    try:
        # Spaces are skipped by fromhex, hence the length.
        return len(bytes.fromhex(joined.replace("-", ""))) == 16 * count
    except ValueError:
        return False


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_space_before_colon(data: bytes) -> bool:
    if b" :" in data or b"\n" in data or b"\t" in data or b"\r" in data:
        return _SPACE_BEFORE_COLON.search(data) is not None
    return False


def _count_keys(value: Any) -> int:
    """Count the keys of all objects in a decoded value."""
    total = 0
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            total += len(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return total
