-- A session is known by its place: the message that closed it, and its number among those.
CREATE TABLE IF NOT EXISTS found_sessions (
    project_id UInt32,
    distinct_id String,
    started_at DateTime('UTC'),
    seconds UInt32,
    events UInt32,
    pages UInt32,
    bounced Bool,
    log_id Int64,
    log_partition LowCardinality(String),
    log_offset Int64,
    log_index UInt32
) ENGINE = ReplacingMergeTree
ORDER BY (project_id, started_at, log_id, log_partition, log_offset, log_index);
