"""The proof that every event of a frame is sound, from scans of the whole frame.

It is complete: a frame that passes holds nothing that the exact judgement would refuse. Decoding the
properties a second time (their values are thrown away) is most of its price, and is what finds huge
numbers, deep nesting, long names and, with one count of ``":``, keys that stand twice: looking for
those in the text with regular expressions took longer and found less.
"""

import re
from typing import Any

import msgspec
from msgspec import Raw

from schemas.event import EARLIEST
from schemas.limits import Limits
from schemas.properties import may_hold_odd_number
from schemas.wire import NO_PROPERTIES, WireEvent

_SPACE_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Proof:
    """Tells whether frames are sound, by one set of limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._properties = msgspec.json.Decoder(list[properties_type(limits.nesting)])  # type: ignore[misc] # made at run time
        self._any = msgspec.json.Decoder()

    def holds(self, data: bytes, events: list[WireEvent], frame_fields: int, frame_times: int) -> bool:
        """Whether every event of a frame is certainly good, and the frame UTF-8 without repeated keys.

        Args:
            data: the frame.
            events: as decoded from it; their names are already checked for length.
            frame_fields: the number of known fields around the events.
            frame_times: how many of those are times.
        """
        if len(events) > self._limits.batch_events or not _is_utf8(data):
            return False
        # One byte is found much faster than six, and most clients escape nothing.
        has_escapes = b"\\" in data
        if has_escapes and b"\\u0000" in data:
            return False
        ids = [event.event_id for event in events if event.event_id is not None]
        times = [event.timestamp for event in events if event.timestamp is not None]
        sessions = sum([event.session_id is not None for event in events])
        raws = [event.properties for event in events if event.properties is not NO_PROPERTIES]
        if not _are_uuids(ids) or (times and min(times) < EARLIEST):
            return False
        properties = self._decode_properties(raws)
        if properties is None:
            return False
        known = frame_fields + 2 * len(events) + len(ids) + len(times) + sessions + len(raws)
        keys = known + sum(map(len, properties))
        # Every key has its colon and every time at least two more. If that is all the colons there are,
        # no object names a key twice.
        if not has_escapes and data.count(b":") == keys + 2 * (len(times) + frame_times):
            return True
        # Each key is followed by `":`, and so may be some strings, never the other way round. Most properties are
        # flat, and counting the keys of nested ones takes as long as all else here.
        if has_space_before_colon(data):
            return False
        written = data.count(b'":')
        return (
            written == keys
            or written == known + _count_keys(properties)
            or written == self._count_all_keys(data)
        )

    def _decode_properties(self, raws: list[Raw]) -> list[dict[str, Any]] | None:
        """Decode the properties of all events; ``None`` if one of them breaks a rule."""
        joined = b"[%b]" % b",".join(raws)
        most = self._limits.event_bytes
        if (len(joined) > most and max(map(_size, raws)) > most) or may_hold_odd_number(joined):
            return None
        try:
            properties: list[dict[str, Any]] = self._properties.decode(joined)
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


def properties_type(nesting: int) -> Any:
    """Make the type of properties that nest at most so deep.

    Integers come out as floats, which is the check that a float holds them.
    """
    scalar: Any = str | float | bool | None
    value = scalar
    for _ in range(nesting - 1):
        value = scalar | list[value] | dict[str, value]  # type: ignore[valid-type] # made at run time
    return dict[str, value]  # type: ignore[valid-type] # made at run time


def _size(raw: Raw) -> int:
    return memoryview(raw).nbytes


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


def has_space_before_colon(data: bytes) -> bool:
    """Whether white space may part a key from its colon anywhere."""
    # Most clients send no white space at all, and one byte is found much faster than two.
    if (b" " in data and b" :" in data) or b"\n" in data or b"\t" in data or b"\r" in data:
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
