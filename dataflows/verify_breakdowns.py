"""Compares the breakdowns of the rollups with the raw events, as far as the cardinality guard lets anybody know.

The guard may count any value, or any property, as ``$other``. What must hold all the same:

* no value counts more often than it came;
* a property counts as often in all as it came, unless properties were beyond the guard in that bucket;
* all properties together do so in any case.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dataflows.raw_cells import count_hours
from schemas.rollup import OTHER, TOTAL, CellKey, HourRange, Interval
from sinks.clickhouse.cells import PartialCell, read_breakdowns
from sinks.clickhouse.rollup_rows import ROLLUP_TABLES
from sinks.positions import Positions, read_stored
from sinks.postgres.raw_events import Group, read_raw
from sinks.verify import Difference, Stores, Verification, chunks_of, later_groups, wait_for_rollups

# No guard: all values are told apart.
_ALL = 2**62
Breakdowns = Mapping[str, Mapping[str, int]]
"""property -> value -> total"""


class Place(NamedTuple):
    """The cells of one event in one bucket."""

    project_id: int
    interval: int
    bucket: int
    event: str


_Gathered = dict[Place, defaultdict[str, Counter[str]]]


def verify_breakdowns(
    stores: Stores,
    verification: Verification,
    project_id: int | None,
    log_id: int,
    *,
    patience_seconds: float = 10.0,
) -> int:
    """Add to a verification what breakdowns differ by.

    Buckets that are written to meanwhile are left out; their totals were compared.

    Args:
        stores: as for :func:`sinks.verify.verify_totals`, after which this is to be called.
        verification: what that returned.
        project_id: whose events; ``None`` for all.
        log_id: the event log in use.
        patience_seconds: how long the rollups may stand still before they count as they are.

    Returns:
        How many buckets were left out.
    """
    left_out = 0
    before = read_stored(stores.postgres)
    wait_for_rollups(stores, before, patience_seconds)
    for chunk in chunks_of(stores, verification.hours):
        cells = [
            cell
            for interval in Interval
            for cell in read_breakdowns(stores.clickhouse, interval, chunk, project_id)
        ]
        later = {
            interval: {
                (group.project_id, group.bucket)
                for group in later_groups(
                    ((_group(cell), cell.version) for cell in cells if cell.key.interval == interval), before
                )
            }
            for interval in Interval
        }
        left_out += sum(map(len, later.values()))
        stored = gather((cell.key, cell.total) for cell in cells)
        for place, expected in _expected(stores, chunk, project_id, log_id, before):
            found: Breakdowns = stored.pop(place, {})
            if (place.project_id, place.bucket) not in later[Interval(place.interval)]:
                verification.differences += compare_breakdowns(place, expected, found)
        for place, found in sorted(stored.items()):
            if (place.project_id, place.bucket) not in later[Interval(place.interval)]:
                verification.differences += compare_breakdowns(place, {}, found)
    return left_out


def compare_breakdowns(place: Place, expected: Breakdowns, stored: Breakdowns) -> list[Difference]:
    """Return what cannot be true of the stored breakdowns of an event in a bucket.

    Args:
        place: which.
        expected: counted from the raw events, everything told apart.
        stored: as the rollup has it.
    """
    guarded = OTHER in stored

    def difference(name: str, value: str, raw: int, found: int) -> Difference:
        table = ROLLUP_TABLES[Interval(place.interval)]
        return Difference(table, place.project_id, place.bucket, place.event, name, value, raw, found)

    differences = []
    for name in sorted((expected.keys() | stored.keys()) - {OTHER}):
        raw, found = expected.get(name, {}), stored.get(name, {})
        differences += [
            difference(name, value, raw.get(value, 0), total)
            for value, total in sorted(found.items())
            if value != OTHER and total > raw.get(value, 0)
        ]
        came, counted = sum(raw.values()), sum(found.values())
        if counted > came or (counted < came and not guarded):
            differences.append(difference(name, TOTAL, came, counted))
    if not differences:
        came, counted = (sum(sum(values.values()) for values in each.values()) for each in (expected, stored))
        if came != counted:
            differences.append(difference(OTHER, TOTAL, came, counted))
    return differences


def _expected(
    stores: Stores, chunk: HourRange, project_id: int | None, log_id: int, before: Positions
) -> Iterable[tuple[Place, Breakdowns]]:
    """Count the raw events of a time without a guard, hour by hour."""
    own = {place.partition: end for place, end in before.items() if place.log_id == log_id}
    ends = [own.get(partition, 0) for partition in range(max(own, default=-1) + 1)] or [0]
    raw = read_raw(stores.postgres, chunk, project_id, log_id, ends)
    for hour in count_hours(raw, [0] * len(ends), _ALL):
        yield from gather(cell for rows in hour.rows() for cell in rows.cells()).items()


def gather(cells: Iterable[tuple[CellKey, int]]) -> _Gathered:
    """Sort cells by event and bucket; those that count all of an event only make a place."""
    gathered: _Gathered = {}
    for key, total in cells:
        place = Place(key.project_id, key.interval, key.bucket, key.event)
        breakdowns = gathered.setdefault(place, defaultdict(Counter))
        if key.dimension != TOTAL and total:
            breakdowns[key.dimension][key.value] += total
    return gathered


def _group(cell: PartialCell) -> Group:
    return Group(cell.key.project_id, cell.key.bucket, cell.place)
