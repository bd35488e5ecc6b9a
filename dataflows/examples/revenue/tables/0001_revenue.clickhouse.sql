CREATE TABLE IF NOT EXISTS revenue_by_minute (
    project_id UInt32,
    currency LowCardinality(String),
    window_start DateTime('UTC'),
    orders UInt64,
    revenue Float64,
    log_id Int64,
    log_partition LowCardinality(String),
    segment Int64,
    version Int64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, currency, window_start, log_id, log_partition, segment);
