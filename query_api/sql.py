"""Every statement that the query API runs. Values are bound by the server, never written into the text.

All statements take ``project_id``, which comes from the key alone. The variants below differ in
constant fragments only, and are put together once, when this module is imported.
"""

from itertools import product

from query_api.plan import Measure, Source

# Rows that arrived twice must count once. A row and its repetition are always in the same partition.
FINAL_SETTINGS = {"do_not_merge_across_partitions_select_final": 1}

NEWEST_LOG_TIME = "SELECT max(log_time) FROM sink_positions"
"""PostgreSQL: arrival of the newest event that is stored."""

STORED_POSITIONS = "SELECT log_id, log_partition, next_offset, log_time FROM sink_positions"
"""PostgreSQL: how far each partition of each event log is stored; for metrics, so of all projects."""

STORES_ALIVE = "SELECT 1"

TOTALS_BY_EVENT = """
SELECT event, sum(total) AS n
FROM rollup_hour FINAL
WHERE project_id = {project_id:UInt32} AND dimension = ''
GROUP BY event
ORDER BY n DESC, event
"""

UNIQUE_USERS = """
SELECT uniqCombined64Merge(users)
FROM distinct_users_hour
WHERE project_id = {project_id:UInt32}
"""

NEWEST_HOUR = """
SELECT max(toUnixTimestamp(bucket))
FROM rollup_hour
WHERE project_id = {project_id:UInt32} AND dimension = ''
    AND bucket <= toDateTime({before_seconds:Int64}, 'UTC')
"""

# The inner query reads one narrow column to find how far back the answer reaches; only the rows
# after that are read whole. Rows that arrived twice are alike, so any one of them will do, without
# the cost of FINAL.
NEWEST_EVENTS = """
WITH
    fromUnixTimestamp64Micro({before:Int64}, 'UTC') AS before,
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since,
    (
        SELECT min(timestamp) FROM (
            SELECT timestamp FROM events
            WHERE project_id = {project_id:UInt32} AND timestamp >= since AND timestamp <= before
            ORDER BY timestamp DESC
            LIMIT {scan:UInt32}
        )
    ) AS reach
SELECT event, distinct_id, properties, toUnixTimestamp64Micro(timestamp), session_id, toString(event_id)
FROM events
PREWHERE timestamp >= reach
WHERE project_id = {project_id:UInt32} AND timestamp >= since AND timestamp <= before
    AND (timestamp, event_id) < (before, {before_id:UUID})
ORDER BY timestamp DESC, event_id DESC
LIMIT 1 BY timestamp, event_id
LIMIT {limit:UInt32}
"""

# The start of the bucket that a time falls into; query_api/buckets.py explains the runs.
_START = """
    roundDown(at, {run_starts:Array(Int64)}) AS run,
    transform(run, {run_starts:Array(Int64)}, {run_steps:Array(Int64)}, toInt64(1)) AS step,
    run + intDiv(at - run, step) * step AS start
"""
_ROLLUP_RANGE = """project_id = {project_id:UInt32}
    AND bucket >= toDateTime({start:Int64}, 'UTC') AND bucket < toDateTime({end:Int64}, 'UTC')"""
_EVENTS_RANGE = """project_id = {project_id:UInt32}
    AND timestamp >= toDateTime64({start:Int64}, 6, 'UTC') AND timestamp < toDateTime64({end:Int64}, 6, 'UTC')"""

# Named events get a series each; otherwise one series counts all of them.
_SERIES = {True: "event", False: "''"}
_WHICH_EVENTS = {True: " AND event IN {events:Array(String)}", False: ""}

# Every statement about trends answers rows of (series, kind, value, start, n), see trend_rows.py.
_COUNTS = """
WITH toInt64(toUnixTimestamp(bucket)) AS at,{start}
SELECT {series} AS series, 'total', '', start, sum(total)
FROM {table} FINAL
WHERE {range}{which} AND dimension = ''
GROUP BY series, start
"""

_USERS = """
WITH toInt64(toUnixTimestamp(bucket)) AS at,{start}
SELECT {series} AS series, 'total', '', if(grouping(start) = 1, NULL, start), uniqCombined64Merge(users)
FROM {table}
WHERE {range}{which}
GROUP BY GROUPING SETS ((series, start), (series))
"""

_BREAKDOWN = """
SELECT series, kind, if(kind = 'value', value, '') AS label, start, sum(n)
FROM (
    SELECT series, value, start, n,
        dense_rank() OVER (PARTITION BY series, kept, guard ORDER BY weight DESC, value) AS rank,
        multiIf(NOT kept, 'total', guard, 'guard', rank <= {breakdown_limit:UInt32}, 'value', 'rest') AS kind
    FROM (
        SELECT *, sum(n) OVER (PARTITION BY series, kept, value) AS weight, kept AND value = '$other' AS guard
        FROM (
            WITH toInt64(toUnixTimestamp(bucket)) AS at,{start}
            SELECT {series} AS series, dimension != '' AS kept, value, start, sum(total) AS n
            FROM {table} FINAL
            WHERE {range}{which} AND dimension IN ('', {breakdown:String})
            GROUP BY series, kept, value, start
        )
    )
)
GROUP BY series, kind, label, start
"""

_EVENTS = """
WITH toInt64(toUnixTimestamp(timestamp)) AS at,{start}
SELECT {series} AS series, 'total', '', if(grouping(start) = 1, NULL, start), {measure}
FROM {table}
WHERE {range}{which}
GROUP BY GROUPING SETS ((series, start), (series))
"""

# What counts as a value is what the rollups have cells for: strings up to 100 characters and
# booleans of the properties, and all that enrichment added.
_EVENTS_BREAKDOWN = """
WITH rows AS (
    WITH
        toInt64(toUnixTimestamp(timestamp)) AS at,{start},
        JSONHas(properties, {breakdown:String}) AS sent,
        if(sent, properties, context) AS holder,
        JSONType(holder, {breakdown:String}) AS type,
        multiIf(
            type = 'String', JSONExtractString(holder, {breakdown:String}),
            type = 'Bool', if(JSONExtractBool(holder, {breakdown:String}), 'true', 'false'),
            ''
        ) AS text
    SELECT {series} AS series, start, distinct_id, text AS value,
        type = 'Bool' OR (type = 'String' AND (NOT sent OR lengthUTF8(text) <= 100)) AS has_value
    FROM {table}
    WHERE {range}{which}
)
SELECT series, kind, if(kind = 'value', value, '') AS label, if(grouping(start) = 1, NULL, start), {measure}
FROM (
    SELECT series, start, distinct_id, value,
        multiIf(
            NOT has_value, 'none',
            (series, value) IN (
                SELECT series, value FROM rows
                WHERE has_value AND value != '$other'
                GROUP BY series, value
                ORDER BY {measure} DESC, value
                LIMIT {breakdown_limit:UInt32} BY series
            ), 'value',
            'rest'
        ) AS kind
    FROM rows
)
GROUP BY GROUPING SETS ((series, kind, label, start), (series, kind, label))
"""

# Distinct users need no FINAL: an event that arrived twice has the same user twice.
_FROM_EVENTS = {
    Measure.EVENTS: ("count()", "events FINAL"),
    Measure.USERS: ("uniqExact(distinct_id)", "events"),
}


def _fill(template: str, fragments: dict[str, str]) -> str:
    # str.format() would trip over the braces of bound parameters.
    for name, fragment in fragments.items():
        template = template.replace("{" + name + "}", fragment)
    return template


def _variants() -> dict[tuple[Source, Measure, bool, bool], str]:
    statements = {}
    for source, measure, breakdown, named in product(Source, Measure, (False, True), (False, True)):
        fragments = {"series": _SERIES[named], "which": _WHICH_EVENTS[named], "start": _START}
        if source is Source.EVENTS:
            template = _EVENTS_BREAKDOWN if breakdown else _EVENTS
            count, table = _FROM_EVENTS[measure]
            fragments |= {"measure": count, "table": table, "range": _EVENTS_RANGE}
        elif measure is Measure.USERS:
            template = _USERS
            fragments |= {"table": source.value, "range": _ROLLUP_RANGE}
        else:
            template = _BREAKDOWN if breakdown else _COUNTS
            fragments |= {"table": source.value, "range": _ROLLUP_RANGE}
        statements[source, measure, breakdown, named] = _fill(template, fragments)
    return statements


TRENDS = _variants()
"""Statement by (source, measure, whether by a property, whether for named events only)."""
