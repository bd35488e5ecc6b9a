"""The statements about paths. Pure.

A name is worked with as a number of 64 bits (SipHash), so that arrays stay small; the last statement asks for the
texts of the few that are shown.
"""

from typing import NamedTuple

from query_api.analyses.sequences import MEMORY_SETTINGS, sequences
from query_api.questions.attributes import event_attribute
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import TRUE, filter_sql
from query_api.questions.filters import Group
from query_api.questions.ranges import Span
from query_api.questions.scope import Scope
from schemas.rollup import OTHER

BY_EVENT = "event"
MORE = "$more"
"""Stands for the steps that are left out between the first ones and the last."""
_NAME_CHARACTERS = 200


class PathsAsked(NamedTuple):
    """Which paths."""

    by: str
    from_step: str | None
    to_step: str | None
    depth: int
    limit: int
    gap_micros: int
    filter: Group | None


class FrequentRow(NamedTuple):
    """One of the most frequent links."""

    key: int


class PathRow(NamedTuple):
    """A node, or a link from the step before."""

    step: int
    is_node: int
    source: int
    """0 before the first step of a path."""
    target: int
    people: int
    median_seconds: float | None


class NameRow(NamedTuple):
    """The text behind a number."""

    name: int
    text: str


def frequent_links_statement(asked: PathsAsked, scope: Scope, span: Span) -> str:
    """Return a statement of :class:`FrequentRow`: at each step, the links that most people take.

    The first step of a path counts as a link from nowhere.
    """
    return f"""
SELECT key
FROM (
    SELECT person, arrayJoin(arrayZip(steps, keys)) AS link, link.1 AS step, link.2 AS key
    FROM {_keyed(asked, scope, span)}
)
GROUP BY step, key
ORDER BY step, uniqExact(person) DESC, key
LIMIT {scope.bindings.whole(asked.limit)} BY step
{MEMORY_SETTINGS}
"""


def paths_statement(asked: PathsAsked, scope: Scope, span: Span, keys: list[int]) -> str:
    """Return a statement of :class:`PathRow`.

    Args:
        asked: which paths.
        scope: of the statement.
        span: when.
        keys: of the links that are kept; where another leads, stands ``$other``.
    """
    kept = scope.bindings.put(keys, "Array(UInt64)")
    ones = scope.bindings.put([1] * len(keys), "Array(UInt8)")
    shown = (
        f"if(transform(key, {kept}, {ones}, toUInt8(0)) = 1, name, sipHash64({scope.bindings.text(OTHER)}))"
    )
    return f"""
SELECT step, grouping(source) AS is_node, source, target,
    uniqExactMerge(persons) AS people, quantileExactInclusiveMerge(0.5)(durations) / 1e6 AS median_seconds
FROM (
    SELECT step, source, target, uniqExactState(person) AS persons, quantileExactInclusiveState(0.5)(duration) AS durations
    FROM (
        SELECT person, arrayJoin(arrayZip(steps, arrayPushFront(arrayPopBack(shown), toUInt64(0)), shown, arrayDifference(at))) AS link,
            link.1 AS step, link.2 AS source, link.3 AS target, link.4 AS duration
        FROM (
            SELECT person, steps, path.1 AS at, arrayMap((name, key) -> {shown}, names, keys) AS shown
            FROM {_keyed(asked, scope, span)}
        )
    )
    GROUP BY step, source, target
)
GROUP BY GROUPING SETS ((step, target), (step, source, target))
{MEMORY_SETTINGS}, output_format_json_quote_denormals = 0
"""


OWN_NAMES = f"SELECT sipHash64(text), text FROM (SELECT arrayJoin(['{OTHER}', '{MORE}']) AS text)"
"""Statement of :class:`NameRow`: the names that are ours."""


def names_statement(asked: PathsAsked, scope: Scope, span: Span, names: list[int]) -> str:
    """Return a statement of :class:`NameRow` for the given numbers, all of which are steps of somebody."""
    text, _ = _name(asked, scope)
    # Once every name was met, nothing more is read.
    return f"""
SELECT sipHash64(text) AS name, text
FROM (SELECT {text} AS text FROM {_relation(asked, scope, span)})
WHERE name IN {scope.bindings.put(names, "Array(UInt64)")}
LIMIT 1 BY name
LIMIT {scope.bindings.whole(len(names))}
"""


def _name(asked: PathsAsked, scope: Scope) -> tuple[str, str]:
    """Return the name of an event as a step, and whether it has one."""
    if asked.by == BY_EVENT:
        return "event", TRUE
    attribute = event_attribute(asked.by, scope.bindings)
    return f"substringUTF8({attribute.text}, 1, {_NAME_CHARACTERS})", attribute.present


def _relation(asked: PathsAsked, scope: Scope, span: Span) -> str:
    _, has_name = _name(asked, scope)
    where = scope.bindings.part(f"({filter_sql(asked.filter, scope).text} AND {has_name})")
    return events_relation(scope, span.start_micros, span.end_micros, once=False, where=where)


def _keyed(asked: PathsAsked, scope: Scope, span: Span) -> str:
    """A row for each path: person, path (tuples of time, name, …), names, steps, and keys of the links that lead there."""
    depth = scope.bindings.whole(asked.depth)
    # Paths that end in the same step stand in line at their ends.
    from_end = asked.to_step is not None and asked.from_step is None
    first = f"{depth} - length(path)" if from_end else "0"
    return f"""(
    SELECT *, arrayMap(
        (step, source, target) -> cityHash64(step, source, target),
        steps, arrayPushFront(arrayPopBack(names), toUInt64(0)), names
    ) AS keys
    FROM (
        SELECT person, path, path.2 AS names, arrayMap(place -> toUInt8(place + {first}), arrayEnumerate(path)) AS steps
        FROM {_cut(asked, scope, _trimmed(asked, scope, _split(asked, scope, span)))}
    )
)"""


def _split(asked: PathsAsked, scope: Scope, span: Span) -> str:
    """Paths: a person's events from one silence to the next, with events that repeat the name before them left out."""
    gap = scope.bindings.whole(asked.gap_micros)
    text, _ = _name(asked, scope)
    sequence = sequences(_relation(asked, scope, span), f"sipHash64({text})", {"name": "x"})
    return f"""(
    SELECT person, arrayJoin(arraySplit(event -> event.3, arrayFilter(
        (event, before) -> event.3 OR event.2 != before,
        arrayZip(at, name, begins), arrayPushFront(arrayPopBack(name), toUInt64(0))
    ))) AS path
    FROM (
        SELECT person, at, name, arrayMap(
            (t, before) -> toUInt8(t - before > {gap}), at, arrayPushFront(arrayPopBack(at), at[1] - {gap} - 1)
        ) AS begins
        FROM {sequence}
    )
)"""


def _trimmed(asked: PathsAsked, scope: Scope, paths: str) -> str:
    """Paths from the first ``from_step`` on, up to the first ``to_step`` after it; those without are left out."""
    if asked.from_step is not None:
        wanted = f"event -> event.2 = sipHash64({scope.bindings.text(asked.from_step)})"
        paths = f"""(
    SELECT person, arraySlice(path, arrayFirstIndex({wanted}, path)) AS path
    FROM {paths}
    WHERE arrayExists({wanted}, path)
)"""
    if asked.to_step is not None:
        wanted = f"event -> event.2 = sipHash64({scope.bindings.text(asked.to_step)})"
        # The step that a path begins at cannot be the one that it leads to.
        searched, skipped = ("arrayPopFront(path)", 1) if asked.from_step is not None else ("path", 0)
        paths = f"""(
    SELECT person, arraySlice(path, 1, arrayFirstIndex({wanted}, {searched}) + {skipped}) AS path
    FROM {paths}
    WHERE arrayExists({wanted}, {searched})
)"""
    return paths


def _cut(asked: PathsAsked, scope: Scope, paths: str) -> str:
    """Paths of ``depth`` steps at most: the first ones, or the last ones before ``to_step``."""
    depth = scope.bindings.whole(asked.depth)
    if asked.to_step is None:
        cut = f"arraySlice(path, 1, {depth})"
    elif asked.from_step is None:
        cut = f"arraySlice(path, greatest(1, length(path) - {depth} + 1))"
    else:
        beginning = f"arraySlice(path, 1, greatest(1, {depth} - 2))"
        if asked.depth > 2:
            more = scope.bindings.text(MORE)
            beginning += f", [(path[{depth} - 1].1, sipHash64({more}), toUInt8(0))]"
        cut = f"if(length(path) <= {depth}, path, arrayConcat({beginning}, arraySlice(path, -1)))"
    return f"(SELECT person, {cut} AS path FROM {paths})"
