"""Tells the events of a request apart, so that one bad event costs only itself.

Most requests are sound and read at once (:mod:`ingest_gateway.vendors.whole`); of the others each event is
parsed by itself.
"""

import re
from dataclasses import dataclass
from typing import Any

from ingest_gateway.cut import cut_frame, cut_list
from ingest_gateway.errors import FrameError
from ingest_gateway.exact import read_json
from ingest_gateway.vendors.whole import read_whole
from schemas.properties import Rejection, check_text
from schemas.reasons import RejectReason

BATCH_EVENTS = 5_000
"""Most events of a request; the vendors allow up to 2,500."""

_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
"""Halves of surrogate pairs, each written as if it were a character; no UTF-8 has these bytes."""
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))"
    r"|\\.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a request."""

    sent: bytes
    """As it came."""
    value: dict[str, Any] | Rejection

    @property
    def text(self) -> str:
        """The same as text; bytes that are not UTF-8 stand in it as ``surrogateescape`` leaves them."""
        return self.sent.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Reading:
    """A request's JSON in parts."""

    head: dict[str, Any]
    """What stands beside the list of events; empty where the request is a list."""
    items: list[Item]
    is_batch: bool
    """Whether there was a list; else ``head`` is the one event."""


def read_events(data: bytes, name: str, *, lines: bool = False) -> Reading:
    """Read a JSON list of events, or an object with a list of that name, or one event.

    Args:
        data: JSON.
        name: of the list.
        lines: whether objects may stand on lines of their own.

    Raises:
        FrameError: nothing can be told from anything, or there are too many events.
    """
    data = join_halves(data)
    whole = read_whole(data, name)
    if whole is not None and len(whole.events) <= BATCH_EVENTS:
        return Reading(whole.head, list(map(Item, whole.texts, whole.events)), whole.is_batch)
    return read_events_exactly(data, name, lines=lines)


def read_events_exactly(data: bytes, name: str, *, lines: bool = False) -> Reading:
    """Read a request event by event. As :func:`read_events`."""
    text = data.decode("utf-8", "surrogateescape").strip()
    if text.startswith("["):
        return Reading({}, [_item(part) for part in cut_list(text, BATCH_EVENTS)], is_batch=True)
    rows = [row for row in text.splitlines() if row.strip()] if lines else []
    if len(rows) > BATCH_EVENTS:
        raise FrameError(RejectReason.BATCH_TOO_LARGE, f"a request may hold {BATCH_EVENTS} events")
    if len(rows) > 1 and not isinstance(read_json(rows[0]), Rejection):
        return Reading({}, [_item(row) for row in rows], is_batch=True)
    cut = cut_frame(text, name, BATCH_EVENTS)
    head = parse_object(cut.head)
    if isinstance(head, Rejection):
        raise FrameError(head.reason, f"the body cannot be read: {head.message}")
    if cut.events is None:
        return Reading(head, [Item(_bytes_of(text), head)], is_batch=False)
    return Reading(head, [_item(part) for part in cut.events], is_batch=True)


def parse_object(text: str) -> dict[str, Any] | Rejection:
    """Parse the JSON object of one event.

    What no store can hold and other vendors' SDKs send all the same, U+0000 and halves of surrogate
    pairs (text cut in the middle of an emoji), becomes U+FFFD.
    """
    found = check_text(text)
    if found is not None and found.reason is RejectReason.INVALID_UTF8:
        return found
    if "\\u" in text:
        text = _ESCAPE.sub(lambda match: "\\ufffd" if match[1] else match[0], text)
    value = read_json(text)
    if isinstance(value, dict | Rejection):
        return value
    return Rejection(RejectReason.INVALID_FIELD, "an event must be a JSON object")


def join_halves(data: bytes) -> bytes:
    """Write as UTF-8 what an SDK encoded by itself, each half of an emoji as three bytes (CESU-8)."""
    return _HALVES.sub(_joined, data) if b"\xed" in data else data


def _joined(halves: re.Match[bytes]) -> bytes:
    # A half without the other becomes U+FFFD, as one that is escaped does.
    text = halves[0].decode("utf-8", "surrogatepass")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _item(text: str) -> Item:
    return Item(_bytes_of(text), parse_object(text))


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
