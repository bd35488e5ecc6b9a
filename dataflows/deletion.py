"""Deletes one person from both stores, while events stream in.

It is a rebuild of the hours in which the person did anything. Once both stores hold everything before its
control message, the person's rows go; then those hours are counted anew from the raw events that are
left. From that message on, what the person sends counts as a new person's.

What is done twice changes nothing, so a deletion that was killed is run again.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from dataflows.deleted_people import digest_of_person
from dataflows.rebuild import Closing, rebuild
from event_log.port import EventLog
from schemas.rollup import HourRange, Interval
from sinks.clickhouse import deleted_people as in_clickhouse
from sinks.postgres import deleted_people as in_postgres
from sinks.verify import Stores

# Looked for without its quotes, a shorter id would be found in what others sent.
_UNMISTAKABLE = 12


@dataclass(slots=True)
class DeletionReport:
    """What a deletion took away."""

    ids: int
    events: int = 0
    """Raw events."""
    rejected: int = 0
    hours: int = 0
    """Hours whose numbers were counted anew."""


def delete_person(
    stores: Stores,
    open_log: Callable[[], Awaitable[EventLog]],
    project_id: int,
    ids: Sequence[str],
    *,
    values: int,
    wait_seconds: float = 120.0,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> DeletionReport:
    """Delete everything about a person that is stored, and count again what they were counted in.

    Args:
        stores: both.
        open_log: opens the event log that the dataflows read.
        project_id: whose person.
        ids: all ids of the person.
        values: values of a dimension that are told apart.
        wait_seconds: how long to wait for the dataflows.
        on_progress: told how many hours are done, of how many.

    Raises:
        DataflowStandsStill: a dataflow did not come far enough in time. Nothing was deleted.
        RebuildRuns: a rebuild is under way.
        EventLogError: the log cannot be used. Nothing was deleted.
    """
    report = DeletionReport(len(ids))
    hours: set[int] = set()
    chunks: list[HourRange] = []

    def delete(closing: Closing) -> None:
        hours.update(_delete_rows(stores, closing, project_id, ids, report))
        chunks.extend(HourRange(hour, hour + Interval.HOUR) for hour in sorted(hours))

    everything = HourRange(0, 2**32 // Interval.HOUR * Interval.HOUR)
    counted = rebuild(
        stores,
        open_log,
        everything,
        project_id,
        values=values,
        wait_seconds=wait_seconds,
        on_progress=on_progress,
        chunks=chunks,
        on_closed=delete,
    )
    in_clickhouse.delete_empty_cells(stores.clickhouse, project_id, hours)
    in_postgres.record_complete(stores.postgres, project_id, _digests(project_id, ids))
    report.hours = counted.hours
    in_postgres.vacuum_events(stores.postgres)
    return report


def _delete_rows(
    stores: Stores, closing: Closing, project_id: int, ids: Sequence[str], report: DeletionReport
) -> set[int]:
    """Delete all that the person sent before the control message; return the hours that must be counted anew."""
    digests = _digests(project_id, ids)
    hours = {
        *in_postgres.hours_left(stores.postgres, project_id, digests),
        *in_postgres.hours_of(stores.postgres, project_id, ids),
        *in_clickhouse.hours_of(stores.clickhouse, project_id, ids),
    }
    # Recorded before anything goes: whatever is killed then, nothing comes back or is left undone.
    in_postgres.record_deleted(stores.postgres, project_id, digests, closing.log_id, closing.ends, hours)
    report.events = in_postgres.delete_events(stores.postgres, project_id, ids, closing.log_id, closing.ends)
    in_clickhouse.delete_person(stores.clickhouse, project_id, ids, hours, closing.log_id, closing.ends)
    report.rejected = in_postgres.delete_rejected(stores.postgres, project_id, _written(ids))
    in_postgres.delete_failed_deliveries(stores.postgres, project_id, _written(ids))
    return hours


def _digests(project_id: int, ids: Sequence[str]) -> list[bytes]:
    return [digest_of_person(project_id, one) for one in ids]


def _written(ids: Sequence[str]) -> list[bytes]:
    """Return ids as a payload may have them."""
    written = {
        json.dumps(one, ensure_ascii=ascii_only).encode() for one in ids for ascii_only in (True, False)
    }
    written.update(one.encode() for one in ids if len(one) >= _UNMISTAKABLE)
    return sorted(written)
