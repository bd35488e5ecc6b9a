"""The newest events of a project, page by page."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from query_api.errors import InvalidParameter
from query_api.models import EventsAnswer, EventsParameters, StoredEvent
from query_api.rooms import Rooms
from query_api.sql import NEWEST_EVENTS, NEWEST_HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3600
# How far before the newest hour to look, in turn: the table is sorted by day, and within a day not
# by time, so a question costs what the days that it looks at hold.
_REACH_HOURS = (0, 24, 10 * 24, 100 * 24)
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


async def read_newest(rooms: Rooms, project_id: int, asked: EventsParameters) -> EventsAnswer:
    """Return the newest events (by the time they happened), or those before a cursor.

    Raises:
        InvalidParameter: the cursor is none of ours.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    before, before_id = _END if asked.before is None else _parse_cursor(asked.before)
    bound = {
        "project_id": project_id,
        "before": before,
        "before_id": before_id,
        # One more than asked for tells whether there is a next page; twice that many leaves room for
        # rows that arrived twice, or at the instant of the cursor.
        "limit": asked.limit + 1,
        "scan": 2 * (asked.limit + 1),
        "before_seconds": min(before // 1_000_000, 2**32 - 1),
    }
    columns, as_of = rooms.columns, await rooms.postgres.as_of()
    # The rollup only says where to look first; what is returned does not depend on it.
    newest = (await columns.rows(NEWEST_HOUR, bound, _Hour))[0].start
    sinces = [max(0, newest - hours * _HOUR) * 1_000_000 for hours in _REACH_HOURS]
    rows: list[_Row] = []
    for since in dict.fromkeys([*sinces, 0]):
        rows = await columns.rows(NEWEST_EVENTS, {**bound, "since": since}, _Row)
        if len(rows) > asked.limit:
            break
    else:
        # Everything was looked at; only such rows can have crowded others out of the scan.
        rows = await columns.rows(NEWEST_EVENTS, {**bound, "since": 0, "scan": 2**31}, _Row)
    page = rows[: asked.limit]
    return EventsAnswer(
        events=[_stored(row) for row in page],
        next=f"{page[-1].timestamp}.{page[-1].event_id}" if len(rows) > asked.limit else None,
        as_of=as_of,
    )


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
