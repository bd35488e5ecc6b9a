"""The statement about sessions. Pure."""

from itertools import pairwise
from typing import NamedTuple

from query_api.analyses.bucket_places import bucket_place
from query_api.buckets import Buckets
from query_api.questions.bindings import SqlPart
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import TRUE
from query_api.questions.people_sql import LINKED_PEOPLE
from query_api.questions.scope import Scope

DURATION_EDGES = (0, 10, 30, 60, 180, 600, 1800, 3600)
"""Seconds at which the bars of the histogram begin; the last one is open."""
DURATIONS: tuple[tuple[int, int | None], ...] = (*pairwise(DURATION_EDGES), (DURATION_EDGES[-1], None))
MOST_EVENTS = 20
"""First and last events of sessions that are listed."""
WHOLE = -1
"""Place of the row of all sessions."""
_MICROS = 1_000_000
_DAY_MICROS = 86_400 * _MICROS


class SessionsRow(NamedTuple):
    """Numbers of some sessions: of one bucket, or of all."""

    place: int
    """Of the bucket; :data:`WHOLE` of all."""
    sessions: int
    people: int
    """Only of all, like the lists below."""
    average_seconds: float | None
    median_seconds: float | None
    bounces: int
    events: int
    durations: list[tuple[int, int]]
    """Sessions by the beginning of their bar, one of :data:`DURATION_EDGES`."""
    entries: list[tuple[str, int]]
    """Sessions by their first event, the most frequent first."""
    exits: list[tuple[str, int]]
    """Likewise by their last event."""


def sessions_statement(scope: Scope, buckets: Buckets, where: SqlPart) -> str:
    """Return a statement of :class:`SessionsRow`.

    ``FINAL`` puts sessions together in the order of the table, in little memory. Each counts in its bucket and in the
    whole; what is wanted of the whole only is only counted there, in maps, because groupings of their own cost more.

    Args:
        scope: of the statement.
        buckets: when sessions begin.
        where: a condition on the events relation; sessions that hold such an event are counted, with all of their events.
    """
    whole = scope.bindings.whole
    edges = scope.bindings.put(list(DURATION_EDGES), "Array(Int64)")
    sessions = _sessions(scope, buckets, where)
    person = "whose"
    if scope.linked:
        sessions += f" AS found LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = found.whose"
        person = "if(linked.person_id = '', whose, linked.person_id)"
    most = whole(MOST_EVENTS)
    bars, entries, exits = (
        f"arraySlice(arraySort(x -> (-x.2, x.1), arrayZip(mapKeys({name}), mapValues({name}))), 1, {most})"
        for name in ("bars", "entries", "exits")
    )
    return f"""
SELECT place, total, people, average, median, bounces, n_events, {bars}, {entries}, {exits}
FROM (
    SELECT place, count() AS total, uniqExactIf(person, place < 0) AS people, avg(seconds) AS average,
        quantileExactInclusive(0.5)(seconds) AS median, countIf(n = 1) AS bounces, sum(n) AS n_events,
        sumMapIf(map(bar, 1), place < 0) AS bars,
        sumMapIf(map(first_event, 1), place < 0) AS entries,
        sumMapIf(map(last_event, 1), place < 0) AS exits
    FROM (
        SELECT arrayJoin([toInt64({bucket_place(buckets, scope.bindings)}), {WHOLE}]) AS place, {person} AS person,
            toInt64(roundDown(toInt64(floor(seconds)), {edges})) AS bar, first_event, last_event, seconds, n
        FROM {sessions}
    )
    GROUP BY place
)
SETTINGS max_bytes_before_external_group_by = 134217728, output_format_json_quote_denormals = 0
"""


def _sessions(scope: Scope, buckets: Buckets, where: SqlPart) -> str:
    """Return a subquery, in brackets, with a row for each session that begins in the buckets and holds such an event."""
    whole = scope.bindings.whole
    begin = f"fromUnixTimestamp64Micro({whole(buckets.start * _MICROS)}, 'UTC')"
    end = f"fromUnixTimestamp64Micro({whole(buckets.end * _MICROS)}, 'UTC')"
    # What a session began with decides, so that all of its rows are needed, and no row by itself says whether it is one.
    # Hashes take a quarter of the memory of ids; where two are alike, the check of the beginning below decides.
    # PREWHERE comes before rows are put together, so it only looks at what they have in common.
    which = f"""cityHash64(session_id) IN (
        SELECT cityHash64(session_id) FROM sessions WHERE project_id = {{project_id:UInt32}} AND started_at >= {begin} AND started_at < {end}
    )"""
    if where.text != TRUE:
        until = buckets.end * _MICROS + _DAY_MICROS
        relation = events_relation(scope, buckets.start * _MICROS, until, once=False, where=where)
        which += f" AND session_id IN (SELECT DISTINCT session_id FROM {relation} WHERE session_id != '')"
    return f"""(
        SELECT distinct_id AS whose,
            started_at AS timestamp,
            dateDiff('microsecond', started_at, ended_at) / 1e6 AS seconds,
            finalizeAggregation(sessions.events) AS n,
            toString(finalizeAggregation(sessions.entry)) AS first_event,
            toString(finalizeAggregation(sessions.exit)) AS last_event
        FROM sessions FINAL
        PREWHERE project_id = {{project_id:UInt32}} AND {which}
        WHERE started_at >= {begin} AND started_at < {end}
    )"""
