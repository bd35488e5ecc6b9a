"""The statements about paths. Pure.

Everybody's events are put in order twice: for the links that most people take, and for the paths along those. A name is
worked with as a code of few bits; see :mod:`query_api.analyses.path_steps`.
"""

from typing import NamedTuple

from query_api.analyses.path_steps import Packing
from query_api.analyses.sequences import MEMORY_SETTINGS
from query_api.analyses.tied_instants import InstantRow, is_tied
from query_api.questions.attributes import FIELDS, event_attribute
from query_api.questions.events_relation import events_relation, stored_events
from query_api.questions.filter_sql import TRUE, filter_sql
from query_api.questions.filters import Group, Of, conditions_of
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

    link: int
    target: int
    """Code of the name that it leads to."""


class PathRow(NamedTuple):
    """A link from the step before."""

    step: int
    source: int
    """Number of the name; 0 before the first step of a path."""
    target: int
    people: int
    arriving: int
    """People who are counted at this step and name by this link, and by no other that leads there."""
    median_seconds: float | None


class NameRow(NamedTuple):
    """The text behind a hash."""

    name: int
    text: str


class PathsRelation(NamedTuple):
    """What paths are made of.

    Attributes:
        events: relation of all events that are steps.
        text: name of an event as a step, an expression over its columns.
        packing: how steps are kept.
        tied: which events may be at one instant with others, a condition on the relation's columns.
    """

    events: str
    text: str
    packing: Packing
    tied: str


def names_of_events_statement(scope: Scope, span: Span) -> str:
    """Return a statement of :class:`NameRow`: of all events of a range, and those that are ours."""
    events = stored_events(scope, span.start_micros, span.end_micros, once=False)
    return f"SELECT sipHash64(text) AS name, toString(text) FROM (SELECT DISTINCT event AS text FROM {events}) UNION ALL {OWN_NAMES}"


def relation_of_ties(asked: PathsAsked, scope: Scope, span: Span) -> str:
    """Return the relation in which events at one instant are searched for: of the steps, and maybe of more.

    To look at a property of an event costs more than to look at an event that is none of the steps.
    """
    is_cheap = all(
        condition.of is Of.EVENT and condition.property in FIELDS for condition in conditions_of(asked.filter)
    )
    where = filter_sql(asked.filter, scope) if is_cheap else None
    return events_relation(scope, span.start_micros, span.end_micros, once=False, where=where)


def paths_relation(
    asked: PathsAsked, scope: Scope, span: Span, packing: Packing, ties: list[InstantRow]
) -> PathsRelation:
    """Return what both statements below read, with all values bound."""
    text, _ = _name(asked, scope)
    tied = is_tied(ties, relation_of_ties(asked, scope, span), scope.bindings)
    return PathsRelation(_relation(asked, scope, span), text, packing, tied)


def frequent_links_statement(asked: PathsAsked, scope: Scope, relation: PathsRelation) -> str:
    """Return a statement of :class:`FrequentRow`: at each step, the links that most people take.

    The first step of a path counts as a link from nowhere. Each person is a row until their links are told apart, so that
    people are counted, and not put into sets.
    """
    packing = relation.packing
    known = None
    if packing.hashes is not None:
        put = scope.bindings.put
        known = (
            put(list(packing.hashes), "Array(UInt64)"),
            put(list(packing.hashes.values()), "Array(UInt64)"),
        )
    order = packing.order("step", "any(met.3)", "any(met.4)", known)
    return f"""
SELECT link, target
FROM (
    SELECT met.1 AS link, met.2 AS step, any(met.4) AS target, count() AS people, {order} AS rank
    FROM (
        SELECT arrayJoin(arrayMap(
            place -> (links[place], numbers[place], sources[place], names[place]),
            arrayFilter((place, nth) -> nth = 1, arrayEnumerate(links), arrayEnumerateUniq(links))
        )) AS met
        FROM {_linked(asked, scope, relation)}
    )
    GROUP BY link, step
)
ORDER BY step, people DESC, rank
LIMIT {scope.bindings.whole(asked.limit)} BY step
{MEMORY_SETTINGS}
"""


def paths_statement(
    asked: PathsAsked, scope: Scope, relation: PathsRelation, kept: dict[int, int], other: int
) -> str:
    """Return a statement of :class:`PathRow`.

    Args:
        asked: which paths.
        scope: of the statement.
        relation: as for the most frequent links.
        kept: links that are kept, and a number from 1 for the name that each leads to.
        other: number of ``$other``, which stands where another link leads.
    """
    put = scope.bindings.put
    links, numbers = put(list(kept), "Array(UInt64)"), put(list(kept.values()), "Array(UInt16)")
    shown = f"transform(link, {links}, {numbers}, toUInt16({other}))"
    return f"""
SELECT toUInt8(bitShiftRight(met.1, 32)) AS step, toUInt16(bitShiftRight(met.1, 16)) AS source, toUInt16(met.1) AS target,
    sum(met.2) AS people, sum(met.3) AS arriving,
    quantileExactInclusiveIf(0.5)(met.4, source != 0) / 1e6 AS median_seconds
FROM (
    SELECT arrayJoin(arrayMap(
        place -> (ways[place], toUInt8(nth_way[place] = 1), toUInt8(nth_node[place] = 1), taken[place]),
        arrayFilter(
            (place, first, way, node) -> NOT first OR way = 1 OR node = 1,
            arrayEnumerate(ways), firsts, nth_way, nth_node
        )
    )) AS met
    FROM (
        SELECT firsts, ways, arrayEnumerateUniq(ways) AS nth_way,
            arrayEnumerateUniq(arrayMap((number, name) -> toUInt32(number) * 65536 + name, numbers, shown)) AS nth_node,
            arrayDifference(arrayMap(step -> {relation.packing.time("step")}, steps)) AS taken
        FROM (
            SELECT steps, numbers, firsts, shown, arrayMap(
                (number, first, source, target) -> toUInt64(number) * 4294967296 + if(first, 0, source) * 65536 + target,
                numbers, firsts, arrayPopBack(arrayPushFront(shown, toUInt16(0))), shown
            ) AS ways
            FROM (SELECT steps, numbers, firsts, arrayMap(link -> {shown}, links) AS shown FROM {_linked(asked, scope, relation)})
        )
    )
)
GROUP BY met.1
{MEMORY_SETTINGS}, output_format_json_quote_denormals = 0
"""


OWN_NAMES = f"SELECT sipHash64(text) AS name, text FROM (SELECT arrayJoin(['{OTHER}', '{MORE}']) AS text)"
"""Statement of :class:`NameRow`: the names that are ours."""


def names_statement(asked: PathsAsked, scope: Scope, span: Span, names: list[int]) -> str:
    """Return a statement of :class:`NameRow` for the given hashes, all of which are of steps of somebody."""
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


def _linked(asked: PathsAsked, scope: Scope, relation: PathsRelation) -> str:
    """A row for each person, with arrays of all steps of their paths, one path after the other.

    Columns ``steps``, ``numbers`` (of the step), ``firsts`` (whether a path begins there), ``sources`` (code of the name
    before), ``names`` (code) and ``links`` (that lead there).
    """
    packing = relation.packing
    # Paths that end in the same step stand in line at their ends.
    from_end = asked.to_step is not None and asked.from_step is None
    number = f"{scope.bindings.whole(asked.depth)} - length(path) + place" if from_end else "place"
    return f"""(
    SELECT *, arrayMap(
        (number, source, name) -> {packing.link("number", "source", "name")}, numbers, sources, names
    ) AS links
    FROM (
        SELECT *, arrayMap(
            (first, name) -> if(first, toUInt64(0), name), firsts, arrayPopBack(arrayPushFront(names, toUInt64(0)))
        ) AS sources
        FROM (
            SELECT arrayFlatten(paths) AS steps,
                arrayFlatten(arrayMap(path -> arrayMap(place -> toUInt8({number}), arrayEnumerate(path)), paths)) AS numbers,
                arrayFlatten(arrayMap(path -> arrayMap(place -> toUInt8(place = 1), arrayEnumerate(path)), paths)) AS firsts,
                arrayMap(step -> {packing.name("step")}, steps) AS names
            FROM (SELECT {_cut(asked, scope, packing)} AS paths FROM {_trimmed(asked, scope, relation)})
        )
    )
)"""


def _split(asked: PathsAsked, scope: Scope, relation: PathsRelation) -> str:
    """A row for each person: ``paths``.

    Each is a person's events from one silence to the next, with events that repeat the name before them left out.
    """
    packing = relation.packing
    gap = scope.bindings.whole(asked.gap_micros)
    events = packing.in_order(relation.events, relation.tied, packing.code(relation.text))
    nothing = f"to{packing.kind}(0)"
    begins = f"{packing.time('event')} - {packing.time('before')} > {gap}"
    repeats = f"{packing.name('event')} = {packing.name('before')}"
    return f"""(
    SELECT arraySplit(event -> {packing.is_marked("event")}, arrayFilter(
        (event, before) -> {packing.is_marked("event")} OR NOT {repeats},
        events, arrayPopBack(arrayPushFront(events, {nothing}))
    )) AS paths
    FROM (
        SELECT arrayMap(
            (event, before) -> {packing.marked("event", begins)},
            events, arrayPopBack(arrayPushFront(events, {nothing}))
        ) AS events
        FROM {events}
    )
)"""


def _trimmed(asked: PathsAsked, scope: Scope, relation: PathsRelation) -> str:
    """Paths from the first ``from_step`` on, up to the first ``to_step`` after it; those without are left out."""
    packing = relation.packing
    found = _split(asked, scope, relation)
    if asked.from_step is not None:
        wanted = f"{packing.name('step')} = {packing.code(scope.bindings.text(asked.from_step))}"
        found = f"""(
    SELECT arrayMap(
        path -> arraySlice(path, arrayFirstIndex(step -> {wanted}, path)),
        arrayFilter(path -> arrayExists(step -> {wanted}, path), paths)
    ) AS paths
    FROM {found}
)"""
    if asked.to_step is not None:
        wanted = f"{packing.name('step')} = {packing.code(scope.bindings.text(asked.to_step))}"
        # The step that a path begins at cannot be the one that it leads to.
        searched, skipped = ("arrayPopFront(path)", 1) if asked.from_step is not None else ("path", 0)
        found = f"""(
    SELECT arrayMap(
        path -> arraySlice(path, 1, arrayFirstIndex(step -> {wanted}, {searched}) + {skipped}),
        arrayFilter(path -> arrayExists(step -> {wanted}, {searched}), paths)
    ) AS paths
    FROM {found}
)"""
    return found


def _cut(asked: PathsAsked, scope: Scope, packing: Packing) -> str:
    """Paths of ``depth`` steps at most: the first ones, or the last ones before ``to_step``."""
    depth = scope.bindings.whole(asked.depth)
    if asked.to_step is None:
        cut = f"arraySlice(path, 1, {depth})"
    elif asked.from_step is None:
        cut = f"arraySlice(path, greatest(1, length(path) - {depth} + 1))"
    else:
        beginning = f"arraySlice(path, 1, greatest(1, {depth} - 2))"
        if asked.depth > 2:
            time, code = packing.time(f"path[{depth} - 1]"), packing.code(scope.bindings.text(MORE))
            beginning += f", [{packing.packed(time, code)}]"
        cut = f"if(length(path) <= {depth}, path, arrayConcat({beginning}, arraySlice(path, -1)))"
    return f"arrayMap(path -> {cut}, paths)"
