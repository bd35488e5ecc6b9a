"""The index on people's timelines, which finds the events that a deletion of a person is about.

A day gets its index once it is over. Made at once from all rows, it costs a fraction of what it costs row by
row while the day's events stream in. Until then a deletion reads the day's table from end to end.
"""

from datetime import datetime, timedelta

import psycopg
import structlog
from psycopg import sql

from sinks.postgres.raw_events import partition_span

_log = structlog.get_logger()

_SETTLED = timedelta(hours=1)
"""After the end of a day, the time in which most of its late events arrive."""
# Any number that no other program is likely to lock.
_LOCK = 0x5340_110A
# A partition and its index, with whether the index is valid: one whose making was killed is not.
_PARTITIONS = """
SELECT leaf.relname, made.relname, coalesce(pg_index.indisvalid, false)
FROM pg_partition_tree('events') AS tree
JOIN pg_class AS leaf ON leaf.oid = tree.relid
LEFT JOIN pg_class AS made ON made.relname = leaf.relname || '_timeline' AND made.relnamespace = leaf.relnamespace
LEFT JOIN pg_index ON pg_index.indexrelid = made.oid
WHERE tree.isleaf ORDER BY leaf.relname
"""


def index_timelines(connection: psycopg.Connection, now: datetime) -> list[str]:
    """Make the index of every partition whose time is over and that has none; nobody waits for it meanwhile.

    Args:
        connection: in autocommit mode.
        now: aware.

    Returns:
        The partitions that have one now and had none before.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row is None or not row[0]:
        return []
    try:
        return [
            name
            for name, index, is_valid in connection.execute(_PARTITIONS).fetchall()
            if not is_valid and _is_over(name, now) and _index(connection, name, index)
        ]
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _is_over(partition: str, now: datetime) -> bool:
    span = partition_span(partition)
    return span is not None and span[1] + _SETTLED <= now


def _index(connection: psycopg.Connection, partition: str, broken: str | None) -> bool:
    if broken is not None:
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(broken)))
    # A hash is a fifth of the size of the ids that people use.
    connection.execute(
        sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} (hashtextextended(distinct_id, 0), timestamp)").format(
            sql.Identifier(f"{partition}_timeline"), sql.Identifier(partition)
        )
    )
    _log.info("indexed people's timelines", partition=partition)
    return True
