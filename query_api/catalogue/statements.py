"""Statements of the catalogue. Those that look for a text take ``search``, empty for any, and ``limit``."""

from query_api.questions.attributes import event_attribute, group_key, json_attribute
from query_api.questions.bindings import Bindings
from query_api.questions.filter_sql import session_attribute
from query_api.questions.filters import GROUP
from query_api.questions.people_sql import SESSIONS
from schemas.limits import DEFAULT_LIMITS

_RANGE = "project_id = {project_id:UInt32} AND bucket >= toDateTime({since:Int64}, 'UTC')"
_ONLY = "({event:String} = '' OR event = {event:String})"


def _searched(expression: str) -> str:
    return f"({{search:String}} = '' OR positionCaseInsensitiveUTF8({expression}, {{search:String}}) > 0)"


# The latest cell by minute says when an event last came; no version of a row has another bucket.
EVENTS = f"""
SELECT event, counted.n AS n, seen.at AS at
FROM (
    SELECT toString(event) AS event, sum(total) AS n FROM rollup_hour FINAL
    WHERE {_RANGE} AND dimension = '' AND {_searched("event")}
    GROUP BY event
) AS counted
INNER JOIN (
    SELECT toString(event) AS event, toUnixTimestamp(max(bucket)) AS at FROM rollup_minute
    WHERE {_RANGE} AND dimension = ''
    GROUP BY event
) AS seen USING event
ORDER BY n DESC, event
LIMIT {{limit:UInt32}}
"""
"""(event, n, second of its last minute). Takes ``since``, in seconds."""

NEWEST_DAYS = f"""
SELECT event, toUInt32(day), sumIf(total, at = day) AS of_day, sum(total) AS n
FROM (
    SELECT toString(event) AS event, total, toDate(bucket) AS at, max(toDate(bucket)) OVER (PARTITION BY event) AS day
    FROM rollup_hour FINAL
    WHERE {_RANGE} AND dimension = '' AND {_ONLY}
)
GROUP BY event, day
ORDER BY n DESC
LIMIT 500
"""
"""(event, its newest day since 1970, how often that day, how often at all). Takes ``since`` and ``event``."""

# What is rare is looked at whole, of what is frequent one share of the people, who are in the sorting key.
_SAMPLE = """(
    SELECT toString(event) AS event, distinct_id, session_id, toString(source) AS source, properties, context
    FROM events
    WHERE project_id = {project_id:UInt32} AND (
        (toUInt32(toDate(timestamp)), toString(event)) IN arrayZip({rare_days:Array(UInt32)}, {rare:Array(String)})
        OR (
            (toUInt32(toDate(timestamp)), toString(event))
                IN arrayZip({frequent_days:Array(UInt32)}, {frequent:Array(String)})
            AND cityHash64(distinct_id) <= {share:UInt64}
        )
    )
    AND toDate(timestamp) IN {days:Array(UInt32)} AND event IN {names:Array(String)}
)"""

PROPERTIES = f"""
SELECT event, named.1 AS name,
    multiIf(
        name = '', '',
        startsWith(named.2, '"'), 'text',
        named.2 IN ('true', 'false'), 'boolean',
        match(named.2, '^[-0-9]'), 'number',
        'mixed'
    ) AS kind,
    count()
FROM {_SAMPLE}
ARRAY JOIN arrayConcat(
    [('', '')],
    JSONExtractKeysAndValuesRaw(properties),
    JSONExtractKeysAndValuesRaw(context)
) AS named
WHERE named.2 != 'null' AND (name = '' OR {_searched("name")})
GROUP BY event, name, kind
"""
"""(event, property, kind, events of the sample); the property is empty for all events of the sample."""

# Types of groups that have a longer name cannot be asked for.
GROUP_TYPES = f"""
SELECT kind, uniqExact(key) AS n
FROM (
    SELECT substring(of, {len(GROUP) + 1}) AS kind, holder AS key FROM person_facts
    WHERE project_id = {{project_id:UInt32}} AND startsWith(of, '{GROUP}')
    UNION ALL
    SELECT named AS kind, JSONExtractString(properties, '$groups', named) AS key FROM {_SAMPLE}
    ARRAY JOIN JSONExtractKeys(properties, '$groups') AS named
)
WHERE key != '' AND lengthUTF8(kind) BETWEEN 1 AND {DEFAULT_LIMITS.name_length} AND {_searched("kind")}
GROUP BY kind
ORDER BY n DESC, kind
LIMIT {{limit:UInt32}}
"""
"""(type, groups): of which something was said, or that events of the sample name."""

_GROUP_KEYS = """
SELECT key AS value, sum(events) AS n
FROM (
    SELECT DISTINCT holder AS key, 0 AS events FROM person_facts
    WHERE project_id = {project_id:UInt32} AND of = {of}
    UNION ALL
    SELECT {key}, 1 FROM {sample}
)
WHERE key != '' AND {searched}
GROUP BY key
ORDER BY n DESC, value
LIMIT {limit:UInt32}
"""

_STATED_PROPERTIES = """
SELECT property,
    multiIf(
        startsWith(value, '"'), 'text',
        value IN ('true', 'false'), 'boolean',
        match(value, '^[-0-9]'), 'number',
        'mixed'
    ) AS kind,
    count()
FROM {values}
WHERE value != 'null' AND {searched}
GROUP BY property, kind
"""

CELLS = f"""
SELECT value, sum(total) AS n
FROM rollup_hour FINAL
WHERE {_RANGE} AND dimension = {{property:String}} AND {_ONLY} AND {_searched("value")}
GROUP BY value
ORDER BY n DESC, value
LIMIT {{limit:UInt32}}
"""
"""(value, events); a value ``$other`` is what the guard cut off. Takes ``since``, ``property`` and ``event``."""

_VALUES = """
SELECT text AS value, count() AS n
FROM (SELECT {text} AS text, {present} AS present FROM {relation})
WHERE present AND {searched}
GROUP BY text
ORDER BY n DESC, value
LIMIT {limit:UInt32}
"""


def stated_properties(values: str) -> str:
    """Return the statement of all properties of people or groups: (property, kind, holders).

    Args:
        values: the relation of query_api/people/relations.py.
    """
    return _filled(_STATED_PROPERTIES, values=values, searched=_searched("property"))


def group_keys(of: str, bindings: Bindings) -> str:
    """Return the statement of the keys of a type of groups: (key, events of the sample)."""
    return _filled(
        _GROUP_KEYS,
        of=bindings.text(of),
        key=group_key(of, bindings),
        sample=_SAMPLE,
        searched=_searched("key"),
    )


def _values(text: str, present: str, relation: str) -> str:
    return _filled(_VALUES, text=text, present=present, relation=relation, searched=_searched("text"))


def _filled(template: str, **fragments: str) -> str:
    for name, fragment in fragments.items():
        template = template.replace("{" + name + "}", fragment)
    return template


def sampled_values(name: str, bindings: Bindings) -> str:
    """Return the statement of a property's values in the sample: (value, events)."""
    attribute = event_attribute(name, bindings)
    return _values(attribute.text, attribute.present, _SAMPLE)


def stated_values(values: str, bindings: Bindings) -> str:
    """Return the statement of the values of a property of people or groups: (value, holders).

    Args:
        values: the relation of query_api/people/relations.py, of this property only.
        bindings: of the statement.
    """
    attribute = json_attribute("value", bindings)
    return _values(attribute.text, attribute.present, values)


def values_of_sessions(name: str) -> str:
    """Return the statement of the values of an attribute of sessions: (value, sessions)."""
    attribute = session_attribute(name)
    return _values(attribute.text, attribute.present, SESSIONS)
