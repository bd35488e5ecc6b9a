"""The statement about retention. Pure."""

from enum import StrEnum
from typing import NamedTuple

from query_api.analyses.bucket_places import bucket_place
from query_api.analyses.marked_events import marked_events
from query_api.buckets import Buckets
from query_api.questions.filters import Group
from query_api.questions.scope import Scope
from query_api.questions.selectors import Selector

_MICROS = 1_000_000


class Kind(StrEnum):
    """When somebody starts."""

    FIRST_TIME = "first_time"
    RECURRING = "recurring"


class RetentionRow(NamedTuple):
    """The people who started in one period and came back in another."""

    place: int
    """Of the period in which they started, from 0."""
    after: int
    """Periods until they came back; 0 for all who started."""
    people: int


class Asked(NamedTuple):
    """Who starts and who comes back."""

    start: Selector
    returning: Selector
    kind: Kind
    periods: int
    """Of an answer's row."""
    filter: Group | None


def retention_statement(asked: Asked, scope: Scope, buckets: Buckets, rows: int) -> str:
    """Return a statement of :class:`RetentionRow`; what nobody did has no row.

    Every number is one of distinct people, so rows that arrived twice change nothing.

    Args:
        asked: what is asked for.
        scope: of the statement.
        buckets: the periods in which people start, and all after those that may be asked about.
        rows: how many of them are periods to start in; the first ones.
    """
    whole = scope.bindings.whole
    begin, end = buckets.start * _MICROS, buckets.end * _MICROS
    within = f"timestamp >= fromUnixTimestamp64Micro({whole(begin)}, 'UTC')"
    starts_end = f"timestamp < fromUnixTimestamp64Micro({whole(buckets.bounds[rows] * _MICROS)}, 'UTC')"
    is_start, is_return = f"(is_0 AND {starts_end})", f"(is_1 AND {within})"
    place = f"if({within}, {bucket_place(buckets, scope.bindings)}, toUInt16(0))"
    if asked.kind is Kind.FIRST_TIME:
        # The first start ever decides, so that the whole history has to be looked at.
        begin = 0
        starts = f"[argMinIf(place, timestamp, {is_start})]"
        is_one = f"countIf({is_start}) > 0 AND minIf({within}, {is_start})"
    else:
        starts = f"groupUniqArrayIf(place, {is_start})"
        is_one = "notEmpty(starts)"
    selectors = (asked.start, asked.returning)
    relation = marked_events(scope, begin, end, selectors, asked.filter, only=f"({is_start} OR {is_return})")
    return f"""
SELECT began, after, count() AS people
FROM (
    SELECT arrayJoin(starts) AS began, arrayJoin(arrayPushFront(
        arrayMap(
            x -> toInt32(x) - began,
            arrayFilter(x -> x > began AND x < began + {whole(asked.periods)}, returns)
        ), toInt32(0)
    )) AS after
    FROM (
        SELECT person, {starts} AS starts, groupUniqArrayIf(place, {is_return}) AS returns
        FROM (SELECT person, timestamp, is_0, is_1, {place} AS place FROM {relation})
        GROUP BY person
        HAVING {is_one}
    )
)
GROUP BY began, after
"""
