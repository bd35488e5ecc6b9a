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
