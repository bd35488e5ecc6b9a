"""The statements of the first questions. Values are bound by the server, never written into the text.

All statements about a project take ``project_id``, which comes from the key alone.
"""

# Rows that arrived twice must count once. A row and its repetition are always in the same partition.
FINAL_SETTINGS = {"do_not_merge_across_partitions_select_final": 1}

NEWEST_LOG_TIME = "SELECT max(log_time) FROM sink_positions"
"""PostgreSQL: arrival of the newest event that is stored."""

STORED_POSITIONS = "SELECT log_id, log_partition, next_offset, log_time FROM sink_positions"
"""PostgreSQL: how far each partition of each event log is stored; for metrics, so of all projects."""

FLOW_POSITIONS = """
SELECT flow, log_id, log_partition, next_offset, log_time
FROM flow_progress AS progress
WHERE phase <> 'done' AND version = (SELECT max(version) FROM flow_progress WHERE flow = progress.flow)
"""
"""PostgreSQL: how far each flow has come, in its newest version; for metrics."""

FLOW_STARTS = "SELECT flow, starts FROM flow_runs"
"""PostgreSQL: how often each flow's process was started; for metrics."""

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
FROM distinct_users_day
WHERE project_id = {project_id:UInt32} AND event = ''
"""

NEWEST_HOUR = """
SELECT max(toUnixTimestamp(bucket))
FROM rollup_hour
WHERE project_id = {project_id:UInt32} AND dimension = ''
    AND bucket <= toDateTime({before_seconds:Int64}, 'UTC')
"""

NEWEST_MINUTE = """
SELECT toUnixTimestamp(maxIf(start, events > {limit:UInt32})), minIf(events, events > {limit:UInt32})
FROM (
    SELECT bucket AS start,
        sum(sumIf(total, bucket + 60 <= toDateTime({before_seconds:Int64}, 'UTC'))) OVER (ORDER BY bucket DESC) AS events
    FROM rollup_minute FINAL
    WHERE project_id = {project_id:UInt32} AND dimension = ''
        AND bucket >= toDateTime({reach_seconds:Int64}, 'UTC')
        AND bucket <= toDateTime({before_seconds:Int64}, 'UTC')
    GROUP BY bucket
)
"""
"""The minute since which there are more than ``limit`` events, and how many there are; 0 if there are less."""

# The rows may lie anywhere within a day, so even a few are worth a second thread.
_NEWEST = """
SELECT event, distinct_id, properties, toUnixTimestamp64Micro(timestamp), session_id, toString(event_id)
FROM events
PREWHERE timestamp >= {reach}
WHERE project_id = {project_id:UInt32} AND timestamp >= since AND timestamp <= before
    AND (timestamp, event_id) < (before, {before_id:UUID})
ORDER BY timestamp DESC, event_id DESC
LIMIT 1 BY timestamp, event_id
LIMIT {limit:UInt32}
SETTINGS merge_tree_min_rows_for_concurrent_read = 16384, merge_tree_min_bytes_for_concurrent_read = 1048576
"""
_RANGE = """
WITH
    fromUnixTimestamp64Micro({before:Int64}, 'UTC') AS before,
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since"""

# Rows that arrived twice are alike, so any one of them will do, without the cost of FINAL.
NEWEST_OF_FEW = f"{_RANGE}{_NEWEST.replace('{reach}', 'since')}"
"""The newest events where a range does not hold many."""

# The inner query reads one narrow column to find how far back the answer reaches; only the rows after that are read
# whole. It sorts by an expression: by the column itself, newer servers try to skip rows as they go, which takes thrice
# the time where the rows are in no order of time.
NEWEST_EVENTS = f"""{_RANGE},
    (
        SELECT min(timestamp) FROM (
            SELECT timestamp FROM events
            WHERE project_id = {{project_id:UInt32}} AND timestamp >= since AND timestamp <= before
            ORDER BY toUnixTimestamp64Micro(timestamp) DESC
            LIMIT {{scan:UInt32}}
        )
    ) AS reach{_NEWEST.replace("{reach}", "reach")}"""
"""The newest events of a range of any size."""
