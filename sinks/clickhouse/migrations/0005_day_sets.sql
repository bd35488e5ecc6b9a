-- Sets of distinct users by day, read in smaller pieces. A large set takes 96 KiB, and a piece of 64 rows made a
-- question about one event read the sets of others, five for each that it needed. By the hour everything is known
-- already, also what is written while the table is made anew.
DROP TABLE IF EXISTS distinct_users_feed_to_day;
DROP TABLE IF EXISTS distinct_users_day;

CREATE TABLE distinct_users_day AS distinct_users_hour
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (project_id, event, bucket)
SETTINGS index_granularity = 4;

CREATE MATERIALIZED VIEW distinct_users_feed_to_day TO distinct_users_day AS
SELECT project_id, name AS event, toStartOfDay(hour) AS bucket, uniqCombined64MergeState(users) AS users
FROM (SELECT project_id, event, bucket AS hour, users FROM distinct_users_feed) ARRAY JOIN ['', event] AS name
GROUP BY project_id, name, bucket;

-- In the order of the table, so that few sets are in memory at a time.
INSERT INTO distinct_users_day (project_id, event, bucket, users)
SELECT project_id, event, toStartOfDay(hour) AS bucket, uniqCombined64MergeState(users)
FROM (SELECT project_id, event, bucket AS hour, users FROM distinct_users_hour)
GROUP BY project_id, event, bucket
SETTINGS optimize_aggregation_in_order = 1;
