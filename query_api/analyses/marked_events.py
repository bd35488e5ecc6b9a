"""Events of a range with a mark for each of several selectors that they fit. Pure.

To read a property of an event costs ten times what its name and time do, and the store reads it for every row of a
subquery that asks for it, whatever else it asks. So events of which properties are asked stand in subqueries of their own,
by name, which the primary key finds, and all others together in one.
"""

from collections.abc import Iterator, Sequence

from query_api.questions.events_relation import carried_label, events_relation, stored_events
from query_api.questions.filter_sql import TRUE, filter_sql
from query_api.questions.filters import COHORT_OPERATORS, Group, Of, conditions_of
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, Selector, is_carried, selector_sql

_NO_LABEL = "CAST(NULL, 'Nullable(String)')"


def marked_events(
    scope: Scope,
    start_micros: int,
    end_micros: int,
    selectors: Sequence[Selector],
    also: Group | None,
    *,
    only: str | None = None,
    breakdown: Breakdown | None = None,
    labelled: Sequence[Selector] = (),
) -> str:
    """Return an events relation with columns ``is_0``, ``is_1``, … (0 or 1): whether an event is one of a selector's.

    Conditions on people and sessions stand in the statement once; what is made of the marks repeats no look-up of them.
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
        labelled: of which selectors' events that is wanted; others may have null there.

    Raises:
        InvalidParameter: a filter names a cohort that the project does not have.
    """
    early = [place for place, selector in enumerate(selectors) if _is_of_events(selector.filter)]
    labelled = labelled if breakdown is not None and is_carried(breakdown) else ()
    costly = [selectors[place] for place in early if next(conditions_of(selectors[place].filter), None)]
    apart = sorted({one.event for one in (*costly, *labelled) if one.event is not None})
    rows = [
        stored_events(scope, start_micros, end_micros, once=False, where=where, also=columns)
        for where, columns in _subqueries(scope, selectors, early, apart, only, breakdown, labelled)
    ]
    relation = events_relation(
        scope,
        start_micros,
        end_micros,
        once=False,
        rows=f"({' UNION ALL '.join(rows)})",
        also=[*(f"is_{place}" for place in early), *(["breakdown"] if labelled else [])],
        where=filter_sql(also, scope),
        breakdown=None if labelled else breakdown,
    )
    late = "".join(
        f", toUInt8({selector_sql(selector, scope).text}) AS is_{place}"
        for place, selector in enumerate(selectors)
        if place not in early
    )
    kept = only if only is not None else " OR ".join(f"is_{place}" for place in range(len(selectors)))
    return f"(SELECT *{late} FROM {relation} WHERE {kept})"


def _is_of_events(group: Group | None) -> bool:
    """Whether all that a filter looks at comes with the event."""
    return all(
        condition.of is Of.EVENT and condition.operator not in COHORT_OPERATORS
        for condition in conditions_of(group)
    )


def _subqueries(
    scope: Scope,
    selectors: Sequence[Selector],
    early: list[int],
    apart: list[str],
    only: str | None,
    breakdown: Breakdown | None,
    labelled: Sequence[Selector],
) -> Iterator[tuple[str, list[str]]]:
    """Yield each subquery's condition, and the columns that it adds.

    Args:
        scope: of the statement.
        selectors: what is marked.
        early: places of those of which an event itself says whether it is one.
        apart: names that have a subquery of their own.
        only: as for :func:`marked_events`, like ``breakdown``.
        breakdown: of the events, if there are ``labelled``.
        labelled: of which selectors' events it is wanted.
    """
    for which, name in _branches(scope, selectors, apart, everything=only == TRUE):
        fitting = [place for place, one in enumerate(selectors) if _may_be_of(one, name, apart)]
        marks = {place: selector_sql(selectors[place], scope).text for place in early if place in fitting}
        where = which
        if only is None and len(fitting) == len(marks) == 1:
            # Events that do not fit are not wanted, so they need no mark that says so.
            where, marks = f"{which} AND {marks[fitting[0]]}", {fitting[0]: TRUE}
        columns = [f"toUInt8({marks.get(place, 0)}) AS is_{place}" for place in early]
        if breakdown is not None and labelled:
            wanted = any(_may_be_of(one, name, apart) for one in labelled)
            label = carried_label(breakdown, scope.bindings) if wanted else _NO_LABEL
            columns.append(f"{label} AS breakdown")
        yield where, columns


def _branches(
    scope: Scope, selectors: Sequence[Selector], apart: list[str], *, everything: bool
) -> list[tuple[str, str | None]]:
    """Return the condition of each subquery, and the name that its events have; None for several.

    Args:
        scope: of the statement.
        selectors: which events are wanted.
        apart: names that have a subquery of their own.
        everything: all others are wanted, too.
    """
    branches: list[tuple[str, str | None]] = [
        (f"event = {scope.bindings.text(name)}", name) for name in apart
    ]
    names = [selector.event for selector in selectors]
    if everything or None in names:
        branches.append((f"event NOT IN {scope.bindings.texts(apart)}" if apart else TRUE, None))
    elif others := sorted({name for name in names if name is not None and name not in apart}):
        branches.append((f"event IN {scope.bindings.texts(others)}", None))
    return branches


def _may_be_of(selector: Selector, name: str | None, apart: list[str]) -> bool:
    """Whether events of a subquery may be a selector's."""
    if selector.event is None:
        return True
    return selector.event == name if name is not None else selector.event not in apart
