-- The columns that the flow names, and those that tell rows of a window apart; the newest version stays.
-- Read it with FINAL:
--   SELECT window_start, sum(events) FROM starter FINAL GROUP BY window_start ORDER BY window_start
CREATE TABLE IF NOT EXISTS starter (
    project_id UInt32,
    event LowCardinality(String),
    window_start DateTime('UTC'),
    events UInt64,
    people UInt64,
    log_id Int64,
    log_partition LowCardinality(String),
    segment Int64,
    version Int64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, event, window_start, log_id, log_partition, segment);
