"""Takes a person's rows out of ClickHouse."""

from collections.abc import Iterable, Sequence

from clickhouse_connect.driver.client import Client

from schemas.rollup import HourRange
from sinks.clickhouse.cells import derive_from_columnar
from sinks.clickhouse.deletion import THE_TABLE, delete_rows
from sinks.clickhouse.rollup_rows import ROLLUP_TABLES

_IDS = "{ids:Array(String)}"
_OF_PROJECT = "project_id = {project_id:UInt32}"
_BEFORE = (
    "(log_id != {log_id:Int64} OR log_partition >= length({ends:Array(UInt64)}) "
    "OR log_offset < {ends:Array(UInt64)}[log_partition + 1])"
)
_HOURS = f"""
SELECT DISTINCT toUnixTimestamp(toStartOfHour(timestamp)) FROM events WHERE {_OF_PROJECT} AND distinct_id IN {_IDS}
"""
_DELETE = {
    "events": f"{_OF_PROJECT} AND distinct_id IN {_IDS} AND {_BEFORE}",
    "sessions": f"{_OF_PROJECT} AND distinct_id IN {_IDS}",
    "identity_links": f"{_OF_PROJECT} AND (distinct_id IN {_IDS} OR other_id IN {_IDS})",
    "people": f"{_OF_PROJECT} AND (distinct_id IN {_IDS} OR person_id IN {_IDS})",
    "person_facts": f"{_OF_PROJECT} AND of = 'person' AND holder IN {_IDS}",
}
# A set of ids gives none of them back: the sets of those hours are made anew from the events that stay, and those
# of their days from the sets of all other hours, too.
_DAYS = "arrayMap(hour -> intDiv(hour, 86400) * 86400, {hours:Array(UInt32)})"
_DELETE_USERS = {
    "distinct_users_hour": f"{_OF_PROJECT} AND toUnixTimestamp(bucket) IN {{hours:Array(UInt32)}}",
    "distinct_users_day": f"{_OF_PROJECT} AND toUnixTimestamp(bucket) IN {_DAYS}",
}
_OTHER_HOURS = f"""
INSERT INTO distinct_users_day (project_id, event, bucket, users)
SELECT project_id, event, toStartOfDay(hour) AS bucket, uniqCombined64MergeState(users)
FROM (SELECT project_id, event, bucket AS hour, users FROM distinct_users_hour WHERE {_OF_PROJECT})
WHERE toUnixTimestamp(toStartOfDay(hour)) IN {_DAYS}
GROUP BY project_id, event, bucket
"""


_CELL = "dimension, event, bucket, value"
_OF_HOURS = f"{_OF_PROJECT} AND toUnixTimestamp(toStartOfHour(bucket)) IN {{hours:Array(UInt32)}}"
_EMPTY_CELLS = f"""
{_OF_HOURS} AND ({_CELL}) NOT IN (SELECT {_CELL} FROM {THE_TABLE} FINAL WHERE {_OF_HOURS} AND total > 0)
"""


def hours_of(client: Client, project_id: int, ids: Sequence[str]) -> set[int]:
    """Return the hours, in seconds since 1970, of which these ids have events."""
    rows = client.query(_HOURS, parameters={"project_id": project_id, "ids": list(ids)}).result_rows
    return {hour for (hour,) in rows}


def delete_empty_cells(client: Client, project_id: int, hours: Iterable[int]) -> None:
    """Delete the rows of cells that count nothing any more, once their hours were counted anew.

    A rebuild leaves them, with a total of 0, so that a replay of the log does not bring their old totals
    back. But their values may be a person's own words, and are those of deleted events only, over which a
    replay passes.
    """
    wanted = sorted(hours)
    for table in ROLLUP_TABLES.values():
        delete_rows(client, table, _EMPTY_CELLS, {"project_id": project_id, "hours": wanted})


def delete_person(
    client: Client,
    project_id: int,
    ids: Sequence[str],
    hours: Iterable[int],
    log_id: int,
    ends: Sequence[int],
) -> None:
    """Delete the columnar events of these ids and all that was derived from them, but for the rollups.

    Args:
        client: to ClickHouse.
        project_id: whose person.
        ids: all ids of the person.
        hours: of which they have events.
        log_id: of the event log.
        ends: for each partition of it, the offset from which events stay.
    """
    wanted = sorted(hours)
    asked = {"project_id": project_id, "ids": list(ids), "log_id": log_id, "ends": list(ends)}
    for table, where in _DELETE.items():
        delete_rows(client, table, where, asked)
    of_hours = {"project_id": project_id, "hours": wanted}
    for table, where in _DELETE_USERS.items():
        delete_rows(client, table, where, of_hours)
    client.command(_OTHER_HOURS, parameters=of_hours)
    for hour in wanted:
        derive_from_columnar(client, HourRange(hour, hour + 3600), project_id)
