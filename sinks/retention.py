"""Deletes events and numbers that are older than their project keeps them.

Days are those of UTC, and a project is pruned once a day. Whoever is killed in between leaves nothing wrong:
the same is deleted again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.deletion import delete_rows
from sinks.verify import Stores

_DUE = """
SELECT project_id, retention_days FROM projects
WHERE retention_days IS NOT NULL
    AND pruned_before IS DISTINCT FROM
        date_trunc('day', %(now)s, 'UTC') - make_interval(days => retention_days)
ORDER BY project_id
"""
_DELETE = "DELETE FROM events WHERE project_id = %s AND timestamp < %s"
_DELETE_REJECTED = "DELETE FROM rejected_events WHERE project_id = %s AND received_at < %s"
_PRUNED = "UPDATE projects SET pruned_before = %s WHERE project_id = %s"
# Any number that no other program is likely to lock.
_LOCK = 0x5340_1109
_COLUMNS = {
    "events": "timestamp",
    "rollup_minute": "bucket",
    "rollup_hour": "bucket",
    "distinct_users_hour": "bucket",
    "distinct_users_day": "bucket",
    "sessions": "ended_at",
}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted of one project."""

    project_id: int
    before: datetime
    events: int
    """Raw events."""


def prune(stores: Stores, now: datetime) -> list[Pruned]:
    """Delete what is due; returns what that was.

    Args:
        stores: both; PostgreSQL in autocommit mode.
        now: aware.
    """
    row = stores.postgres.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row is None or not row[0]:
        return []
    try:
        due = stores.postgres.execute(_DUE, {"now": now}).fetchall()
        return [_prune_project(stores, project_id, _cutoff(now, days)) for project_id, days in due]
    finally:
        if not stores.postgres.broken:
            stores.postgres.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _cutoff(now: datetime, days: int) -> datetime:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


def _prune_project(stores: Stores, project_id: int, before: datetime) -> Pruned:
    # Raw events last: they are what everything else can be made of again.
    _prune_clickhouse(stores.clickhouse, project_id, before)
    deleted = stores.postgres.execute(_DELETE, [project_id, before]).rowcount
    stores.postgres.execute(_DELETE_REJECTED, [project_id, before])
    stores.postgres.execute(_PRUNED, [before, project_id])
    return Pruned(project_id, before, deleted)


def _prune_clickhouse(client: Client, project_id: int, before: datetime) -> None:
    asked = {"project_id": project_id, "before": int(before.timestamp())}
    for table, column in _COLUMNS.items():
        which = f"project_id = {{project_id:UInt32}} AND {column} < toDateTime({{before:Int64}}, 'UTC')"
        # A mutation rewrites whole parts, so one that deletes nothing is not begun.
        if client.query(f"SELECT 1 FROM {table} WHERE {which} LIMIT 1", parameters=asked).result_rows:
            delete_rows(client, table, which, asked)
