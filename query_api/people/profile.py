"""One person: who it is, what is known, and all that happened."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field, JsonValue

from query_api.errors import InvalidParameter, NotFound
from query_api.event_rows import EVENT_COLUMNS, EventRow, StoredRow, event_row, moment_of
from query_api.models import Answer, Parameters
from query_api.people.addresses import person_of, public_id
from query_api.people.users import read_properties
from query_api.questions.bindings import Bindings
from query_api.rooms import Rooms

TOP_EVENTS = 20
_CURSOR = re.compile(r"([0-9]{1,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
# Later than any event, and within what ClickHouse's times can say.
_END = (9_000_000_000_000_000, "ffffffff-ffff-ffff-ffff-ffffffffffff")

# An id that was linked to somebody else since leads there.
_PERSON_OF = """
SELECT person_id FROM people FINAL
WHERE project_id = {project_id:UInt32} AND distinct_id = {asked:String}
"""
_IDS_OF = """
SELECT distinct_id FROM people FINAL
WHERE project_id = {project_id:UInt32} AND person_id = {person:String}
ORDER BY distinct_id
"""
# The primary key has the hash, so that most of the table need not be read.
PERSONS_EVENTS = """project_id = {project_id:UInt32} AND distinct_id IN {ids:Array(String)}
    AND cityHash64(distinct_id) IN (SELECT cityHash64(arrayJoin({ids:Array(String)})))"""
_TOTALS = f"""
SELECT count(), toUnixTimestamp64Micro(min(timestamp)), toUnixTimestamp64Micro(max(timestamp)),
    uniqExactIf(session_id, session_id != '')
FROM events FINAL WHERE {PERSONS_EVENTS}
"""
_TOP = f"""
SELECT event, count() AS n FROM events FINAL WHERE {PERSONS_EVENTS}
GROUP BY event ORDER BY n DESC, event LIMIT {TOP_EVENTS}
"""
_EVENTS = f"""
WITH fromUnixTimestamp64Micro({{before:Int64}}, 'UTC') AS before
SELECT {EVENT_COLUMNS}
FROM (
    SELECT *, {{person:String}} AS person FROM events
    WHERE {PERSONS_EVENTS} AND (timestamp, event_id) < (before, {{before_id:UUID}})
)
ORDER BY timestamp DESC, event_id DESC
LIMIT 1 BY timestamp, event_id
LIMIT {{limit:UInt32}}
"""


class PersonParameters(Parameters):
    """Which person."""

    person_id: str = Field(
        min_length=1,
        max_length=1500,
        description="As answers show it; any of its ids will do.",
        examples=["ada"],
    )


class PersonEventsParameters(PersonParameters):
    """Which of a person's events."""

    limit: int = Field(default=100, ge=1, le=1000, description="Most events in the answer.")
    before: str | None = Field(
        default=None, max_length=64, description="Go on where an answer stopped: its `next`."
    )


class TopEvent(Answer):
    """How often somebody did something."""

    event: str
    count: int


class Profile(Answer):
    """A person."""

    person_id: str
    distinct_ids: list[str]
    properties: dict[str, JsonValue]
    first_seen: datetime
    last_seen: datetime
    events: int
    sessions: int
    top_events: list[TopEvent]
    as_of: datetime | None


class PersonEventsAnswer(Answer):
    """A person's events, the newest first."""

    events: list[EventRow]
    next: str | None = Field(description="Give it as `before` to go on; null when there are no older ones.")
    as_of: datetime | None


class _Text(NamedTuple):
    text: str


class _Totals(NamedTuple):
    events: int
    first: int
    last: int
    sessions: int


class _Top(NamedTuple):
    event: str
    n: int


class Known(NamedTuple):
    """Who was meant."""

    person: str
    ids: list[str]

    def bound(self, project_id: int) -> dict[str, Any]:
        """Return the values that statements about the person name."""
        return {"project_id": project_id, "person": self.person, "ids": self.ids}


async def find_person(rooms: Rooms, project_id: int, shown: str) -> Known:
    """Return who an id in an address belongs to, and all of their ids.

    Raises:
        NotFound: the text is no id.
        StoreUnavailable: ClickHouse is away.
    """
    asked = person_of(shown)
    bound = {"project_id": project_id, "asked": asked}
    linked = await rooms.columns.rows(_PERSON_OF, bound, _Text)
    if not linked:
        return Known(asked, [asked])
    person = linked[0].text
    ids = await rooms.columns.rows(_IDS_OF, {"project_id": project_id, "person": person}, _Text)
    return Known(person, [row.text for row in ids])


async def read_person(rooms: Rooms, project_id: int, asked: PersonParameters) -> Profile:
    """Return one person.

    Raises:
        NotFound: the project has no events of anybody of this id.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    as_of = await rooms.postgres.as_of()
    known = await find_person(rooms, project_id, asked.person_id)
    bound = known.bound(project_id)
    (totals,) = await rooms.columns.rows(_TOTALS, bound, _Totals)
    if not totals.events:
        raise no_such_person()
    top = await rooms.columns.rows(_TOP, bound, _Top)
    bindings = Bindings(project_id=project_id)
    properties = await read_properties(rooms, bindings, bindings.texts(known.ids), linked=len(known.ids) > 1)
    return Profile(
        person_id=public_id(known.person),
        distinct_ids=known.ids,
        properties=properties.get(known.person, {}),
        first_seen=moment_of(totals.first),
        last_seen=moment_of(totals.last),
        events=totals.events,
        sessions=totals.sessions,
        top_events=[TopEvent(event=row.event, count=row.n) for row in top],
        as_of=as_of,
    )


async def read_person_events(
    rooms: Rooms, project_id: int, asked: PersonEventsParameters
) -> PersonEventsAnswer:
    """Return a person's events, the newest first; nobody has none.

    Raises:
        InvalidParameter: the cursor is none of ours.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    before, before_id = _END if asked.before is None else _parse_cursor(asked.before)
    as_of = await rooms.postgres.as_of()
    known = await find_person(rooms, project_id, asked.person_id)
    bound = known.bound(project_id) | {"before": before, "before_id": before_id, "limit": asked.limit + 1}
    rows = await rooms.columns.rows(_EVENTS, bound, StoredRow)
    page = rows[: asked.limit]
    return PersonEventsAnswer(
        events=[event_row(row) for row in page],
        next=f"{page[-1].timestamp}.{page[-1].event_id}" if len(rows) > asked.limit else None,
        as_of=as_of,
    )


def no_such_person() -> NotFound:
    """Return the error for an id that nobody has."""
    return NotFound("the project has no events of anybody of this id", field="person_id")


def _parse_cursor(text: str) -> tuple[int, str]:
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) > _END[0]:
        raise InvalidParameter("before must be the `next` of an earlier answer", field="before")
    return int(match[1]), match[2]
