"""The people of a project, those seen last first."""

import re
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from pydantic import ConfigDict, Field, JsonValue

from query_api.errors import InvalidParameter
from query_api.event_rows import moment_of
from query_api.models import Answer, Parameters
from query_api.open_question import open_question
from query_api.people.addresses import person_of, public_id
from query_api.people.relations import person_relation
from query_api.questions.bindings import Bindings, SqlPart
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import filter_sql
from query_api.questions.filters import Group
from query_api.questions.people_sql import LINKED_PEOPLE
from query_api.questions.ranges import Range, span_of
from query_api.questions.scope import Scope
from query_api.rooms import Rooms

MAX_USERS = 200
SHOWN_IDS = 10
_ALL_TIME = (0, 4_291_747_200_000_000)
_CURSOR = re.compile(r"([0-9]{1,16}):(.{1,1000})", re.DOTALL)
_FIRST_CURSOR = (2**62, "")

_PAGE = """
SELECT person, toUnixTimestamp64Micro(max(timestamp)) AS last
FROM {events}
GROUP BY person
HAVING (last, person) < ({before}, {before_person}) OR last < {before}
ORDER BY last DESC, person DESC
LIMIT {limit}
"""
_DETAILS = """
SELECT person, toUnixTimestamp64Micro(min(timestamp)), toUnixTimestamp64Micro(max(timestamp)), count()
FROM {events}
GROUP BY person
"""
_IDS = f"""
SELECT person_id, arraySort(groupArray(distinct_id)) AS ids
FROM {LINKED_PEOPLE}
WHERE person_id IN {{people}}
GROUP BY person_id
"""
_PROPERTIES = "SELECT person, properties FROM {described}"


class UsersQuestion(Parameters):
    """Which people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"range": {"from": "-30d"}, "search": "ada", "limit": 50},
                {
                    "filter": {
                        "filters": [{"of": "person", "property": "plan", "operator": "=", "value": "pro"}]
                    }
                },
            ]
        }
    )

    range: Range | None = Field(default=None, description="Seen in this time; null: ever.")
    timezone: str = Field(default="UTC", max_length=64, description="IANA time zone of the range.")
    search: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Part of an id, or of anything that is known of them, such as a name or an address.",
        examples=["ada@"],
    )
    filter: Group | None = Field(default=None, description="Holds for at least one of their events.")
    limit: int = Field(default=50, ge=1, le=MAX_USERS)
    cursor: str | None = Field(
        default=None, max_length=1500, description="Go on where an answer stopped: its `next`."
    )


class User(Answer):
    """One person. Times and number are those of the events that were asked for."""

    person_id: str
    distinct_ids: list[str] = Field(description="Up to ten of the ids.")
    properties: dict[str, JsonValue]
    first_seen: datetime
    last_seen: datetime
    events: int


class UsersAnswer(Answer):
    """People, those seen last first."""

    users: list[User]
    next: str | None = Field(description="Give it as `cursor` to go on; null when there is nobody left.")
    as_of: datetime | None


class _Seen(NamedTuple):
    person: str
    last: int


class _Detail(NamedTuple):
    person: str
    first: int
    last: int
    events: int


class _Ids(NamedTuple):
    person: str
    ids: list[str]


class _Described(NamedTuple):
    person: str
    properties: dict[str, str]


async def read_users(rooms: Rooms, project_id: int, asked: UsersQuestion) -> UsersAnswer:
    """Return a page of people.

    Raises:
        InvalidParameter: the range, the filter or the cursor makes no sense.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    before, before_person = _FIRST_CURSOR if asked.cursor is None else _parse_cursor(asked.cursor)
    start, end = _ALL_TIME
    if asked.range is not None:
        span = span_of(asked.range, asked.timezone, rooms.now())
        start, end = span.start_micros, span.end_micros
    as_of, scope = await open_question(rooms, project_id, asked)
    bindings = scope.bindings
    conditions = [filter_sql(asked.filter, scope).text]
    if asked.search is not None:
        conditions.append(_search(asked.search, scope))
    where = bindings.part(" AND ".join(conditions))
    page = _filled(
        _PAGE,
        events=events_relation(scope, start, end, once=False, where=where),
        before=bindings.whole(before),
        before_person=bindings.text(before_person),
        limit=bindings.put(asked.limit + 1, "UInt32"),
    )
    seen = await rooms.columns.rows(page, bindings.parameters, _Seen)
    people = [row.person for row in seen[: asked.limit]]
    last = seen[asked.limit - 1] if len(seen) > asked.limit else None
    return UsersAnswer(
        users=await _described_users(rooms, scope, people, (start, end), where) if people else [],
        next=None if last is None else f"{last.last}:{public_id(last.person)}",
        as_of=as_of,
    )


async def _described_users(
    rooms: Rooms, scope: Scope, people: list[str], times: tuple[int, int], where: SqlPart
) -> list[User]:
    bindings, columns = scope.bindings, rooms.columns
    these = bindings.texts(people)
    ids = {person: [person] for person in people}
    if scope.linked:
        found = await columns.rows(_filled(_IDS, people=these), bindings.parameters, _Ids)
        ids |= {row.person: row.ids for row in found}
    holders = bindings.texts(sorted({distinct_id for some in ids.values() for distinct_id in some}))
    events = events_relation(
        scope, *times, once=True, where=bindings.part(f"distinct_id IN {holders} AND {where.text}")
    )
    details = {
        row.person: row
        for row in await columns.rows(_filled(_DETAILS, events=events), bindings.parameters, _Detail)
    }
    properties = await read_properties(rooms, bindings, holders, linked=scope.linked)
    return [
        User(
            person_id=public_id(person),
            distinct_ids=ids[person][:SHOWN_IDS],
            properties=properties.get(person, {}),
            first_seen=moment_of(details[person].first),
            last_seen=moment_of(details[person].last),
            events=details[person].events,
        )
        for person in people
        # Nobody vanishes between two statements, but an id may have come to somebody else meanwhile.
        if person in details
    ]


async def read_properties(
    rooms: Rooms, bindings: Bindings, ids: str, *, linked: bool
) -> dict[str, dict[str, Any]]:
    """Return what is known of people.

    Args:
        rooms: the stores.
        bindings: of the statement; ``project_id`` among them.
        ids: the placeholder of all of their distinct ids.
        linked: whether ids of the project are linked.
    """
    statement = _filled(_PROPERTIES, described=person_relation(linked=linked, ids=ids))
    rows = await rooms.columns.rows(statement, bindings.parameters, _Described)
    return {
        row.person: {
            name: msgspec.json.decode(value)
            for name, value in sorted(row.properties.items())
            if value != "null"
        }
        for row in rows
    }


def _search(text: str, scope: Scope) -> str:
    """Return the condition that a person has this text somewhere."""
    needle = scope.bindings.text(text)
    ways = [f"positionCaseInsensitiveUTF8(person, {needle}) > 0"]
    if scope.linked:
        ways.append(
            f"person IN (SELECT person_id FROM {LINKED_PEOPLE} "
            f"WHERE positionCaseInsensitiveUTF8(distinct_id, {needle}) > 0)"
        )
    described = person_relation(linked=scope.linked)
    ways.append(
        f"person IN (SELECT person FROM {described} WHERE arrayExists("
        f"value -> positionCaseInsensitiveUTF8(JSONExtractString(value), {needle}) > 0, mapValues(properties)))"
    )
    return f"({' OR '.join(ways)})"


def _parse_cursor(text: str) -> tuple[int, str]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidParameter("cursor must be the `next` of an earlier answer", field="cursor")
    return int(match[1]), person_of(match[2])


def _filled(template: str, **fragments: str) -> str:
    # str.format() would trip over the braces of bound values.
    for name, fragment in fragments.items():
        template = template.replace("{" + name + "}", fragment)
    return template
