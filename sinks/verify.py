"""Compares the raw events with everything that was made of them; the difference must be 0.

Events arrive meanwhile, and no two stores can be read at one instant. So each comparison has an
offset for each partition of the log, before which events count on both sides:

* Where PostgreSQL was when the check began. What is before that has to be in ClickHouse once the
  rollups have come that far, too; the check waits for it.
* A rollup may have counted more by the time that it is read. Its rows say how much: the version of
  a group is the offset of the last message that it counts. The raw events of that group then count up
  to there.

Thus a difference is one, also while events stream in, and nothing that is missing passes for late.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from clickhouse_connect.driver.client import Client

from schemas.rollup import TOTAL, HourRange, Interval
from sinks.clickhouse.cells import PartialTotal, count_columnar, read_days, read_totals
from sinks.clickhouse.rollup_rows import ROLLUP_TABLES
from sinks.positions import Positions, behind, read_counted, read_stored
from sinks.postgres.raw_events import Group, TotalKey, count_raw, read_chunks

_DAY = 24 * 3600
_POLL_SECONDS = 0.1
COLUMNAR = "events"


class Difference(NamedTuple):
    """A number that is not what the raw events say."""

    table: str
    """``rollup_minute``, ``rollup_hour`` or ``events``, the columnar copy (counted by the hour)."""
    project_id: int
    bucket: int
    """Seconds since 1970."""
    event: str
    dimension: str
    value: str
    raw: int
    stored: int


class Lag(NamedTuple):
    """A partition of which the rollups had not counted all that PostgreSQL held, and did not come on."""

    log_id: int
    partition: int
    stored: int
    counted: int


@dataclass(slots=True)
class Verification:
    """What a check found."""

    hours: HourRange
    raw_events: int = 0
    """Raw events that were compared."""
    differences: list[Difference] = field(default_factory=list)
    lags: list[Lag] = field(default_factory=list)
    left_out: int = 0
    """Buckets whose breakdowns were not compared, since they were written to meanwhile."""

    @property
    def difference(self) -> int:
        """Sum of all differences, each without its sign."""
        return sum(abs(found.raw - found.stored) for found in self.differences)


@dataclass(frozen=True, slots=True)
class Stores:
    """Connections for a check: PostgreSQL in autocommit mode, its time zone UTC."""

    postgres: psycopg.Connection
    clickhouse: Client


def verify_totals(
    stores: Stores,
    hours: HourRange,
    project_id: int | None,
    *,
    patience_seconds: float = 10.0,
    on_chunk: Callable[[int, int], None] = lambda _done, _of: None,
) -> Verification:
    """Compare the totals of all events with the raw events, by minute and by hour.

    Args:
        stores: where both are.
        hours: which time.
        project_id: whose events; ``None`` for all.
        patience_seconds: how long a store may stand still before the check no longer waits for it.
        on_chunk: told how many parts are done, of how many.
    """
    before = read_stored(stores.postgres)
    verification = Verification(hours, lags=wait_for_rollups(stores, before, patience_seconds))
    chunks = chunks_of(stores, hours)
    for done, chunk in enumerate(chunks):
        on_chunk(done, len(chunks))
        for interval in Interval:
            _verify_rollup(stores, verification, interval, chunk, project_id, before, patience_seconds)
        _verify_columnar(stores, verification, chunk, project_id, before)
    on_chunk(len(chunks), len(chunks))
    return verification


def wait_for_rollups(stores: Stores, target: Positions, patience_seconds: float) -> list[Lag]:
    """Wait until the rollups have counted what PostgreSQL held; returns what they do not come to."""
    counted = _wait(lambda: behind(read_counted(stores.clickhouse), target), patience_seconds)
    return [
        Lag(place.log_id, place.partition, target[place], next_offset)
        for place, next_offset in sorted(counted.items())
    ]


def chunks_of(stores: Stores, hours: HourRange) -> list[HourRange]:
    """Cut a time into days, and months that are long past, of which a store holds anything."""
    chunks = read_chunks(stores.postgres, hours)
    for day in read_days(stores.clickhouse, hours):
        only_there = hours.within(day, day + _DAY)
        if only_there and not any(chunk.begin <= only_there.begin < chunk.end for chunk in chunks):
            chunks.append(only_there)
    return sorted(chunks)


def later_groups(counted: Iterable[tuple[Group, int]], before: Positions) -> dict[Group, int]:
    """Return the groups that count further than ``before``, and the offset after the last message counted."""
    later: dict[Group, int] = {}
    for group, version in counted:
        if version >= max(before.get(group.place, 0), later.get(group, 0)):
            later[group] = version + 1
    return later


def compare(table: str, raw: Mapping[TotalKey, int], stored: Mapping[TotalKey, int]) -> list[Difference]:
    """Return the cells in which two counts differ, in order."""
    return [
        Difference(table, *key, TOTAL, TOTAL, raw.get(key, 0), stored.get(key, 0))
        for key in sorted(raw.keys() | stored.keys())
        if raw.get(key, 0) != stored.get(key, 0)
    ]


def _verify_rollup(
    stores: Stores,
    verification: Verification,
    interval: Interval,
    chunk: HourRange,
    project_id: int | None,
    before: Positions,
    patience_seconds: float,
) -> None:
    totals = read_totals(stores.clickhouse, interval, chunk, project_id)
    later = later_groups(((_group(total), total.version) for total in totals), before)
    target: Positions = {}
    for group, next_offset in later.items():
        target[group.place] = max(next_offset, target.get(group.place, 0))
    # ClickHouse may be ahead, for as long as one write to PostgreSQL takes.
    _wait(lambda: behind(read_stored(stores.postgres), target), patience_seconds)
    raw = count_raw(stores.postgres, chunk, interval, project_id, before, later)
    counted: Counter[TotalKey] = Counter()
    for total in totals:
        counted[TotalKey(total.project_id, total.bucket, total.event)] += total.total
    verification.differences += compare(ROLLUP_TABLES[interval], raw, counted)
    if interval is Interval.HOUR:
        verification.raw_events += sum(raw.values())


def _verify_columnar(
    stores: Stores,
    verification: Verification,
    chunk: HourRange,
    project_id: int | None,
    before: Positions,
) -> None:
    raw = count_raw(stores.postgres, chunk, Interval.HOUR, project_id, before, {})
    columnar = {
        TotalKey(project, hour, event): count
        for project, hour, event, count in count_columnar(stores.clickhouse, chunk, project_id, before)
    }
    verification.differences += compare(COLUMNAR, raw, columnar)


def _group(total: PartialTotal) -> Group:
    return Group(total.project_id, total.bucket, total.place)


def _wait(missing: Callable[[], Positions], patience_seconds: float) -> Positions:
    """Wait until nothing is missing; gives up when nothing has moved for a while, and says what is."""
    last = missing()
    deadline = time.monotonic() + patience_seconds
    while last and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        now = missing()
        if now != last:
            deadline = time.monotonic() + patience_seconds
        last = now
    return last
