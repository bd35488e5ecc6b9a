"""Cutting a frame into its head and the texts of its events, without decoding any of them.

What makes one event unreadable (a bad escape, 100,000 levels of nesting) then stays with that event,
as long as the brackets and quotes around it balance. Only brackets are looked at, one match each;
the patterns are possessive, so the time is linear in the text whatever it holds.
"""

import re
from typing import NamedTuple

from ingest_gateway.errors import FrameError
from schemas.reasons import RejectReason

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_NEXT_BRACKET = re.compile(rf'(?:[^"\[\]{{}}]++|{_STRING})*+([\[\]{{}}])', re.DOTALL)
_LIST_KEY = re.compile(r'"(\w++)"[ \t\r\n]*+:[ \t\r\n]*+\Z')
_SPACE = " \t\r\n"
_BETWEEN = re.compile(rf"[ \t\r\n]*+(,|{_STRING}|[^ \t\r\n,\"]++)[ \t\r\n]*+", re.DOTALL)


class Cut(NamedTuple):
    """A frame in pieces."""

    head: str
    """The frame with its list of events emptied: as small as a frame can be."""
    events: list[str] | None
    """The text of each event, in order; ``None`` if there is no list of that name."""


def cut_frame(text: str, name: str = "events", most: int | None = None) -> Cut:
    """Cut the text of one JSON frame.

    Args:
        text: a JSON object.
        name: of its list of events.
        most: events; a longer list is given up there.

    Raises:
        FrameError: brackets or quotes do not balance, so nothing can be told from anything; or the list is
            too long.
    """
    position = depth = 0
    while (match := _NEXT_BRACKET.match(text, position)) is not None:
        place = match.start(1)
        if match[1] in "[{":
            if depth == 1 and match[1] == "[" and _key_before(text, position, place) == name:
                events, end = _cut_list(text, place + 1, most)
                return Cut(f"{text[:place]}[]{text[end:]}", events)
            depth += 1
        else:
            depth -= 1
        position = match.end()
    return Cut(text, None)


def cut_list(text: str, most: int | None = None) -> list[str]:
    """Cut the text of one JSON list into those of its elements.

    Raises:
        FrameError: it is no list, its brackets or quotes do not balance, or it is longer than ``most``.
    """
    start = len(text) - len(text.lstrip(_SPACE))
    if not text.startswith("[", start):
        raise _unbalanced()
    elements, end = _cut_list(text, start + 1, most)
    if text[end:].strip(_SPACE):
        raise _unbalanced()
    return elements


def _key_before(text: str, start: int, place: int) -> str | None:
    found = _LIST_KEY.search(text, start, place)
    return None if found is None else found[1]


def _cut_list(text: str, start: int, most: int | None) -> tuple[list[str], int]:
    """Return the texts of a list's elements, and the position behind its closing bracket."""
    events: list[str] = []
    position = start
    due = True  # An element may come: at the start and after each comma.
    while (match := _NEXT_BRACKET.match(text, position)) is not None:
        place = match.start(1)
        due = _cut_between(text[position:place], events, due=due)
        if most is not None and len(events) > most:
            raise FrameError(RejectReason.BATCH_TOO_LARGE, f"a request may hold {most} events")
        if match[1] == "]":
            if due and events:
                raise _unbalanced()
            return events, place + 1
        if match[1] == "}" or not due:
            raise _unbalanced()
        position = _end_of(text, place)
        events.append(text[place:position])
        due = False
    raise _unbalanced()


def _cut_between(between: str, events: list[str], *, due: bool) -> bool:
    """Read commas and elements without brackets (numbers, strings: no events, but in the count)."""
    if between == ",":
        if due:
            raise _unbalanced()
        return True
    position = 0
    while (match := _BETWEEN.match(between, position)) is not None:
        if (match[1] == ",") is due:
            raise _unbalanced()
        if not due:
            due = True
        else:
            events.append(match[1])
            due = False
        position = match.end()
    return due


def _end_of(text: str, start: int) -> int:
    """Return the position behind the bracket that closes the one at ``start``."""
    depth = 0
    position = start
    while (match := _NEXT_BRACKET.match(text, position)) is not None:
        depth += 1 if match[1] in "[{" else -1
        position = match.end()
        if depth == 0:
            return position
    raise _unbalanced()


def _unbalanced() -> FrameError:
    return FrameError(RejectReason.MALFORMED, "the frame is not JSON: its brackets, quotes or commas are off")
