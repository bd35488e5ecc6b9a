-- Every table must give the same answers when a row arrives twice: a dataflow that was killed
-- writes its last rows again.

-- Columnar copy of the events. Read it with FINAL: rows that arrived twice differ in nothing, and
-- merging drops one. The order of the columns is that of the rows in schemas/stored.py.
CREATE TABLE events (
    project_id UInt32,
    event_id UUID,
    event LowCardinality(String),
    distinct_id String,
    timestamp DateTime64(6, 'UTC'),
    client_timestamp String CODEC(ZSTD(1)),
    received_at DateTime64(6, 'UTC'),
    session_id String,
    properties String CODEC(ZSTD(1)),
    context String CODEC(ZSTD(1)),
    source LowCardinality(String),
    log_id Int64,
    log_partition UInt16,
    log_offset UInt64
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (project_id, toDate(timestamp), event, cityHash64(distinct_id), timestamp, event_id)
SETTINGS index_granularity = 8192, non_replicated_deduplication_window = 0;

-- Cells by minute and by hour, as schemas/rollup.py describes them. Read them with FINAL.
CREATE TABLE rollup_minute (
    project_id UInt32,
    dimension LowCardinality(String),
    event LowCardinality(String),
    bucket DateTime('UTC'),
    value String,
    log_id Int64,
    log_partition UInt16,
    segment UInt64,
    version UInt64,
    total UInt64
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, dimension, event, bucket, value, log_id, log_partition, segment);

CREATE TABLE rollup_hour AS rollup_minute
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, dimension, event, bucket, value, log_id, log_partition, segment);

-- Distinct users: the union of a set with itself is the set, so rows that arrive twice change nothing.
-- A state takes kilobytes, so a granule holds few rows: one event's must not cost reading every event's.
CREATE TABLE distinct_users_minute (
    project_id UInt32,
    event LowCardinality(String),
    bucket DateTime('UTC'),
    users AggregateFunction(uniqCombined64, String)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, event, bucket)
SETTINGS index_granularity = 256;

CREATE MATERIALIZED VIEW distinct_users_minute_view TO distinct_users_minute AS
SELECT project_id, event, toStartOfMinute(timestamp) AS bucket, uniqCombined64State(distinct_id) AS users
FROM events
GROUP BY project_id, event, bucket;

CREATE TABLE distinct_users_hour (
    project_id UInt32,
    event LowCardinality(String),
    bucket DateTime('UTC'),
    users AggregateFunction(uniqCombined64, String)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, event, bucket)
SETTINGS index_granularity = 64;

CREATE MATERIALIZED VIEW distinct_users_hour_view TO distinct_users_hour AS
SELECT project_id, event, toStartOfHour(timestamp) AS bucket, uniqCombined64State(distinct_id) AS users
FROM events
GROUP BY project_id, event, bucket;

-- Sessions, of the events that carry a session id. uniq() of the event ids counts each once however
-- often it arrives, exactly up to tens of thousands of events a session.
CREATE TABLE sessions (
    project_id UInt32,
    session_id String,
    distinct_id SimpleAggregateFunction(any, String),
    started_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    ended_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    entry AggregateFunction(argMin, LowCardinality(String), DateTime64(6, 'UTC')),
    exit AggregateFunction(argMax, LowCardinality(String), DateTime64(6, 'UTC')),
    events AggregateFunction(uniq, UUID)
) ENGINE = AggregatingMergeTree
ORDER BY (project_id, session_id);

CREATE MATERIALIZED VIEW sessions_view TO sessions AS
SELECT
    project_id,
    session_id,
    any(distinct_id) AS distinct_id,
    min(timestamp) AS started_at,
    max(timestamp) AS ended_at,
    argMinState(event, timestamp) AS entry,
    argMaxState(event, timestamp) AS exit,
    uniqState(event_id) AS events
FROM events
WHERE session_id != ''
GROUP BY project_id, session_id;
