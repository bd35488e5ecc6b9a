"""Made-up histories of people, stored with repeated rows and merged ids; oracles read the same histories."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import clickhouse_connect

from schemas.stored import EVENT_COLUMNS
from tests.fixtures_clickhouse import kept


@dataclass(frozen=True)
class Happened:
    """One event, as tests make it and as oracles see it."""

    event: str
    distinct_id: str
    timestamp: datetime
    event_id: UUID
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    session_id: str = ""
    project_id: int = 1

    @property
    def order(self) -> tuple[datetime, int]:
        """What events of a person are sorted by."""
        return self.timestamp, self.event_id.int


@dataclass(frozen=True)
class History:
    """Events of one or more projects, and who is who in project 1."""

    events: tuple[Happened, ...]
    people: dict[str, str] = field(default_factory=dict)
    """Person by distinct id, for those that were linked."""

    def by_person(self, project_id: int = 1) -> dict[str, list[Happened]]:
        """Return each person's events in order, each event once."""
        found: defaultdict[str, list[Happened]] = defaultdict(list)
        for event in sorted(self.events, key=lambda event: event.order):
            if event.project_id == project_id:
                who = (
                    self.people.get(event.distinct_id, event.distinct_id)
                    if project_id == 1
                    else event.distinct_id
                )
                found[who].append(event)
        return dict(found)


def generated(
    seed: int,
    *,
    count: int,
    start: datetime,
    days: float,
    ids: int = 30,
    merged: bool = True,
    names: Sequence[str] = ("view", "cart", "pay", "other"),
) -> History:
    """Return random events of two projects: ties in time, a few properties, sessions, some ids merged."""
    chance = random.Random(seed)
    instants = [
        start + timedelta(microseconds=chance.randrange(int(days * 86_400_000_000))) for _ in range(count)
    ]
    events = []
    for _ in range(count):
        properties: dict[str, Any] = {"amount": chance.randint(0, 20)}
        if chance.random() < 0.8:
            properties["plan"] = chance.choice(["free", "free", "pro", "team ü", "$other", ""])
        if chance.random() < 0.8:
            properties["$pathname"] = chance.choice(["/", "/a", "/b?x='1'", "/c", "/d\\", "/e"])
        who = chance.randrange(ids)
        events.append(
            Happened(
                event=chance.choice(names),
                distinct_id=f"id-{who}",
                # About a third of the events share their instant with others.
                timestamp=chance.choice(instants[: count // 3] if chance.random() < 0.3 else instants),
                event_id=UUID(int=chance.getrandbits(128)),
                properties=properties,
                context={"$browser": chance.choice(["Firefox", "Chrome"])},
                session_id=f"s-{who}-{chance.randrange(4)}" if chance.random() < 0.8 else "",
                project_id=chance.choice([1, 1, 1, 2]),
            )
        )
    people: dict[str, str] = {}
    if merged:
        for person in range(0, ids, 3):
            people |= {f"id-{person}": f"id-{person}", f"id-{person + 1}": f"id-{person}"}
    return History(tuple(events), people)


def store(url: str, history: History, *, seed: int = 0) -> None:
    """Write a history: in any order, in three parts, a third of the rows twice."""
    chance = random.Random(seed)
    rows = [_row(event, offset) for offset, event in enumerate(history.events)]
    chance.shuffle(rows)
    half = len(rows) // 2
    client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
    try:
        for table in ("events", "sessions", "people"):
            client.command(f"TRUNCATE TABLE {kept(client, table)}")
        for part in (rows[:half], rows[half:], chance.sample(rows, len(rows) // 3)):
            if part:
                client.insert("events", part, column_names=EVENT_COLUMNS)
        if history.people:
            linked = [[1, distinct_id, person, 2] for distinct_id, person in history.people.items()]
            # What somebody believed before the last link came.
            linked += [[1, distinct_id, distinct_id, 1] for distinct_id in history.people]
            client.insert(
                "people", linked, column_names=["project_id", "distinct_id", "person_id", "version"]
            )
    finally:
        client.close()


def _row(event: Happened, offset: int) -> tuple[Any, ...]:
    values = {
        "event_id": event.event_id,
        "event": event.event,
        "distinct_id": event.distinct_id,
        "timestamp": event.timestamp,
        "client_timestamp": "",
        "session_id": event.session_id,
        "properties": json.dumps(event.properties, ensure_ascii=False),
        "context": json.dumps(event.context, ensure_ascii=False),
        "project_id": event.project_id,
        "received_at": event.timestamp,
        "source": "ws",
        "log_id": 7,
        "log_partition": 0,
        "log_offset": offset,
    }
    return tuple(values[name] for name in EVENT_COLUMNS)


def happened(who: str, *names_and_minutes: tuple[str, float], start: datetime) -> list[Happened]:
    """Return the events of a little story: (name, minutes after ``start``); ids in the order told."""
    return [
        Happened(name, who, start + timedelta(minutes=minutes), _id(f"{who}{place:03}"))
        for place, (name, minutes) in enumerate(names_and_minutes)
    ]


def _id(text: str) -> UUID:
    return UUID(bytes=text.encode().rjust(16, b"\0")[-16:])


def median(values: Iterable[float]) -> float | None:
    """Return the middle value, or the mean of the two."""
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


UTC_MARCH = datetime(2026, 3, 27, tzinfo=UTC)
"""A little before clocks change in Europe."""
