"""Takes a person's rows out of PostgreSQL, and remembers that they are to stay out."""

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql

_RECORD = """
INSERT INTO deleted_people (log_id, log_partition, project_id, digest, before_offset, hours)
SELECT %(log_id)s, partition, %(project_id)s, digest, (%(ends)s::bigint[])[partition + 1], %(hours)s
FROM unnest(%(digests)s::bytea[]) AS digest, generate_series(0, cardinality(%(ends)s::bigint[]) - 1) AS partition
ON CONFLICT (log_id, log_partition, project_id, digest) DO UPDATE
SET before_offset = greatest(deleted_people.before_offset, excluded.before_offset), deleted_at = now(),
    hours = excluded.hours
"""
_LEFT = "SELECT DISTINCT unnest(hours) FROM deleted_people WHERE project_id = %s AND digest = ANY(%s)"
_COMPLETE = "UPDATE deleted_people SET hours = '{}' WHERE project_id = %s AND digest = ANY(%s)"
_READ = """
SELECT project_id, digest, before_offset FROM deleted_people WHERE log_id = %s AND log_partition = %s
"""
# The hash is what the index on people's timelines is of (sinks/postgres/timelines.py).
_WHOSE = """
project_id = %(project_id)s AND distinct_id = ANY(%(ids)s)
AND hashtextextended(distinct_id, 0) = ANY(SELECT hashtextextended(id, 0) FROM unnest(%(ids)s) AS id)
"""
_HOURS = f"""
SELECT DISTINCT extract(epoch FROM date_bin('1 hour', timestamp, '1970-01-01 00:00+00'))::bigint
FROM events WHERE {_WHOSE}
"""
# New events of the same ids may arrive meanwhile: those after the place of the deletion stay.
_DELETE = f"""
DELETE FROM events WHERE {_WHOSE}
AND (
    log_id <> %(log_id)s OR log_partition >= cardinality(%(ends)s::bigint[])
    OR log_offset < (%(ends)s::bigint[])[log_partition + 1]
)
"""
# A payload may be anything; an id is looked for as JSON writes it, and as the event's own id fields have it.
_DELETE_REJECTED = """
DELETE FROM rejected_events
WHERE project_id = %(project_id)s
AND EXISTS (SELECT FROM unnest(%(quoted)s::bytea[]) AS quoted WHERE position(quoted IN payload) > 0)
"""
# Calls that flows gave up: JSON as the flow made it, which mostly says whose it is.
_DELETE_DELIVERIES = """
DELETE FROM flow_failed_deliveries
WHERE EXISTS (SELECT FROM unnest(%(quoted)s::bytea[]) AS quoted WHERE position(quoted IN convert_to(body, 'UTF8')) > 0)
AND (body !~ '"project_id":\\d' OR body ~ ('"project_id":' || %(project_id)s || '\\y'))
"""
_PARTITIONS = "SELECT relid::regclass::text FROM pg_partition_tree('events') WHERE isleaf"


def record_deleted(
    connection: psycopg.Connection,
    project_id: int,
    digests: Sequence[bytes],
    log_id: int,
    ends: Sequence[int],
    hours: Iterable[int],
) -> None:
    """Remember that events of these people before an offset of each partition are to stay out.

    Args:
        connection: to PostgreSQL.
        project_id: whose people.
        digests: of their ids.
        log_id: of the event log.
        ends: for each partition, that offset.
        hours: to be counted anew.
    """
    asked = {"log_id": log_id, "project_id": project_id, "digests": list(digests), "ends": list(ends)}
    connection.execute(_RECORD, {**asked, "hours": sorted(hours)})


def hours_left(connection: psycopg.Connection, project_id: int, digests: Sequence[bytes]) -> set[int]:
    """Return the hours that a deletion which was killed has not counted anew."""
    return {hour for (hour,) in connection.execute(_LEFT, [project_id, list(digests)]).fetchall()}


def record_complete(connection: psycopg.Connection, project_id: int, digests: Sequence[bytes]) -> None:
    """Remember that all hours were counted anew."""
    connection.execute(_COMPLETE, [project_id, list(digests)])


def read_deleted(connection: psycopg.Connection, log_id: int, partition: int) -> list[tuple[int, bytes, int]]:
    """Return project, digest and offset of all that were deleted from a partition."""
    rows = connection.execute(_READ, [log_id, partition]).fetchall()
    return [(project_id, bytes(digest), before) for project_id, digest, before in rows]


def hours_of(connection: psycopg.Connection, project_id: int, ids: Sequence[str]) -> set[int]:
    """Return the hours, in seconds since 1970, of which these ids have events."""
    rows = connection.execute(_HOURS, {"project_id": project_id, "ids": list(ids)}).fetchall()
    return {hour for (hour,) in rows}


def delete_events(
    connection: psycopg.Connection, project_id: int, ids: Sequence[str], log_id: int, ends: Sequence[int]
) -> int:
    """Delete the raw events of these ids; returns how many."""
    asked = {"project_id": project_id, "ids": list(ids), "log_id": log_id, "ends": list(ends)}
    return connection.execute(_DELETE, asked).rowcount


def delete_rejected(connection: psycopg.Connection, project_id: int, quoted: Sequence[bytes]) -> int:
    """Delete the rejected events whose payload holds one of these byte strings; returns how many."""
    return connection.execute(_DELETE_REJECTED, {"project_id": project_id, "quoted": list(quoted)}).rowcount


def delete_failed_deliveries(
    connection: psycopg.Connection, project_id: int, quoted: Sequence[bytes]
) -> None:
    """Delete the calls of webhooks that were given up and hold one of these byte strings."""
    connection.execute(_DELETE_DELIVERIES, {"project_id": project_id, "quoted": list(quoted)})


def vacuum_events(connection: psycopg.Connection) -> None:
    """Have PostgreSQL overwrite the space of deleted rows now; ``connection`` is in autocommit mode."""
    for (partition,) in connection.execute(_PARTITIONS).fetchall():
        connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(partition)))
    connection.execute("VACUUM rejected_events")
