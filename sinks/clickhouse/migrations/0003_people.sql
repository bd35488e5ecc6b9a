-- Who is who, as facts that were read off the events: which ids belong to one person, and what was said
-- about a person or a group. Nothing here depends on the order in which events arrive, and a fact that
-- arrives twice changes nothing. docs/identity.md states the rules.

-- The few events that hold such facts pass through here, so that all others cost one search each.
CREATE TABLE people_feed (
    project_id UInt32,
    event_id UUID,
    event LowCardinality(String),
    distinct_id String,
    timestamp DateTime64(6, 'UTC'),
    properties String
) ENGINE = Null;

CREATE MATERIALIZED VIEW people_feed_view TO people_feed AS
SELECT project_id, event_id, event, distinct_id, timestamp, properties
FROM events
WHERE event IN ('$identify', '$create_alias', '$merge_dangerously', '$groupidentify')
    OR multiSearchAny(properties, ['"$set', '"$unset"', '\\u0024']);

-- Two ids of one person, once from each end. "identified" says that distinct_id is the known end of an
-- $identify. Read it with DISTINCT or FINAL.
CREATE TABLE identity_links (
    project_id UInt32,
    distinct_id String,
    other_id String,
    identified UInt8
) ENGINE = ReplacingMergeTree
ORDER BY (project_id, distinct_id, other_id, identified);

-- The ids at the end are what programs send when they have none.
CREATE MATERIALIZED VIEW identity_links_view TO identity_links AS
WITH
    event = '$identify' AS is_identify,
    if(is_identify, '$anon_distinct_id', 'alias') AS named,
    multiIf(
        JSONType(properties, named) = 'String', JSONExtractString(properties, named),
        JSONType(properties, named) IN ('Int64', 'UInt64'), JSONExtractRaw(properties, named),
        ''
    ) AS second,
    arrayJoin([(distinct_id, second, is_identify), (second, distinct_id, 0)]) AS link
SELECT project_id, link.1 AS distinct_id, link.2 AS other_id, link.3 AS identified
FROM people_feed
WHERE event IN ('$identify', '$create_alias', '$merge_dangerously')
    AND people_feed.distinct_id != second
    AND NOT hasAny(
        arrayMap(
            id -> lower(replaceRegexpAll(id, '^[\\s"''`]+|[\\s"''`]+$', '')), [people_feed.distinct_id, second]
        ),
        [
            '', '0', '-1', 'null', 'none', 'nil', 'undefined', 'nan', 'true', 'false', '[object object]', 'id',
            'anonymous', 'guest', 'unknown', 'distinctid', 'distinct_id', 'not_authenticated', 'email',
            '00000000-0000-0000-0000-000000000000'
        ]
    );

-- Whose id is whose: only ids that are linked have a row. The query API writes it (query_api/people/).
-- The version is the number of links that the person is made of: whoever knows more, wins.
CREATE TABLE people (
    project_id UInt32,
    distinct_id String,
    person_id String,
    version UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, distinct_id);

-- What events said about people ("of" is 'person', "holder" a distinct_id) and groups ("of" is 'group:'
-- and the type, "holder" its key). Of $set and $unset the last counts, so one row of both is kept; each
-- $set_once has a row of its own (once_id is not empty), because a $unset in between decides which is the
-- first. Values are JSON. Of things at one instant the order is that of the event ids.
CREATE TABLE person_facts (
    project_id UInt32,
    of LowCardinality(String),
    property String,
    holder String,
    once_at DateTime64(6, 'UTC'),
    once_id String,
    once SimpleAggregateFunction(max, String),
    last_set SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String, String)),
    last_unset SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), String))
) ENGINE = AggregatingMergeTree
ORDER BY (project_id, of, property, holder, once_at, once_id);

CREATE MATERIALIZED VIEW person_facts_view TO person_facts AS
WITH
    toString(event_id) AS id,
    toDateTime64(0, 6, 'UTC') AS never,
    event = '$groupidentify' AS is_group,
    if(is_group, 'group:' || JSONExtractString(properties, '$group_type'), 'person') AS about,
    if(is_group, JSONExtractString(properties, '$group_key'), distinct_id) AS whom,
    arrayJoin(arrayConcat(
        arrayMap(
            pair -> (pair.1, 'set', pair.2),
            JSONExtractKeysAndValuesRaw(properties, if(is_group, '$group_set', '$set'))
        ),
        arrayMap(
            pair -> (pair.1, 'once', pair.2),
            if(is_group, [], JSONExtractKeysAndValuesRaw(properties, '$set_once'))
        ),
        arrayMap(
            name -> (name, 'unset', ''),
            arrayFilter(name -> name != '', if(is_group, [], JSONExtract(properties, '$unset', 'Array(String)')))
        )
    )) AS fact
SELECT
    project_id,
    about AS of,
    fact.1 AS property,
    whom AS holder,
    if(fact.2 = 'once', timestamp, never) AS once_at,
    if(fact.2 = 'once', id, '') AS once_id,
    if(fact.2 = 'once', fact.3, '') AS once,
    if(fact.2 = 'set', (timestamp, id, fact.3), (never, '', '')) AS last_set,
    if(fact.2 = 'unset', (timestamp, id), (never, '')) AS last_unset
FROM people_feed
WHERE whom != '';

-- Events that are stored already.
INSERT INTO people_feed
SELECT project_id, event_id, event, distinct_id, timestamp, properties
FROM events
WHERE event IN ('$identify', '$create_alias', '$merge_dangerously', '$groupidentify')
    OR multiSearchAny(properties, ['"$set', '"$unset"', '\\u0024']);
