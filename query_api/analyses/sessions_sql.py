"""The statement about sessions. Pure."""

from itertools import pairwise
from typing import NamedTuple

from query_api.analyses.bucket_places import bucket_place
from query_api.buckets import Buckets
from query_api.questions.bindings import SqlPart
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import TRUE
from query_api.questions.people_sql import LINKED_PEOPLE
from query_api.questions.ranges import MAX_BUCKETS
from query_api.questions.scope import Scope

DURATION_EDGES = (0, 10, 30, 60, 180, 600, 1800, 3600)
"""Seconds at which the bars of the histogram begin; the last one is open."""
DURATIONS: tuple[tuple[int, int | None], ...] = (*pairwise(DURATION_EDGES), (DURATION_EDGES[-1], None))
MOST_EVENTS = 20
"""First and last events of sessions that are listed."""
_MICROS = 1_000_000
_DAY_MICROS = 86_400 * _MICROS


class SessionsRow(NamedTuple):
    """Numbers of some sessions: of all, or of those with one bucket, length, first or last event."""

    part: str
    """``all``, ``bucket``, ``duration``, ``entry`` or ``exit``."""
    place: int
    """Of the bucket, or in :data:`DURATION_EDGES`."""
    event: str
    sessions: int
    people: int
    average_seconds: float | None
    median_seconds: float | None
    bounces: int
    events: int


def sessions_statement(scope: Scope, buckets: Buckets, where: SqlPart) -> str:
    """Return a statement of :class:`SessionsRow`.

    Args:
        scope: of the statement.
        buckets: when sessions begin.
        where: a condition on the events relation; sessions that hold such an event are counted, with all of their events.
    """
    whole = scope.bindings.whole
    begin = f"fromUnixTimestamp64Micro({whole(buckets.start * _MICROS)}, 'UTC')"
    end = f"fromUnixTimestamp64Micro({whole(buckets.end * _MICROS)}, 'UTC')"
    edges = scope.bindings.put(list(DURATION_EDGES), "Array(Int64)")
    # What a session began with decides, so that all of its rows are needed, and no row by itself says whether it is one.
    # Hashes take a quarter of the memory of ids; where two are alike, the check of the beginning below decides.
    which = f"""cityHash64(session_id) IN (
        SELECT cityHash64(session_id) FROM sessions WHERE project_id = {{project_id:UInt32}} AND started_at >= {begin} AND started_at < {end}
    )"""
    if where.text != TRUE:
        until = buckets.end * _MICROS + _DAY_MICROS
        relation = events_relation(scope, buckets.start * _MICROS, until, once=False, where=where)
        which += f" AND session_id IN (SELECT DISTINCT session_id FROM {relation} WHERE session_id != '')"
    sessions = f"""(
        SELECT session_id,
            any(sessions.distinct_id) AS whose,
            min(sessions.started_at) AS timestamp,
            dateDiff('microsecond', timestamp, max(sessions.ended_at)) / 1e6 AS seconds,
            uniqMerge(sessions.events) AS n,
            toString(argMinMerge(sessions.entry)) AS first_event,
            toString(argMaxMerge(sessions.exit)) AS last_event
        FROM sessions
        WHERE project_id = {{project_id:UInt32}} AND {which}
        GROUP BY session_id
        HAVING timestamp >= {begin} AND timestamp < {end}
    )"""
    person = "whose"
    if scope.linked:
        sessions += f" AS found LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = found.whose"
        person = "if(linked.person_id = '', whose, linked.person_id)"
    return f"""
SELECT
    multiIf(grouping(bucket) = 0, 'bucket', grouping(bar) = 0, 'duration', grouping(first_event) = 0, 'entry',
        grouping(last_event) = 0, 'exit', 'all') AS part,
    toInt64(if(part = 'bucket', bucket, bar)) AS place,
    if(part = 'entry', first_event, last_event) AS event,
    count() AS total, uniqExact(person), avg(seconds), quantileExactInclusive(0.5)(seconds), countIf(n = 1), sum(n)
FROM (
    SELECT {person} AS person, {bucket_place(buckets, scope.bindings)} AS bucket,
        toInt64(roundDown(toInt64(floor(seconds)), {edges})) AS bar, first_event, last_event, seconds, n
    FROM {sessions}
)
GROUP BY GROUPING SETS ((), (bucket), (bar), (first_event), (last_event))
ORDER BY part, total DESC, event
LIMIT {whole(MAX_BUCKETS)} BY part
SETTINGS max_bytes_before_external_group_by = 134217728, output_format_json_quote_denormals = 0
"""
