"""Answers questions about the catalogue."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from query_api.catalogue.models import (
    CatalogueEvents,
    CatalogueEventsParameters,
    CatalogueGroups,
    CatalogueGroupsParameters,
    CatalogueProperties,
    CataloguePropertiesParameters,
    CatalogueValues,
    CatalogueValuesParameters,
    Kind,
    KnownEvent,
    KnownGroupType,
    KnownProperty,
    KnownValue,
)
from query_api.catalogue.sample import newest_days, sample_values, since
from query_api.catalogue.statements import (
    CELLS,
    EVENTS,
    GROUP_TYPES,
    PROPERTIES,
    group_keys,
    sampled_values,
    stated_properties,
    stated_values,
    values_of_sessions,
)
from query_api.errors import InvalidParameter
from query_api.people.relations import group_values, person_values
from query_api.plan import Exactness, Source
from query_api.questions.attributes import FIELDS, GROUP_KEY
from query_api.questions.filters import GROUP, SESSION_PROPERTIES, Of
from query_api.questions.opening import open_scope
from query_api.questions.scope import Scope
from query_api.rooms import Rooms
from schemas.rollup import OTHER

_OF_SESSIONS = {"duration": Kind.NUMBER, "events": Kind.NUMBER, "entry": Kind.TEXT, "exit": Kind.TEXT}


class _Event(NamedTuple):
    event: str
    n: int
    at: int


class _Property(NamedTuple):
    event: str
    name: str
    kind: str
    n: int


class _GroupType(NamedTuple):
    kind: str
    n: int


class _StatedProperty(NamedTuple):
    name: str
    kind: str
    n: int


class _Value(NamedTuple):
    value: str
    n: int


class _Count(NamedTuple):
    n: int


async def read_catalogue_events(
    rooms: Rooms, project_id: int, asked: CatalogueEventsParameters
) -> CatalogueEvents:
    """Return the events of the last 30 days.

    Raises:
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    as_of = await rooms.postgres.as_of()
    bound = {**_search(asked.search, asked.limit), "project_id": project_id, "since": since(rooms.now())}
    rows = await rooms.columns.rows(EVENTS, bound, _Event)
    return CatalogueEvents(
        events=[
            KnownEvent(event=row.event, count=row.n, last_seen=datetime.fromtimestamp(row.at, UTC))
            for row in rows
        ],
        as_of=as_of,
        exactness=Exactness.EXACT,
        source=Source.ROLLUP_HOUR,
    )


async def read_catalogue_groups(
    rooms: Rooms, project_id: int, asked: CatalogueGroupsParameters
) -> CatalogueGroups:
    """Return the types of groups; raises like :func:`read_catalogue_events`."""
    as_of = await rooms.postgres.as_of()
    days = await newest_days(rooms.columns, project_id, None, rooms.now())
    bound = {"project_id": project_id, **_search(asked.search, asked.limit), **sample_values(days)}
    rows = await rooms.columns.rows(GROUP_TYPES, bound, _GroupType)
    return CatalogueGroups(
        groups=[KnownGroupType(type=row.kind, of=f"{GROUP}{row.kind}", count=row.n) for row in rows],
        as_of=as_of,
        exactness=Exactness.APPROXIMATE,
        source=Source.EVENTS,
    )


async def read_catalogue_properties(
    rooms: Rooms, project_id: int, asked: CataloguePropertiesParameters
) -> CatalogueProperties:
    """Return the properties of events, people, groups or sessions; raises like :func:`read_catalogue_events`."""
    as_of = await rooms.postgres.as_of()
    exactness, source = Exactness.EXACT, Source.EVENTS
    if asked.of is Of.EVENT:
        found = await _event_properties(rooms, project_id, asked)
        exactness = Exactness.APPROXIMATE
    elif asked.of is Of.SESSION:
        found, source = await _session_properties(rooms, project_id, asked), Source.SESSIONS
    else:
        found, source = await _stated_properties(rooms, project_id, asked), Source.PEOPLE
    found.sort(key=lambda one: (-one.count, one.property))
    return CatalogueProperties(
        properties=found[: asked.limit], as_of=as_of, exactness=exactness, source=source
    )


async def read_catalogue_values(
    rooms: Rooms, project_id: int, asked: CatalogueValuesParameters
) -> CatalogueValues:
    """Return the values of a property.

    Raises:
        InvalidParameter: sessions have no such property.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    if asked.of is Of.SESSION and asked.property not in SESSION_PROPERTIES:
        raise InvalidParameter(f"a session has {', '.join(SESSION_PROPERTIES)}", field="property")
    as_of = await rooms.postgres.as_of()
    exactness = Exactness.EXACT
    if asked.of is Of.EVENT:
        rows, exactness, source = await _event_values(rooms, project_id, asked)
    elif asked.of.startswith(GROUP) and asked.property == GROUP_KEY:
        rows, exactness, source = await _group_keys(rooms, project_id, asked)
    else:
        scope = await open_scope(rooms, project_id)
        if asked.of is Of.SESSION:
            statement, source = values_of_sessions(asked.property), Source.SESSIONS
        else:
            values = _stated(asked.of, scope, only=scope.bindings.texts([asked.property]))
            statement, source = stated_values(values, scope.bindings), Source.PEOPLE
        bound = {**scope.bindings.parameters, **_search(asked.search, asked.limit)}
        rows = await rooms.columns.rows(statement, bound, _Value)
    return CatalogueValues(
        values=[KnownValue(value=row.value, count=row.n) for row in rows],
        as_of=as_of,
        exactness=exactness,
        source=source,
    )


def _search(search: str | None, limit: int) -> dict[str, Any]:
    return {"search": search or "", "limit": limit}


async def _event_properties(
    rooms: Rooms, project_id: int, asked: CataloguePropertiesParameters
) -> list[KnownProperty]:
    days = await newest_days(rooms.columns, project_id, asked.event, rooms.now())
    bound = {"project_id": project_id, **_search(asked.search, asked.limit), **sample_values(days)}
    rows = await rooms.columns.rows(PROPERTIES, bound, _Property) if days else []
    seen = {row.event: row.n for row in rows if not row.name}
    # What part of the sample has it, that part of all is taken to have it.
    weights = {day.event: day.n / seen[day.event] for day in days if day.event in seen}
    counts: defaultdict[str, float] = defaultdict(float)
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.name:
            counts[row.name] += row.n * weights.get(row.event, 1)
            kinds[row.name].add(row.kind)
    return [
        KnownProperty(property=name, of=Of.EVENT, kind=_kind(kinds[name]), count=round(count))
        for name, count in counts.items()
    ]


def _stated(of: Of | str, scope: Scope, only: str | None = None) -> str:
    """Return the relation of what was said of people, or of groups of one type."""
    if of is Of.PERSON:
        return person_values(linked=scope.linked, only=only)
    return group_values(of=scope.bindings.text(of), only=only)


async def _stated_properties(
    rooms: Rooms, project_id: int, asked: CataloguePropertiesParameters
) -> list[KnownProperty]:
    scope = await open_scope(rooms, project_id)
    statement = stated_properties(_stated(asked.of, scope))
    bound = {**scope.bindings.parameters, **_search(asked.search, asked.limit)}
    rows = await rooms.columns.rows(statement, bound, _StatedProperty)
    counts: defaultdict[str, int] = defaultdict(int)
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        counts[row.name] += row.n
        kinds[row.name].add(row.kind)
    return [
        KnownProperty(property=name, of=asked.of, kind=_kind(kinds[name]), count=count)
        for name, count in counts.items()
    ]


async def _session_properties(
    rooms: Rooms, project_id: int, asked: CataloguePropertiesParameters
) -> list[KnownProperty]:
    statement = "SELECT uniqExact(session_id) FROM sessions WHERE project_id = {project_id:UInt32}"
    ((count,),) = await rooms.columns.rows(statement, {"project_id": project_id}, _Count)
    return [
        KnownProperty(property=name, of=Of.SESSION, kind=kind, count=count)
        for name, kind in _OF_SESSIONS.items()
        if (asked.search or "").lower() in name
    ]


async def _event_values(
    rooms: Rooms, project_id: int, asked: CatalogueValuesParameters
) -> tuple[list[_Value], Exactness, Source]:
    columns, bound = rooms.columns, {"project_id": project_id, **_search(asked.search, asked.limit)}
    if asked.property == "$event" and asked.event is None:
        events = await columns.rows(EVENTS, {**bound, "since": since(rooms.now())}, _Event)
        return [_Value(row.event, row.n) for row in events], Exactness.EXACT, Source.ROLLUP_HOUR
    if asked.property not in FIELDS:
        only = {"since": since(rooms.now()), "property": asked.property, "event": asked.event or ""}
        rows = await columns.rows(CELLS, {**bound, **only}, _Value)
        if rows:
            guarded = any(row.value == OTHER for row in rows)
            exactness = Exactness.APPROXIMATE if guarded else Exactness.EXACT
            return [row for row in rows if row.value != OTHER], exactness, Source.ROLLUP_HOUR
    # Numbers have no cells.
    days = await newest_days(columns, project_id, asked.event, rooms.now())
    if not days:
        return [], Exactness.EXACT, Source.EVENTS
    scope = await open_scope(rooms, project_id)
    statement = sampled_values(asked.property, scope.bindings)
    rows = await columns.rows(
        statement, {**scope.bindings.parameters, **bound, **sample_values(days)}, _Value
    )
    return rows, Exactness.APPROXIMATE, Source.EVENTS


async def _group_keys(
    rooms: Rooms, project_id: int, asked: CatalogueValuesParameters
) -> tuple[list[_Value], Exactness, Source]:
    days = await newest_days(rooms.columns, project_id, asked.event, rooms.now())
    scope = await open_scope(rooms, project_id)
    statement = group_keys(asked.of, scope.bindings)
    bound = {**scope.bindings.parameters, **_search(asked.search, asked.limit), **sample_values(days)}
    return await rooms.columns.rows(statement, bound, _Value), Exactness.APPROXIMATE, Source.EVENTS


def _kind(kinds: set[str]) -> Kind:
    return Kind(next(iter(kinds))) if len(kinds) == 1 else Kind.MIXED
