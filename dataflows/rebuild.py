"""Counts the rollups of a time anew from the raw events, while events stream in.

For each partition of the log:

1. A control message is appended; where the dataflow meets it, at offset M, it closes its open groups
   of that time. So every segment that opened before M counts events before M and no others, and
   events after M are counted in segments that open after M.
2. Once both stores have come past M, the raw events before M are counted, hour by hour.
3. For each hour, one insert into each rollup table takes the old away and puts the new in place: every
   row of a segment before M is written once more with a total of 0 and a version that none is above
   (so a replay of the log cannot bring it back), and the new cells get segment M, which no event
   opens, since that message has none.

A rebuild that was killed has done some hours and not others. Another one has a later M: what the
first has written is older than that, and is replaced like all else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg

from dataflows.errors import DataflowStandsStill, RebuildRuns
from dataflows.raw_cells import HourOfCells, count_hours
from event_log.errors import EventLogUnavailable
from event_log.port import EventLog
from schemas.envelope import CloseGroups, decode_message, encode_controls
from schemas.rollup import HourRange, Interval
from sinks.clickhouse.cells import Superseded
from sinks.clickhouse.rollup_rows import INSERT_SETTINGS, ROLLUP_COLUMNS, ROLLUP_TABLES, format_rollup_rows
from sinks.positions import LogPartition, Positions, behind, read_counted, read_stored
from sinks.postgres.raw_events import read_raw
from sinks.refill import refill_columns
from sinks.verify import Stores, chunks_of

_POLL_SECONDS = 0.1
_FOUND_SECONDS = 30
_SWEEPS = 5
# Any number that no other program is likely to lock.
_LOCK = 0x5340_1108


@dataclass(frozen=True, slots=True)
class Closing:
    """Where the dataflows close their groups.

    Attributes:
        log_id: of the event log.
        ends: for each partition, the offset of the control message.
    """

    log_id: int
    ends: list[int]

    @property
    def positions(self) -> Positions:
        """The same, as positions."""
        return {LogPartition(self.log_id, partition): end for partition, end in enumerate(self.ends)}


@dataclass(slots=True)
class RebuildReport:
    """What a rebuild did."""

    hours: int = 0
    events: int = 0
    rows: int = 0
    columnar_events: int = 0


async def _append_closing(
    open_log: Callable[[], Awaitable[EventLog]], project_id: int | None, hours: HourRange
) -> Closing:
    """Have all dataflows close their groups of a time; returns where, which is before they have done so."""
    log = await open_log()
    control = CloseGroups(str(uuid4()), project_id, hours.begin, hours.end)
    body = encode_controls([control])
    ends = []
    try:
        for partition in range(log.partitions):
            begin = await log.end(partition)
            await log.append(partition, body)
            ends.append(await _find(log, partition, begin, control.control_id))
    finally:
        await log.close()
    return Closing(log.log_id, ends)


async def _find(log: EventLog, partition: int, begin: int, control_id: str) -> int:
    """Read an appended control back: appending does not tell the offset."""
    messages = log.read(partition, begin)
    try:
        async with asyncio.timeout(_FOUND_SECONDS):
            async for message in messages:
                # Clients' text may hold the id only if they guess it; decoding settles it.
                if control_id.encode() in message.body and any(
                    control.control_id == control_id for control in decode_message(message.body).controls
                ):
                    return message.offset
    except TimeoutError as error:
        raise EventLogUnavailable(f"partition {partition} did not give back what was appended") from error
    finally:
        await messages.aclose()
    raise EventLogUnavailable(f"partition {partition} ended")


def rebuild(
    stores: Stores,
    open_log: Callable[[], Awaitable[EventLog]],
    hours: HourRange,
    project_id: int | None,
    *,
    values: int,
    columnar: bool = False,
    wait_seconds: float = 120.0,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
    chunks: Sequence[HourRange] | None = None,
    on_closed: Callable[[Closing], None] = lambda _closing: None,
) -> RebuildReport:
    """Replace the rollups of a time.

    Args:
        stores: where raw events and rollups are.
        open_log: opens the event log that the dataflows read.
        hours: which time.
        project_id: whose; ``None`` for all.
        values: values of a dimension that are told apart.
        columnar: also add missing events to the columnar copy, and what is derived from it.
        wait_seconds: how long to wait for the dataflows to close their groups.
        on_progress: told how many days are done, of how many.
        chunks: the parts of ``hours`` to count; ``None`` for all of it.
        on_closed: called when both stores hold all that is before the control message, and before anything is
            counted.

    Raises:
        DataflowStandsStill: a dataflow did not come far enough in time. No number was changed.
        RebuildRuns: another rebuild is under way.
        EventLogError: the log cannot be used. No number was changed.
    """
    # Over the control message, too: of two rebuilds, the one whose message is later has to be last.
    with _only_rebuild(stores.postgres):
        closing = asyncio.run(_append_closing(open_log, project_id, hours))
        _wait_past(stores, closing, wait_seconds)
        on_closed(closing)
        old = Superseded(stores.clickhouse, project_id, closing.log_id, closing.ends)
        report = RebuildReport()
        chunks = chunks_of(stores, hours) if chunks is None else chunks
        for done, chunk in enumerate(chunks):
            on_progress(done, len(chunks))
            if columnar:
                report.columnar_events += refill_columns(stores, chunk, project_id, closing.positions)
            raw = read_raw(stores.postgres, chunk, project_id, closing.log_id, closing.ends)
            counted = set()
            for hour in count_hours(raw, closing.ends, values):
                _replace(stores, old, hour, closing.log_id, report)
                counted.add(hour.begin)
            for begin in old.hours(chunk) - counted:
                _replace(stores, old, HourOfCells(begin, closing.ends, values), closing.log_id, report)
        for chunk in chunks:
            _sweep(stores, old, chunk, closing)
        on_progress(len(chunks), len(chunks))
    return report


def _replace(stores: Stores, old: Superseded, hour: HourOfCells, log_id: int, report: RebuildReport) -> None:
    rows = hour.rows()
    for interval, table in ROLLUP_TABLES.items():
        new = [format_rollup_rows(each, log_id) for each in rows if each.group.interval == interval]
        body = old.replacements(table, HourRange(hour.begin, hour.begin + Interval.HOUR)) + b"".join(new)
        if body:
            stores.clickhouse.raw_insert(
                table, ROLLUP_COLUMNS, body, settings=INSERT_SETTINGS, fmt="TabSeparated"
            )
    report.hours += 1
    report.events += hour.events
    report.rows += sum(len(each.totals) for each in rows)


def _sweep(stores: Stores, old: Superseded, chunk: HourRange, closing: Closing) -> None:
    """Take away what a rebuild that was killed was still writing when this one looked."""
    for _ in range(_SWEEPS):
        left = old.hours(chunk)
        for begin in left:
            _replace(stores, old, HourOfCells(begin, closing.ends, 1), closing.log_id, RebuildReport())
        if not left:
            return


def _wait_past(stores: Stores, closing: Closing, wait_seconds: float) -> None:
    target = {place: end + 1 for place, end in closing.positions.items()}
    deadline = time.monotonic() + wait_seconds
    while missing := behind(read_stored(stores.postgres), target) or behind(
        read_counted(stores.clickhouse), target
    ):
        if time.monotonic() >= deadline:
            place, position = next(iter(missing.items()))
            raise DataflowStandsStill(place.partition, position, target[place])
        time.sleep(_POLL_SECONDS)


@contextmanager
def _only_rebuild(connection: psycopg.Connection) -> Iterator[None]:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row is None or not row[0]:
        raise RebuildRuns
    try:
        yield
    finally:
        # A connection that broke has let go of it.
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
