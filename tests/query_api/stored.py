"""Events and their rollups, written straight into the tables the way a dataflow that crashed would."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from schemas.stored import EVENT_COLUMNS
from sinks.clickhouse.rollup_rows import ROLLUP_COLUMNS

LOG_ID = 7
PARTITIONS = 2


@dataclass(frozen=True)
class Stored:
    """One event, as the tests generate it and as the oracles count it."""

    project_id: int
    event: str
    distinct_id: str
    timestamp: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    session_id: str = ""

    def value(self, name: str) -> str | None:
        """Return the value of a property for a breakdown, as the design states it."""
        sent = name in self.properties
        value = self.properties[name] if sent else self.context.get(name)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str) and (not sent or len(value) <= 100):
            return value
        return None

    def dimensions(self) -> dict[str, str]:
        """Return the cells that count it, apart from the total."""
        names = {*self.properties, *self.context}
        return {name: value for name in names if (value := self.value(name)) is not None}


def write(
    url: str, events: Sequence[Stored], *, seed: int = 0, guard: int | None = None, rollups: bool = True
) -> None:
    """Store events in the columnar copy and the rollups, with repeated rows and older versions.

    Args:
        url: of ClickHouse, with the database.
        events: to store.
        seed: of the disorder.
        guard: values of a dimension that a bucket tells apart; ``None`` for all.
        rollups: whether to write those too.
    """
    disorder = random.Random(seed)
    client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
    try:
        rows = [_event_row(event, offset, disorder) for offset, event in enumerate(events)]
        half = len(rows) // 2
        for part in (rows[:half], rows[half:], disorder.sample(rows, half)):
            insert(client, "events", part, EVENT_COLUMNS)
        if rollups:
            for table, seconds in (("rollup_minute", 60), ("rollup_hour", 3600)):
                cells = _rollup_rows(events, seconds, disorder, guard)
                repeated = disorder.sample(cells, len(cells) // 3)
                insert(client, table, cells, ROLLUP_COLUMNS)
                insert(client, table, repeated, ROLLUP_COLUMNS)
    finally:
        client.close()


def insert(client: Client, table: str, rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> None:
    """Insert rows, if there are any."""
    if rows:
        client.insert(table, rows, column_names=columns)


def _event_row(event: Stored, offset: int, disorder: random.Random) -> tuple[Any, ...]:
    return (
        UUID(int=disorder.getrandbits(128)),
        event.event,
        event.distinct_id,
        event.timestamp,
        "",
        event.session_id,
        json.dumps(event.properties, ensure_ascii=False),
        json.dumps(event.context, ensure_ascii=False),
        event.project_id,
        event.timestamp,
        "ws",
        LOG_ID,
        _partition(event),
        offset,
    )


def _partition(event: Stored) -> int:
    return sum(event.distinct_id.encode()) % PARTITIONS


def _rollup_rows(
    events: Iterable[Stored], seconds: int, disorder: random.Random, guard: int | None
) -> list[tuple[Any, ...]]:
    """Cut each cell's events into segments; emit each segment at several versions, in any order."""
    cells: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    told_apart: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    for offset, event in enumerate(events):
        bucket = int(event.timestamp.timestamp()) // seconds * seconds
        partition = _partition(event)
        for dimension, given in [("", ""), *event.dimensions().items()]:
            known = told_apart[event.project_id, dimension, event.event, bucket, partition]
            value = given
            if guard is not None and given not in known and len(known) >= guard:
                value = "$other"
            else:
                known.add(given)
            cells[event.project_id, dimension, event.event, bucket, value, partition].append(offset)
    rows = []
    for (project, dimension, name, bucket, value, partition), offsets in cells.items():
        cuts = sorted({0, len(offsets), disorder.randint(0, len(offsets))})
        for first, last in pairwise(cuts):
            segment = offsets[first:last]
            versions = {len(segment), disorder.randint(1, len(segment))}
            for count in versions:
                start = datetime.fromtimestamp(bucket, UTC)
                key = (project, dimension, name, start, value, LOG_ID, partition)
                rows.append((*key, segment[0], segment[count - 1], count))
    disorder.shuffle(rows)
    return rows


def counted(events: Iterable[Stored]) -> Counter[str]:
    """Return how often each event happened."""
    return Counter(event.event for event in events)
