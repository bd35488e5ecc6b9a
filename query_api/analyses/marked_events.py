"""Events of a range with a mark for each of several selectors that they fit. Pure."""

from collections.abc import Sequence

from query_api.questions.bindings import SqlPart
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import TRUE, filter_sql
from query_api.questions.filters import Group
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, Selector, selector_sql


def marked_events(
    scope: Scope,
    start_micros: int,
    end_micros: int,
    selectors: Sequence[Selector],
    also: Group | None,
    *,
    only: str | None = None,
    breakdown: Breakdown | None = None,
) -> str:
    """Return an events relation with columns ``is_0``, ``is_1``, … (0 or 1): whether an event is one of a selector's.

    Conditions stand in the statement once; what is made of the marks repeats no look-up of people or sessions.
    A row that arrived twice is there twice.

    Args:
        scope: of the statement.
        start_micros: since 1970-01-01 UTC.
        end_micros: likewise, not included.
        selectors: what is marked.
        also: holds for all events.
        only: condition on the marks and the relation's columns; None for all that fit any selector, and
            TRUE for those that fit none, too.
        breakdown: adds the column ``breakdown``.

    Raises:
        InvalidParameter: a filter names a cohort that the project does not have.
    """
    parts = [filter_sql(also, scope).text]
    names = [selector.event for selector in selectors if selector.event is not None]
    if only != TRUE and len(names) == len(selectors):
        # The primary key knows the names of events.
        parts.append(f"event IN {scope.bindings.texts(sorted(set(names)))}")
    where = SqlPart(" AND ".join(part for part in parts if part != TRUE) or TRUE)
    relation = events_relation(scope, start_micros, end_micros, once=False, where=where, breakdown=breakdown)
    marks = [selector_sql(selector, scope).text for selector in selectors]
    columns = ", ".join(f"toUInt8({mark}) AS is_{place}" for place, mark in enumerate(marks))
    kept = only if only is not None else " OR ".join(f"is_{place}" for place in range(len(marks)))
    return f"(SELECT *, {columns} FROM {relation} WHERE {kept})"
