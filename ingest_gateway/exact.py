"""The exact judgement of one event, from its JSON text: slow, and right about everything.

:mod:`ingest_gateway.native` comes here for each event of a frame that it cannot prove sound as a
whole, and the first SDK's decoder for every event.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct
from pydantic import ValidationError

from schemas.envelope import REJECTED_PAYLOAD_BYTES, LogEvent, RejectedEvent
from schemas.event import Event, rejection_of
from schemas.limits import Limits
from schemas.properties import (
    DuplicateKeyError,
    Rejection,
    check_json,
    check_properties,
    may_hold_odd_number,
    pairs_to_dict,
)
from schemas.reasons import RejectReason
from schemas.wire import NO_PROPERTIES

Translation = Callable[[dict[str, Any]], dict[str, Any] | Rejection]
"""Turns an event of another protocol into the native shape."""


class _AsSent(Struct):
    properties: Raw = NO_PROPERTIES


_as_sent = msgspec.json.Decoder(_AsSent)
_DIGITS = 400
"""More than any number of a 64-bit float has before its point."""


def judge_event(
    text: str, limits: Limits, new_id: Callable[[], str], translate: Translation | None = None
) -> LogEvent | RejectedEvent:
    """Judge one event.

    Args:
        text: its JSON; bytes that were not UTF-8 stand in it as ``surrogateescape`` leaves them.
        limits: of the protocol.
        new_id: makes the id of an event that came without one.
        translate: for another protocol than the native one.

    Returns:
        The event in canonical form, or why it is refused, with what came.
    """
    if not _is_utf8(text):
        return refuse(text, Rejection(RejectReason.INVALID_UTF8, "strings must be UTF-8"))
    value = read_json(text)
    if isinstance(value, Rejection):
        return refuse(text, value)
    if not isinstance(value, dict):
        return refuse(text, Rejection(RejectReason.INVALID_FIELD, "an event must be a JSON object"))
    native = value if translate is None else translate(value)
    if isinstance(native, Rejection):
        return refuse(text, native, _id_in(value))
    try:
        event = Event.model_validate(native)
    except ValidationError as error:
        return refuse(text, rejection_of(error), _id_in(value))
    properties = check_properties(event.properties, limits) or _properties_as_sent(text, limits)
    if isinstance(properties, Rejection):
        return refuse(text, properties, _id_in(value))
    return LogEvent(
        event_id=event.event_id or new_id(),
        event=event.event,
        distinct_id=event.distinct_id,
        timestamp=event.timestamp,
        session_id=event.session_id,
        properties=properties,
    )


def read_json(text: str) -> Any | Rejection:
    """Decode JSON as the standard library does, refusing keys that stand twice in one object.

    It also takes NaN, infinities and lone surrogates, which are for the caller to refuse by name.
    """
    try:
        return json.loads(text, object_pairs_hook=pairs_to_dict, parse_int=_parse_int)
    except DuplicateKeyError as error:
        key = error.args[0][:40].encode(errors="replace").decode()
        return Rejection(RejectReason.DUPLICATE_KEY, f"key {key!r} stands twice in one object")
    except RecursionError:
        return Rejection(RejectReason.NESTED_TOO_DEEP, "nests far deeper than the limit")
    except ValueError as error:
        return Rejection(RejectReason.MALFORMED, f"not JSON: {error}")


def refuse(text: str, rejection: Rejection, event_id: str | None = None) -> RejectedEvent:
    """Keep what came, cut to what a rejected event may take."""
    payload = text.encode("utf-8", "surrogateescape")[:REJECTED_PAYLOAD_BYTES]
    return RejectedEvent(rejection.reason, rejection.message, payload, event_id)


def id_in_text(text: str) -> str | None:
    """Return the ``event_id`` of an event that is refused unread, if it can be had."""
    value = read_json(text)
    return _id_in(value) if isinstance(value, dict) else None


def _properties_as_sent(text: str, limits: Limits) -> Raw | Rejection:
    """Return the bytes of ``properties`` in ``text``, checked by size and by the strict parser."""
    try:
        found = _as_sent.decode(text).properties
    except (msgspec.DecodeError, RecursionError) as error:
        # What json.loads lets pass but no field that we read holds: NaN in an unknown field.
        return Rejection(RejectReason.MALFORMED, f"not JSON: {error}")
    raw = bytes(found)
    if raw == b"null":
        # It got this far only where a translation took it for no properties.
        return NO_PROPERTIES
    if len(raw) > limits.event_bytes:
        return Rejection(
            RejectReason.EVENT_TOO_LARGE,
            f"properties take {len(raw)} bytes; at most {limits.event_bytes} are allowed",
        )
    if may_hold_odd_number(raw) and (found_odd := check_json(raw, limits)) is not None:
        return found_odd
    return Raw(raw)


def _id_in(value: dict[str, Any]) -> str | None:
    found = value.get("event_id")
    return found if isinstance(found, str) and len(found) <= 100 and _is_utf8(found) else None


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parse_int(digits: str) -> int | float:
    # int() refuses thousands of digits with a sentence about the interpreter; this is out of range.
    return int(digits) if len(digits) <= _DIGITS else float("inf")
