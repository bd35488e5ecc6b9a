"""Statements of the catalogue. Those that look for a text take ``search``, empty for any, and ``limit``."""

from query_api.people.relations import person_values
from query_api.questions.attributes import event_attribute, json_attribute
from query_api.questions.bindings import Bindings
from query_api.questions.filter_sql import session_attribute
from query_api.questions.people_sql import SESSIONS
from query_api.questions.scope import Scope

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

PERSON_PROPERTIES = """
SELECT property,
    multiIf(
        startsWith(value, '"'), 'text',
        value IN ('true', 'false'), 'boolean',
        match(value, '^[-0-9]'), 'number',
        'mixed'
    ) AS kind,
    count()
FROM {values}
WHERE {searched}
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


def person_properties(*, linked: bool) -> str:
    """Return the statement of all properties of people: (property, kind, people)."""
    statement = PERSON_PROPERTIES.replace("{values}", person_values(linked=linked))
    return statement.replace("{searched}", _searched("property"))


def _values(text: str, present: str, relation: str) -> str:
    fragments = {"text": text, "present": present, "relation": relation, "searched": _searched("text")}
    statement = _VALUES
    for name, fragment in fragments.items():
        statement = statement.replace("{" + name + "}", fragment)
    return statement


def sampled_values(name: str, bindings: Bindings) -> str:
    """Return the statement of a property's values in the sample: (value, events)."""
    attribute = event_attribute(name, bindings)
    return _values(attribute.text, attribute.present, _SAMPLE)


def values_of_people(name: str, scope: Scope) -> str:
    """Return the statement of the values of a property of people: (value, people)."""
    attribute = json_attribute("value", scope.bindings)
    relation = person_values(linked=scope.linked, only=scope.bindings.texts([name]))
    return _values(attribute.text, attribute.present, relation)


def values_of_sessions(name: str) -> str:
    """Return the statement of the values of an attribute of sessions: (value, sessions)."""
    attribute = session_attribute(name)
    return _values(attribute.text, attribute.present, SESSIONS)
