"""Statements of trends. They answer rows of (series, kind, value, start, n), see query_api/trend_rows.py. Pure.

Those over rollups take ``project_id``, ``start``, ``end``, ``run_starts`` and ``run_steps`` (:func:`bucket_values`)
besides what they say; those over events are made for one question, with its bindings.
"""

from itertools import product
from typing import Any

from query_api.buckets import Buckets
from query_api.plan import Source
from query_api.questions.attributes import EVENT_NAME, event_attribute
from query_api.questions.events_relation import events_relation
from query_api.questions.filters import Group
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, Measure, Selector, selector_sql

_MICROS = 1_000_000

# The start of the bucket that a time falls into; query_api/buckets.py explains the runs.
BUCKET_START = """
    roundDown(at, {run_starts:Array(Int64)}) AS run,
    transform(run, {run_starts:Array(Int64)}, {run_steps:Array(Int64)}, toInt64(1)) AS step,
    run + intDiv(at - run, step) * step AS start
"""
# Bounds before 1970 are 1970: a bucket's start has 32 bits, without a sign.
_ROLLUP_RANGE = """project_id = {project_id:UInt32}
    AND bucket >= toDateTime({start:Int64}, 'UTC') AND bucket < toDateTime({end:Int64}, 'UTC')"""

# Named events get a series each; otherwise one series counts all of them.
_SERIES = {True: "event", False: "''"}
_WHICH_EVENTS = {True: " AND event IN {events:Array(String)}", False: ""}
# Of all events together there are sets of their own, under the name that no event has.
_WHICH_SETS = {True: " AND event IN {events:Array(String)} AND event != ''", False: " AND event = ''"}

_COUNTS = """
WITH toInt64(toUnixTimestamp(bucket)) AS at,{bucket_start}
SELECT {series} AS series, 'total', '', start, sum(total)
FROM {table} FINAL
WHERE {range}{which} AND dimension = ''
GROUP BY series, start
"""

# Rows of query_api/set_sizes.py. The number for the whole range counts what is known, too: its union is made anew.
# Many days may have equal sets, so the place is a part of the content: else a day with two sets would seem known.
_USERS = """
SELECT series, moment, uniqCombined64MergeIf(users, moment IS NULL OR NOT is_known), count(),
    countIf(is_known), any(content)
FROM (
    WITH toInt64(toUnixTimestamp(bucket)) AS at,{bucket_start}
    SELECT {series} AS series, start, users,
        cityHash64(series, start, CAST(users, 'String')) AS content, has({known:Array(UInt64)}, content) AS is_known
    FROM {table}
    WHERE {range}{sets}
)
ARRAY JOIN [start, NULL] AS moment
GROUP BY series, moment
"""

# Where the guard has cut values off, or dimensions, some of what is asked for may be among them.
_CELLS = """
WITH toInt64(toUnixTimestamp(bucket)) AS at,{bucket_start}
SELECT {series} AS series, if(dimension = '$other' OR value = '$other', 'cut', 'total') AS kind, '', start, sum(total)
FROM {table} FINAL
WHERE {range}{which}
    AND (dimension = {dimension:String} AND (value IN {values:Array(String)} OR value = '$other')
        OR dimension = '$other')
GROUP BY series, kind, start
"""

_BREAKDOWN = """
SELECT series, kind, if(kind = 'value', value, '') AS label, start, sum(n)
FROM (
    SELECT series, value, start, n,
        dense_rank() OVER (PARTITION BY series, of, guard ORDER BY weight DESC, value) AS rank,
        multiIf(
            of = '', 'total',
            of = '$other', 'cut',
            guard, 'guard',
            {chosen}, 'value',
            'rest'
        ) AS kind
    FROM (
        SELECT *, sum(n) OVER (PARTITION BY series, of, value) AS weight, value = '$other' AS guard
        FROM (
            WITH toInt64(toUnixTimestamp(bucket)) AS at,{bucket_start}
            SELECT {series} AS series, {cells}, start, sum(total) AS n
            FROM {table} FINAL
            WHERE {range}{which} AND dimension IN {dimensions}
            GROUP BY series, of, value, start
        )
    )
)
GROUP BY series, kind, label, start
"""
_CHOSEN = {False: "rank <= {limit:UInt32}", True: "value IN {values:Array(String)}"}
# By name, the cells that count all of an event are told apart; of events nothing is cut off.
_CELLS_BY = {
    False: ("dimension AS of, value", "('', '$other', {breakdown:String})"),
    True: (f"'{EVENT_NAME}' AS of, toString(event) AS value", "('')"),
}

# Distinct people, the least and the most are the same when a row comes twice.
_ALIKE_TWICE = {Measure.USERS, Measure.MINIMUM, Measure.MAXIMUM}
_AGGREGATES = {
    Measure.EVENTS: "count()",
    Measure.USERS: "uniqExact(person)",
    Measure.SUM: "ifNull(sum(number), 0)",
    Measure.AVERAGE: "avg(number)",
    Measure.MINIMUM: "min(number)",
    Measure.MAXIMUM: "max(number)",
    Measure.MEDIAN: "quantileExactInclusive(0.5)(number)",
    Measure.P90: "quantileExactInclusive(0.9)(number)",
    Measure.P95: "quantileExactInclusive(0.95)(number)",
    Measure.P99: "quantileExactInclusive(0.99)(number)",
    Measure.EVENTS_PER_USER: "count() / uniqExact(person)",
}
# By how much of it there is; where that makes no sense, by how often it came.
_RANKED_BY_ITSELF = {Measure.EVENTS, Measure.USERS, Measure.SUM}

_FROM_EVENTS = """
SELECT '', kind, label, if(grouping(start) = 1, NULL, start), {aggregate}
FROM {rows}
GROUP BY GROUPING SETS ((kind, label, start), (kind, label))
"""

_FIRST_SEEN = """
SELECT '', kind, label, start, count()
FROM (SELECT kind, label, person, min(start) AS start FROM {rows} GROUP BY kind, label, person)
GROUP BY kind, label, start
"""

_ROWS = """(
    WITH toInt64(toUnixTimestamp(timestamp)) AS at,{bucket_start}
    SELECT person, start, {number} AS number, {kind} AS kind, {label} AS label
    FROM {relation}
)"""

_TOP = """
SELECT assumeNotNull(breakdown) AS value
FROM (SELECT person, breakdown, {number} AS number FROM {relation})
WHERE breakdown IS NOT NULL AND breakdown != '$other'
GROUP BY breakdown
ORDER BY {rank} DESC, value
LIMIT {limit}
"""


def bucket_values(buckets: Buckets) -> dict[str, Any]:
    """Return the values by which statements over rollups know the buckets."""
    return {
        "start": max(0, buckets.start),
        "end": max(0, buckets.end),
        "run_starts": [run.start for run in buckets.runs],
        "run_steps": [run.step for run in buckets.runs],
    }


def filled(template: str, **fragments: str) -> str:
    """Put constant fragments into a statement; ``str.format`` would trip over the braces of bound values."""
    for name, fragment in fragments.items():
        template = template.replace("{" + name + "}", fragment)
    return template


def _over_rollups(
    template: str, source: Source, *, named: bool, chosen: bool = False, by_name: bool = False
) -> str:
    cells, dimensions = _CELLS_BY[by_name]
    return filled(
        template,
        cells=cells,
        dimensions=dimensions,
        series=_SERIES[named],
        which=_WHICH_EVENTS[named],
        sets=_WHICH_SETS[named],
        bucket_start=BUCKET_START,
        table=source.value,
        range=_ROLLUP_RANGE,
        chosen=_CHOSEN[chosen],
    )


_ROLLUPS = (Source.ROLLUP_HOUR, Source.ROLLUP_MINUTE)
_SETS = (Source.DISTINCT_USERS_DAY, Source.DISTINCT_USERS_HOUR)
COUNTS = {
    (source, named): _over_rollups(_COUNTS, source, named=named)
    for source, named in product(_ROLLUPS, (False, True))
}
"""All of an event, by (source, whether for the named ``events`` only)."""
USERS = {
    (source, named): _over_rollups(_USERS, source, named=named)
    for source, named in product(_SETS, (False, True))
}
"""Distinct users, likewise; takes also ``known``."""
CELLS = {
    (source, named): _over_rollups(_CELLS, source, named=named)
    for source, named in product(_ROLLUPS, (False, True))
}
"""Those of some ``values`` of a ``dimension``, likewise."""
BREAKDOWNS = {
    (source, named, chosen, by_name): _over_rollups(
        _BREAKDOWN, source, named=named, chosen=chosen, by_name=by_name
    )
    for source, named, chosen, by_name in product(_ROLLUPS, (False, True), (False, True), (False, True))
}
"""By the values of ``breakdown``, or by name: the most frequent up to ``limit``, or, when chosen, ``values``."""


def numbers_from_events(
    scope: Scope,
    selector: Selector,
    measure: Measure,
    property_name: str | None,
    buckets: Buckets,
    *,
    also: Group | None = None,
    breakdown: Breakdown | None = None,
    values: tuple[str, ...] = (),
    cumulative: bool = False,
) -> str:
    """Return the statement of one series.

    Args:
        scope: of the statement.
        selector: which events.
        measure: what is made of them.
        property_name: of the measure.
        buckets: when.
        also: a further filter.
        breakdown: by what to tell apart.
        values: which of its values; all others are one.
        cumulative: of users: each counts only in the bucket in which it is first seen.
    """
    kind, label = "'total'", "''"
    if breakdown is not None:
        chosen = scope.bindings.texts(values)
        kind = f"multiIf(breakdown IS NULL, 'none', has({chosen}, assumeNotNull(breakdown)), 'value', 'rest')"
        label = "if(kind = 'value', assumeNotNull(breakdown), '')"
    starts = scope.bindings.put([run.start for run in buckets.runs], "Array(Int64)")
    steps = scope.bindings.put([run.step for run in buckets.runs], "Array(Int64)")
    start = BUCKET_START.replace("{run_starts:Array(Int64)}", starts).replace(
        "{run_steps:Array(Int64)}", steps
    )
    rows = filled(
        _ROWS,
        bucket_start=start,
        number=_number(scope, property_name),
        kind=kind,
        label=label,
        relation=_relation(scope, selector, measure, buckets, also, breakdown),
    )
    if cumulative and measure is Measure.USERS:
        return filled(_FIRST_SEEN, rows=rows)
    return filled(_FROM_EVENTS, aggregate=_AGGREGATES[measure], rows=rows)


def top_values(
    scope: Scope,
    selector: Selector,
    measure: Measure,
    property_name: str | None,
    buckets: Buckets,
    breakdown: Breakdown,
    *,
    also: Group | None = None,
) -> str:
    """Return the statement of the values that a breakdown of one series tells apart; rows of one text."""
    by_itself = measure in _RANKED_BY_ITSELF
    return filled(
        _TOP,
        number=_number(scope, property_name),
        relation=_relation(
            scope, selector, measure if by_itself else Measure.EVENTS, buckets, also, breakdown
        ),
        rank=_AGGREGATES[measure if by_itself else Measure.EVENTS],
        limit=scope.bindings.whole(breakdown.limit),
    )


def _number(scope: Scope, property_name: str | None) -> str:
    return "0" if property_name is None else event_attribute(property_name, scope.bindings).number


def _relation(
    scope: Scope,
    selector: Selector,
    measure: Measure,
    buckets: Buckets,
    also: Group | None,
    breakdown: Breakdown | None,
) -> str:
    return events_relation(
        scope,
        buckets.start * _MICROS,
        buckets.end * _MICROS,
        once=measure not in _ALIKE_TWICE,
        where=selector_sql(selector, scope, also),
        breakdown=breakdown,
    )
