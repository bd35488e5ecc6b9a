"""Proves a translated event sound at once; whatever it cannot prove, the exact rules judge.

What is written and read again, and is then the same, holds nothing that JSON, UTF-8 or a 64-bit float does
not: neither NaN nor half a surrogate pair. The reading minds how deep it nests.
"""

from functools import cache
from typing import Any

import msgspec

from ingest_gateway.proof import properties_type
from ingest_gateway.vendors.opened import Native
from schemas.event import EARLIEST
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.properties import encode_properties

_NAME_LENGTH = DEFAULT_LIMITS.name_length
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError, TypeError)


def has_sound_fields(native: Native) -> bool:
    """Whether name, ids and time of an event are certainly good."""
    return (
        _is_name(native.event)
        and _is_name(native.distinct_id)
        and (native.session_id is None or _is_name(native.session_id))
        and (native.timestamp is None or native.timestamp >= EARLIEST)
    )


def encode_sound(properties: dict[str, Any], limits: Limits) -> bytes | None:
    """Encode properties as compact JSON; ``None`` if that does not prove that they keep every rule."""
    if len(properties) > limits.properties:
        return None
    try:
        if max(map(len, properties), default=0) > limits.name_length:
            return None
        encoded = encode_properties(properties)
        if b"\\u0000" in encoded or _decoder(limits.nesting).decode(encoded) != properties:
            return None
    except _UNREADABLE:
        return None
    return encoded


def _is_name(text: Any) -> bool:
    return type(text) is str and 0 < len(text) <= _NAME_LENGTH and text.isascii() and "\0" not in text


@cache
def _decoder(nesting: int) -> msgspec.json.Decoder[dict[str, Any]]:
    return msgspec.json.Decoder(properties_type(nesting))
