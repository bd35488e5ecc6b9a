-- Distinct users by hour and by day, of each event and, as event '', of all. A question about many days
-- merges a set for each day, and not one for each hour and event.

CREATE TABLE distinct_users_day AS distinct_users_hour
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, event, bucket)
SETTINGS index_granularity = 64;

-- The sets of one write pass through here, so that each id is hashed once.
CREATE TABLE distinct_users_feed (
    project_id UInt32,
    event LowCardinality(String),
    bucket DateTime('UTC'),
    users AggregateFunction(uniqCombined64, String)
) ENGINE = Null;

CREATE MATERIALIZED VIEW distinct_users_feed_to_hour TO distinct_users_hour AS
SELECT project_id, name AS event, bucket, uniqCombined64MergeState(users) AS users
FROM distinct_users_feed ARRAY JOIN ['', event] AS name
GROUP BY project_id, name, bucket;

CREATE MATERIALIZED VIEW distinct_users_feed_to_day TO distinct_users_day AS
SELECT project_id, name AS event, toStartOfDay(hour) AS bucket, uniqCombined64MergeState(users) AS users
FROM (SELECT project_id, event, bucket AS hour, users FROM distinct_users_feed) ARRAY JOIN ['', event] AS name
GROUP BY project_id, name, bucket;

CREATE MATERIALIZED VIEW distinct_users_feed_view TO distinct_users_feed AS
SELECT project_id, event, toStartOfHour(timestamp) AS bucket, uniqCombined64State(distinct_id) AS users
FROM events
GROUP BY project_id, event, bucket;

-- What is there already. A union with what the views above have written meanwhile changes nothing.
INSERT INTO distinct_users_hour (project_id, event, bucket, users)
SELECT project_id, '', bucket, uniqCombined64MergeState(users)
FROM distinct_users_hour WHERE event != ''
GROUP BY project_id, bucket;

INSERT INTO distinct_users_day (project_id, event, bucket, users)
SELECT project_id, event, toStartOfDay(hour) AS bucket, uniqCombined64MergeState(users)
FROM (SELECT project_id, event, bucket AS hour, users FROM distinct_users_hour)
GROUP BY project_id, event, bucket;

-- By the minute, users are counted from the events: such a question is about hours, and then exact.
DROP TABLE IF EXISTS distinct_users_hour_view;
DROP TABLE IF EXISTS distinct_users_minute_view;
DROP TABLE IF EXISTS distinct_users_minute;
