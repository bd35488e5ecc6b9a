"""What events tell about people, stored as a dataflow would, and what follows from it by brute force."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from query_api.people.keeper import PeopleKeeper
from sinks.clickhouse.connect import connect
from tests.query_api.stored import insert

T0 = datetime(2026, 10, 1, tzinfo=UTC)
_COLUMNS = (
    "event_id",
    "event",
    "distinct_id",
    "timestamp",
    "project_id",
    "received_at",
    "properties",
    "session_id",
    "log_id",
    "log_partition",
    "log_offset",
)
_POSITION = ("log_id", "log_partition", "next_offset")
_LOG_ID = 7


@dataclass(frozen=True)
class Told:
    """One event."""

    event: str
    distinct_id: str
    properties: dict[str, Any] = field(default_factory=dict)
    seconds: int = 0
    """After :data:`T0`."""
    number: int = 0
    """From which its id is made."""
    project_id: int = 1
    session_id: str = ""

    @property
    def event_id(self) -> UUID:
        """Its id, in no order that numbers have."""
        return UUID(int=random.Random(self.number).getrandbits(128))

    @property
    def timestamp(self) -> datetime:
        """When it happened."""
        return T0 + timedelta(seconds=self.seconds)


def identify(known: str, anonymous: str, **more: Any) -> Told:
    """Say that an anonymous id is a known one."""
    return Told("$identify", known, {"$anon_distinct_id": anonymous}, **more)


def alias(one: str, other: str, **more: Any) -> Told:
    """Say that two ids are one person."""
    return Told("$create_alias", one, {"alias": other}, **more)


def store(url: str, *batches: Sequence[Told]) -> None:
    """Insert each batch by itself."""
    with connect(url) as client:
        for batch in batches:
            insert(client, "events", [_row(event) for event in batch], _COLUMNS)
            if batch:
                position = (_LOG_ID, 0, max(event.number for event in batch) + 1)
                client.insert("rollup_positions", [position], column_names=_POSITION)


def learn_people(url: str) -> None:
    """Learn once from what is stored who is who."""
    keeper = PeopleKeeper(url)
    keeper.catch_up()
    keeper.close()


def _row(event: Told) -> tuple[Any, ...]:
    return (
        event.event_id,
        event.event,
        event.distinct_id,
        event.timestamp,
        event.project_id,
        event.timestamp,
        json.dumps(event.properties, ensure_ascii=False),
        event.session_id,
        _LOG_ID,
        0,
        event.number,
    )


def people_by_force(events: Iterable[Told]) -> dict[str, str]:
    """Return the person of each linked id: sets are joined until none have an id in common."""
    sets: list[set[str]] = []
    known = set()
    for event in events:
        name = {
            "$identify": "$anon_distinct_id",
            "$create_alias": "alias",
            "$merge_dangerously": "alias",
        }.get(event.event)
        other = event.properties.get(name) if name else None
        if (
            not isinstance(other, str)
            or other == event.distinct_id
            or {other, event.distinct_id} & {"null", "0"}
        ):
            continue
        if event.event == "$identify":
            known.add(event.distinct_id)
        sets.append({event.distinct_id, other})
    joined: list[set[str]] = []
    for found in sets:
        touched = [other for other in joined if other & found]
        joined = [other for other in joined if not other & found] + [found.union(*touched)]
    return {member: min(found & known or found) for found in joined for member in found}


def properties_by_force(events: Iterable[Told]) -> dict[str, dict[str, Any]]:
    """Return the properties of each person: events are told one after the other."""
    told = list({event.event_id: event for event in events}.values())
    people = people_by_force(told)
    states: dict[str, dict[str, Any]] = {}
    once: dict[str, dict[str, Any]] = {}
    for event in sorted(told, key=lambda event: (event.timestamp, str(event.event_id))):
        person = people.get(event.distinct_id, event.distinct_id)
        fixed, first = states.setdefault(person, {}), once.setdefault(person, {})
        fixed.update(event.properties.get("$set", {}))
        for name, value in event.properties.get("$set_once", {}).items():
            first.setdefault(name, value)
        for name in event.properties.get("$unset", []):
            fixed.pop(name, None)
            first.pop(name, None)
    return {person: found for person in states if (found := once[person] | states[person])}
