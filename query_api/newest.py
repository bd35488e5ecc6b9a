"""The newest events of a project, page by page."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from query_api.errors import InvalidParameter
from query_api.models import EventsAnswer, EventsParameters, StoredEvent
from query_api.rooms import Rooms
from query_api.sql import NEWEST_EVENTS, NEWEST_HOUR, NEWEST_MINUTE, NEWEST_OF_FEW

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3600
# How far before the newest hour to look, in turn: the table is sorted by day, and within a day not
# by time, so a question costs what the days that it looks at hold.
_REACH_HOURS = (0, 24, 10 * 24, 100 * 24)
_RECENT_HOURS = 3
# So many times as many rows as are wanted are read whole, before it is worth a look how far back the answer reaches.
_FEW_TIMES = 4
_REPEATED = 10
"""Rows of the last minutes that may have arrived twice; with more of them, the answer is looked for further back."""
_CURSOR = re.compile(r"([0-9]{1,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
# Later than any event, and within what ClickHouse's times can say.
_END = (9_000_000_000_000_000, "ffffffff-ffff-ffff-ffff-ffffffffffff")


class _Row(NamedTuple):
    event: str
    distinct_id: str
    properties: str
    timestamp: int
    """Microseconds since 1970."""
    session_id: str
    event_id: str


class _Hour(NamedTuple):
    start: int


class _Minute(NamedTuple):
    start: int
    events: int
    """Since then."""


async def read_newest(rooms: Rooms, project_id: int, asked: EventsParameters) -> EventsAnswer:
    """Return the newest events (by the time they happened), or those before a cursor.

    Raises:
        InvalidParameter: the cursor is none of ours.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    before, before_id = _END if asked.before is None else _parse_cursor(asked.before)
    before_seconds = min(before // 1_000_000, 2**32 - 1)
    bound = {
        "project_id": project_id,
        "before": before,
        "before_id": before_id,
        # One more than asked for tells whether there is a next page; twice that many leaves room for
        # rows that arrived twice, or at the instant of the cursor.
        "limit": asked.limit + 1,
        "scan": 2 * (asked.limit + 1),
        "before_seconds": before_seconds,
        "reach_seconds": max(0, min(before_seconds, int(rooms.now().timestamp())) - _RECENT_HOURS * _HOUR),
    }
    as_of = await rooms.postgres.as_of()
    rows = [] if asked.before is not None else await _seen_lately(rooms, bound)
    if len(rows) <= asked.limit:
        rows = await _recent(rooms, bound)
    if len(rows) <= asked.limit:
        rows = await _older(rooms, bound, asked.limit)
    if len(rows) > asked.limit and asked.before is None:
        rooms.columns.newest.learn(
            project_id, asked.limit, rooms.now(), rows[0].timestamp, rows[-1].timestamp
        )
    page = rows[: asked.limit]
    return EventsAnswer(
        events=[_stored(row) for row in page],
        next=f"{page[-1].timestamp}.{page[-1].event_id}" if len(rows) > asked.limit else None,
        as_of=as_of,
    )


async def _seen_lately(rooms: Rooms, bound: dict[str, Any]) -> list[_Row]:
    """Return rows since the last one of an answer that was given a moment ago; none if there was none."""
    reach = rooms.columns.newest.known(bound["project_id"], bound["limit"] - 1, rooms.now())
    if reach is None:
        return []
    found = {**bound, "since": reach.since, "scan": bound["limit"] + _REPEATED}
    statement = NEWEST_OF_FEW if reach.is_slow else NEWEST_EVENTS
    return await rooms.columns.rows(statement, found, _Row)


async def _recent(rooms: Rooms, bound: dict[str, Any]) -> list[_Row]:
    """Return rows of the last minutes; too few if no such minutes are known, or the rollup counts more than there is."""
    ((minute, events),) = await rooms.columns.rows(NEWEST_MINUTE, bound, _Minute)
    if not minute:
        return []
    statement = NEWEST_OF_FEW if events <= _FEW_TIMES * bound["limit"] else NEWEST_EVENTS
    found = {**bound, "since": minute * 1_000_000, "scan": bound["limit"] + _REPEATED}
    return await rooms.columns.rows(statement, found, _Row)


async def _older(rooms: Rooms, bound: dict[str, Any], limit: int) -> list[_Row]:
    """Return rows of the newest hour, or of ever more time before it, until they are more than ``limit``."""
    # The rollup only says where to look first; what is returned does not depend on it.
    newest = (await rooms.columns.rows(NEWEST_HOUR, bound, _Hour))[0].start
    sinces = [max(0, newest - hours * _HOUR) * 1_000_000 for hours in _REACH_HOURS]
    for since in dict.fromkeys([*sinces, 0]):
        rows = await rooms.columns.rows(NEWEST_EVENTS, {**bound, "since": since}, _Row)
        if len(rows) > limit:
            return rows
    # Everything was looked at; only such rows can have crowded others out of the scan.
    return await rooms.columns.rows(NEWEST_EVENTS, {**bound, "since": 0, "scan": 2**31}, _Row)


def _parse_cursor(text: str) -> tuple[int, str]:
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) > _END[0]:
        raise InvalidParameter("before must be the `next` of an earlier answer", field="before")
    return int(match[1]), match[2]


def _stored(row: _Row) -> StoredEvent:
    return StoredEvent(
        event_name=row.event,
        user_id=row.distinct_id,
        properties=msgspec.json.decode(row.properties),
        timestamp=_EPOCH + timedelta(microseconds=row.timestamp),
        session_id=row.session_id or None,
    )
