"""Adds to the columnar copy what it lacks, and derives anew what ClickHouse derives from it.

All of it may be repeated: an event that is there twice counts once, and the union of a set with
itself is the set.
"""

from collections import defaultdict
from itertools import islice

from schemas.rollup import HourRange, Interval
from schemas.stored import EVENT_COLUMNS
from sinks.clickhouse.cells import count_columnar, derive_from_columnar, read_event_ids
from sinks.clickhouse.rollup_rows import INSERT_SETTINGS
from sinks.positions import Positions
from sinks.postgres.raw_events import copy_rows, count_raw, read_ids
from sinks.verify import Stores

_INSERT_EVENTS = 10_000


def refill_columns(stores: Stores, chunk: HourRange, project_id: int | None, before: Positions) -> int:
    """Add the raw events of a time that the columnar copy lacks.

    Distinct users and sessions of that time are derived again in any case. What the copy holds beyond
    the raw events stays. The ids of one hour are held in memory.

    Args:
        stores: where both are.
        chunk: which time.
        project_id: whose events; ``None`` for all.
        before: offset before which events of a partition of the log should be there.

    Returns:
        How many events were added.
    """
    added = 0
    for begin in _differing_hours(stores, chunk, project_id, before):
        hour = HourRange(begin, begin + Interval.HOUR)
        missing = read_ids(stores.postgres, hour, project_id)
        missing -= read_event_ids(stores.clickhouse, hour, project_id)
        ids = iter(sorted(missing))
        while some := list(islice(ids, _INSERT_EVENTS)):
            rows = copy_rows(stores.postgres, hour, project_id, some)
            stores.clickhouse.raw_insert(
                "events", EVENT_COLUMNS, rows, settings=INSERT_SETTINGS, fmt="TabSeparated"
            )
        added += len(missing)
    derive_from_columnar(stores.clickhouse, chunk, project_id)
    return added


def _differing_hours(
    stores: Stores, chunk: HourRange, project_id: int | None, before: Positions
) -> list[int]:
    balance: defaultdict[tuple[int, int, str], int] = defaultdict(int)
    raw = count_raw(stores.postgres, chunk, Interval.HOUR, project_id, before, {})
    for (project, hour, event), count in raw.items():
        balance[project, hour, event] += count
    for project, hour, event, count in count_columnar(stores.clickhouse, chunk, project_id, before):
        balance[project, hour, event] -= count
    return sorted({hour for (_, hour, _), difference in balance.items() if difference})
