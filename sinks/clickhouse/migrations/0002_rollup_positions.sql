-- How far each partition of each event log is counted: everything before next_offset is in both rollup
-- tables. Written after the rows that make it so. Read it with FINAL.
CREATE TABLE rollup_positions (
    log_id Int64,
    log_partition UInt16,
    next_offset UInt64
) ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (log_id, log_partition);
