"""The relation that analyses read: a project's events of a range, each with the person that it belongs to."""

from collections.abc import Sequence

from query_api.people.relations import group_values, person_values
from query_api.questions.attributes import event_attribute, group_key, json_attribute, text_attribute
from query_api.questions.bindings import Bindings, SqlPart
from query_api.questions.filter_sql import TRUE, session_attribute
from query_api.questions.filters import Of
from query_api.questions.people_sql import LINKED_PEOPLE, SESSIONS
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, is_carried

COLUMNS = (
    "event",
    "distinct_id",
    "timestamp",
    "session_id",
    "properties",
    "context",
    "source",
    "event_id",
    "received_at",
)
"""Of the relation, besides ``person`` and ``breakdown``."""


def events_relation(
    scope: Scope,
    start_micros: int,
    end_micros: int,
    *,
    once: bool,
    where: SqlPart | None = None,
    breakdown: Breakdown | None = None,
    rows: str | None = None,
    also: Sequence[str] = (),
) -> str:
    """Return a subquery, in brackets, of the events that happened in [start, end).

    It has the columns of :data:`COLUMNS` and ``person`` (String), the person's id: of a linked distinct id
    what table ``people`` says, of every other the distinct id itself. Only the columns that the statement around it
    uses are read.

    Args:
        scope: of the statement.
        start_micros: since 1970-01-01 UTC.
        end_micros: likewise.
        once: a row that arrived twice counts once (``FINAL``). Without it the relation is much cheaper, and right
            for what does not change when a row comes twice: distinct people, first and last times, sets.
        where: a condition on these same columns, as filter_sql and selectors make it.
        breakdown: adds the column ``breakdown``, Nullable(String): the value of this property.
        rows: subquery, in brackets, of the events; None for :func:`stored_events` of just these arguments.
        also: columns that ``rows`` has besides; they come along.
    """
    rows = stored_events(scope, start_micros, end_micros, once=once) if rows is None else rows
    columns = ", ".join((*COLUMNS, *also))
    person, people = "distinct_id", ""
    if scope.linked:
        people = f" LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = found.distinct_id"
        columns = ", ".join(f"found.{name} AS {name}" for name in (*COLUMNS, *also))
        person = "if(linked.person_id = '', found.distinct_id, linked.person_id)"
    relation = f"(SELECT {columns}, {person} AS person FROM {rows} AS found{people})"
    condition = where.text if where is not None else TRUE
    if condition != TRUE:
        relation = f"(SELECT * FROM {relation} WHERE {condition})"
    return relation if breakdown is None else _with_breakdown(relation, breakdown, scope)


def stored_events(
    scope: Scope,
    start_micros: int,
    end_micros: int,
    *,
    once: bool,
    where: str = TRUE,
    also: Sequence[str] = (),
) -> str:
    """Return a subquery, in brackets, of events as they are stored: of :data:`COLUMNS`.

    Args:
        scope: of the statement.
        start_micros: since 1970-01-01 UTC.
        end_micros: likewise, not included.
        once: a row that arrived twice counts once.
        where: a condition on these columns.
        also: expressions over them, with names, that become columns too.
    """
    start, end = scope.bindings.whole(start_micros), scope.bindings.whole(end_micros)
    condition = f" AND {where}" if where != TRUE else ""
    return f"""(
    SELECT {", ".join((*COLUMNS, *also))}
    FROM events{" FINAL" if once else ""}
    WHERE project_id = {{project_id:UInt32}}
        AND timestamp >= fromUnixTimestamp64Micro({start}, 'UTC')
        AND timestamp < fromUnixTimestamp64Micro({end}, 'UTC'){condition}
)"""


def carried_label(breakdown: Breakdown, bindings: Bindings) -> str:
    """Return what a breakdown tells apart, if events carry it: Nullable(String) over :data:`COLUMNS`."""
    if breakdown.of is Of.EVENT:
        return event_attribute(breakdown.property, bindings).label
    return text_attribute(group_key(breakdown.of, bindings)).label


def _with_breakdown(relation: str, breakdown: Breakdown, scope: Scope) -> str:
    bindings = scope.bindings
    if is_carried(breakdown):
        return f"(SELECT *, {carried_label(breakdown, bindings)} AS breakdown FROM {relation})"
    if breakdown.of is Of.SESSION:
        label, values = session_attribute(breakdown.property).label, SESSIONS
        key, holder = "session_id", "found.session_id"
    else:
        label, only = json_attribute("value", bindings).label, bindings.texts([breakdown.property])
        if breakdown.of is Of.PERSON:
            values = person_values(linked=scope.linked, only=only)
            key, holder = "person", "found.person"
        else:
            values = group_values(of=bindings.text(breakdown.of), only=only)
            key, holder = "key", group_key(breakdown.of, bindings)
    return f"""(
    SELECT found.*, known.breakdown AS breakdown
    FROM {relation} AS found
    LEFT ANY JOIN (SELECT {key}, {label} AS breakdown FROM {values}) AS known ON known.{key} = {holder}
)"""
