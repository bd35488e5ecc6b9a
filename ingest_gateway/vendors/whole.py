"""Reads a vendor's request at once, where one look at the whole proves that nothing in it is odd.

It never refuses anything: what it cannot prove, :mod:`ingest_gateway.vendors.reading` reads event by event.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from ingest_gateway.proof import has_space_before_colon

_ODD_ESCAPES = (b"\\u0000", b"\\u0022", b"\\u003a", b"\\u003A")
"""U+0000, and a quote and a colon in disguise, which would spoil the count of keys."""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_split_object = msgspec.json.Decoder(dict[str, Raw]).decode
_split_list = msgspec.json.Decoder(list[Raw]).decode
_UNREADABLE = (msgspec.DecodeError, msgspec.EncodeError, UnicodeError, OverflowError, RecursionError)


class Whole(NamedTuple):
    """A request's JSON, all of it sound."""

    head: dict[str, Any]
    """What stands beside the list of events, that list emptied; empty where the request is a list."""
    texts: list[bytes]
    """Each event as it came."""
    events: list[dict[str, Any]]
    is_batch: bool


def read_whole(data: bytes, name: str) -> Whole | None:
    """Read a list of events, or an object with a list of that name, or one event.

    Returns:
        The events; ``None`` if a key may stand twice, a character may be one that no store holds, or anything
        is not JSON.
    """
    if b"\\u" in data and any(escape in data for escape in _ODD_ESCAPES):
        return None
    try:
        value = _decode(data)
        if not _names_no_key_twice(data, value):
            return None
        if isinstance(value, list):
            return _batch({}, value, _split_list(data))
        if not isinstance(value, dict):
            return None
        events = value.get(name)
        if not isinstance(events, list):
            return Whole(value, [data.strip()], [value], is_batch=False)
        return _batch(value | {name: []}, events, _split_list(_split_object(data)[name]))
    except _UNREADABLE:
        return None


def _batch(head: dict[str, Any], events: list[Any], texts: list[Raw]) -> Whole | None:
    if set(map(type, events)) - {dict}:
        return None
    return Whole(head, list(map(bytes, texts)), events, is_batch=True)


def _names_no_key_twice(data: bytes, value: Any) -> bool:
    """Whether what was decoded, written again, has as many keys as what came.

    A key's quote is followed by a colon, and so are some quotes in strings: as many of them on both sides, but
    for what a second key of the same name hides, which can only make it fewer.
    """
    return not has_space_before_colon(data) and data.count(b'":') == _encode(value).count(b'":')
