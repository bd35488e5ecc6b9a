"""MessagePack frames, turned into the JSON frames that say the same.

The log keeps JSON, so the properties have to become JSON in any case; after that there is one set of
rules. Binary values become base64 text and timestamps RFC 3339, as JSON has neither. Of a key that
stands twice in a map the last counts: MessagePack readers agree on that.
"""

import json
import re
from typing import Any

import msgspec

from ingest_gateway.errors import FrameError
from schemas.envelope import REJECTED_PAYLOAD_BYTES, RejectedEvent
from schemas.reasons import RejectReason

# NaN and infinities as 64-bit and 32-bit floats. What looks like one inside a string costs only time.
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")

_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError)


def json_of_packed(frame: bytes) -> tuple[bytes, dict[int, RejectedEvent]]:
    """Turn a MessagePack frame into a JSON frame.

    Returns:
        The JSON frame, and the events that MessagePack itself or JSON cannot express, by index; in the
        frame ``null`` stands in their place.

    Raises:
        FrameError: it is no MessagePack map.
    """
    if _NOT_FINITE.search(frame) is None:
        try:
            return _encode(_decode(frame)), {}
        except _UNREADABLE:
            pass  # Some event may hold what cannot be read; find out which one.
    return _convert_one_by_one(frame)


def _convert_one_by_one(frame: bytes) -> tuple[bytes, dict[int, RejectedEvent]]:
    try:
        head, events = _cut_frame(frame)
        fields = [_encode(str(name)) + b":" + _encode(value) for name, value in head.items()]
    except UnicodeDecodeError as error:
        raise FrameError(RejectReason.INVALID_UTF8, "strings must be UTF-8") from error
    except IndexError as error:
        raise FrameError(RejectReason.MALFORMED, "the frame is not MessagePack: it ends too early") from error
    except _UNREADABLE as error:
        raise FrameError(RejectReason.MALFORMED, f"the frame is not MessagePack: {error}") from error
    rejected: dict[int, RejectedEvent] = {}
    if events is not None:
        texts: list[bytes] = []
        for index, event in enumerate(events):
            converted = _convert_event(event)
            if isinstance(converted, RejectedEvent):
                rejected[index] = converted
                texts.append(b"null")
            else:
                texts.append(converted)
        fields.append(b'"events":[%b]' % b",".join(texts))
    return b"{%b}" % b",".join(fields), rejected


def _cut_frame(frame: bytes) -> tuple[dict[str, Any], list[bytes] | None]:
    """Return the fields of a frame but its events, and each event's bytes."""
    count, position, kind = _header(frame, 0)
    if kind != "map":
        raise FrameError(RejectReason.MALFORMED, "a frame must be a MessagePack map")
    head: dict[str, Any] = {}
    events: list[bytes] | None = None
    for _ in range(count // 2):
        end = _end_of(frame, position)
        name = _decode(frame[position:end])
        position, end = end, _end_of(frame, end)
        if name == "events" and _header(frame, position)[2] == "array":
            events = _elements(frame, position)
        else:
            head[name] = _decode(frame[position:end])
        position = end
    return head, events


def _elements(frame: bytes, start: int) -> list[bytes]:
    count, position, _ = _header(frame, start)
    found = []
    for _ in range(count):
        end = _end_of(frame, position)
        found.append(frame[position:end])
        position = end
    return found


def _end_of(frame: bytes, start: int) -> int:
    """Return the position behind the value at ``start``. A loop: what a client nests is no stack of ours."""
    position = start
    due = 1
    while due:
        inside, position, kind = _header(frame, position)
        due -= 1
        if kind == "scalar":
            position += inside
        else:
            due += inside
    if position > len(frame):
        raise IndexError
    return position


# Marker byte → width of the length that follows, and bytes besides it (the type of an extension).
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)} | {
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
# Marker byte → bytes that follow: nil, booleans, floats, integers, fixed extensions.
_FIXED = dict(zip(range(0xC0, 0xC4), (0, 0, 0, 0), strict=True)) | dict(
    zip(range(0xCA, 0xD9), (4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17), strict=True)
)


def _header(frame: bytes, at: int) -> tuple[int, int, str]:
    """Read the marker of one value.

    Returns:
        How much is inside (bytes of a scalar; values in an array or map, a pair being two), where that
        starts, and whether it is a ``scalar``, an ``array`` or a ``map``.

    Raises:
        IndexError: the frame ends before.
    """
    marker = frame[at]
    if marker <= 0x7F or marker >= 0xE0:
        return 0, at + 1, "scalar"
    if marker <= 0x8F:
        return 2 * (marker & 0x0F), at + 1, "map"
    if marker <= 0x9F:
        return marker & 0x0F, at + 1, "array"
    if marker <= 0xBF:
        return marker & 0x1F, at + 1, "scalar"
    if marker in _SIZED:
        width, besides = _SIZED[marker]
        return int.from_bytes(frame[at + 1 : at + 1 + width]) + besides, at + 1 + width, "scalar"
    if marker in _FIXED:
        return _FIXED[marker], at + 1, "scalar"
    width = 2 if marker in (0xDC, 0xDE) else 4
    count = int.from_bytes(frame[at + 1 : at + 1 + width])
    return (count, at + 1 + width, "array") if marker <= 0xDD else (2 * count, at + 1 + width, "map")


def _convert_event(packed: bytes) -> bytes | RejectedEvent:
    try:
        # Unlike msgspec, the standard library writes NaN as NaN, which is then refused by name.
        return json.dumps(_decode(packed), default=msgspec.to_builtins).encode()
    except UnicodeDecodeError:
        reason, message = RejectReason.INVALID_UTF8, "strings must be UTF-8"
    except RecursionError:
        reason, message = RejectReason.NESTED_TOO_DEEP, "nests far deeper than the limit"
    except _UNREADABLE as error:
        reason, message = RejectReason.MALFORMED, f"cannot be expressed in JSON: {error}"
    return RejectedEvent(reason, message, packed[:REJECTED_PAYLOAD_BYTES])
