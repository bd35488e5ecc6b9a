"""Reads the numbers of series from the table that the planner chose."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import structlog

from query_api.analyses.trend_sql import (
    BREAKDOWNS,
    CELLS,
    COUNTS,
    USERS,
    bucket_values,
    numbers_from_events,
    top_values,
)
from query_api.buckets import Buckets
from query_api.columns import Columns
from query_api.errors import QueryTooExpensive
from query_api.plan import FROM_EVENTS, Exactness, Plan, Source, plan_trends
from query_api.questions.attributes import EVENT_NAME
from query_api.questions.filters import COHORT_OPERATORS, Group, Of
from query_api.questions.question import conditions_within
from query_api.questions.scope import Scope
from query_api.questions.selectors import Breakdown, Measure, Selector
from query_api.set_sizes import SetRow, is_mixture, numbers_of
from query_api.trend_rows import Line, Number, TrendRow, lines_of, overflowed, running

_log = structlog.get_logger()

_COUNTED = {Measure.EVENTS, Measure.USERS, Measure.SUM}
"""Measures of which nothing is 0; of nothing there is no average, and so on."""


_ABOUT_PEOPLE = {Measure.USERS, Measure.EVENTS_PER_USER}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One series.

    Attributes:
        selector: which events.
        measure: what is made of them.
        property_name: of the measure, if it is of one.
        values: of the breakdown, which to tell apart; None for the most frequent ones.
    """

    selector: Selector
    measure: Measure = Measure.EVENTS
    property_name: str | None = None
    values: tuple[str, ...] | None = None

    @property
    def empty(self) -> Number | None:
        """The value of a bucket without events."""
        return 0 if self.measure in _COUNTED else None


@dataclass(frozen=True, slots=True)
class Shared:
    """What all series of a question share.

    Attributes:
        buckets: when.
        filter: what has to hold for all events.
        breakdown: by what to tell events apart.
        cumulative: each bucket counts all before it, too.
        exact: estimates will not do.
    """

    buckets: Buckets
    filter: Group | None = None
    breakdown: Breakdown | None = None
    cumulative: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one series, a line for each value of the breakdown, and where they are from."""

    lines: list[Line]
    plan: Plan


class _Value(NamedTuple):
    value: str


def is_about_people(measures: Iterable[Measure], breakdown: Breakdown | None, *parts: object) -> bool:
    """Whether it matters to some numbers whose events they count.

    Args:
        measures: of the series.
        breakdown: that they share.
        parts: the question, or all parts of it that have filters.
    """
    return (
        not _ABOUT_PEOPLE.isdisjoint(measures)
        or (breakdown is not None and breakdown.of is not Of.EVENT)
        or any(
            condition.of is not Of.EVENT or condition.operator in COHORT_OPERATORS
            for condition in conditions_within(parts)
        )
    )


async def read_numbers(
    columns: Columns, scope: Scope, shared: Shared, series: Sequence[Wanted]
) -> list[Numbers]:
    """Return the numbers of each series.

    Raises:
        InvalidParameter: a filter names a cohort that the project does not have.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    # Series of a rollup that differ in nothing but their event are one statement.
    batches: dict[tuple[Any, ...], list[int]] = {}
    for place, wanted in enumerate(series):
        plan = _plan(scope, shared, wanted)
        alone = place if plan.source is Source.EVENTS else wanted.selector.event is not None
        batches.setdefault((plan, wanted.values, alone), []).append(place)
    answers = await asyncio.gather(
        *(
            _read_batch(columns, scope, shared, plan, [series[place] for place in places])
            for (plan, *_), places in batches.items()
        )
    )
    numbers = {
        place: one
        for places, batch in zip(batches.values(), answers, strict=True)
        for place, one in zip(places, batch, strict=True)
    }
    return [numbers[place] for place in range(len(series))]


def _plan(scope: Scope, shared: Shared, wanted: Wanted) -> Plan:
    plan = plan_trends(
        wanted.measure,
        shared.buckets,
        breakdown=shared.breakdown,
        filters=[group for group in (wanted.selector.filter, shared.filter) if group is not None],
        linked=scope.linked,
        cumulative=shared.cumulative,
    )
    return FROM_EVENTS if shared.exact and plan.exactness is not Exactness.EXACT else plan


async def _read_batch(
    columns: Columns, scope: Scope, shared: Shared, plan: Plan, batch: Sequence[Wanted]
) -> list[Numbers]:
    if plan.source is Source.EVENTS:
        return [await _read_events(columns, scope, shared, wanted) for wanted in batch]
    first = batch[0]
    named = first.selector.event is not None
    parameters = {
        **scope.anew().bindings.parameters,
        **bucket_values(shared.buckets),
        "events": list(dict.fromkeys(wanted.selector.event for wanted in batch)) if named else [],
    }
    if (plan.source, named) in USERS:
        rows = await _read_sets(columns, plan.source, shared.buckets, parameters)
    else:
        statement, more = _over_rollups(shared, plan, first.values, named=named)
        rows = await columns.rows(statement, parameters | more, TrendRow)
    rows_by_event: defaultdict[str, list[TrendRow]] = defaultdict(list)
    for row in rows:
        rows_by_event[row.series].append(row)
    return [
        await _settled(columns, scope, shared, wanted, plan, rows_by_event[wanted.selector.event or ""])
        for wanted in batch
    ]


def _over_rollups(
    shared: Shared, plan: Plan, values: tuple[str, ...] | None, *, named: bool
) -> tuple[str, dict[str, Any]]:
    """Return the statement and what it takes besides the range and the events."""
    if shared.breakdown is not None:
        by_name = shared.breakdown.property == EVENT_NAME
        return BREAKDOWNS[plan.source, named, values is not None, by_name], {
            "breakdown": shared.breakdown.property,
            "limit": shared.breakdown.limit,
            "values": list(values or ()),
        }
    if plan.cells is not None:
        return CELLS[plan.source, named], {
            "dimension": plan.cells.dimension,
            "values": list(plan.cells.values),
        }
    return COUNTS[plan.source, named], {}


async def _read_sets(
    columns: Columns, source: Source, buckets: Buckets, parameters: dict[str, Any]
) -> list[TrendRow]:
    names = parameters["events"]
    statement = USERS[source, bool(names)]
    # Of buckets that start together, the longer one is a union of several sets.
    place = (parameters["project_id"], source, buckets.runs[0].step)
    known = columns.set_sizes.known(place, product(names or [""], buckets.starts))
    rows = await columns.rows(statement, {**parameters, "known": list(known)}, SetRow)
    if is_mixture(rows):
        rows = await columns.rows(statement, {**parameters, "known": []}, SetRow)
    columns.set_sizes.learn(place, rows)
    return numbers_of(rows, known)


async def _settled(
    columns: Columns, scope: Scope, shared: Shared, wanted: Wanted, plan: Plan, rows: list[TrendRow]
) -> Numbers:
    """Return what a rollup said, unless its guard cut something off that the events can tell."""
    if not (plan.may_overflow and overflowed(rows)):
        return _numbers(shared, wanted, rows, plan)
    try:
        return await _read_events(columns, scope, shared, wanted)
    except QueryTooExpensive:
        # The rollup's answer is complete but for rare values, and says so.
        _log.info("trend stays approximate", source=plan.source)
        return _numbers(shared, wanted, rows, replace(plan, exactness=Exactness.APPROXIMATE))


async def _read_events(columns: Columns, scope: Scope, shared: Shared, wanted: Wanted) -> Numbers:
    what = (wanted.selector, wanted.measure, wanted.property_name, shared.buckets)
    values = wanted.values
    if shared.breakdown is not None and values is None:
        asking = scope.anew()
        statement = top_values(asking, *what, shared.breakdown, also=shared.filter)
        rows = await columns.rows(statement, asking.bindings.parameters, _Value)
        values = tuple(row.value for row in rows)
    asking = scope.anew()
    statement = numbers_from_events(
        asking,
        *what,
        also=shared.filter,
        breakdown=shared.breakdown,
        values=values or (),
        cumulative=shared.cumulative,
    )
    found = await columns.rows(statement, asking.bindings.parameters, TrendRow)
    # The statement is about one series, and does not repeat its name.
    named = [row._replace(series=wanted.selector.event or "") for row in found]
    return _numbers(shared, replace(wanted, values=values), named, FROM_EVENTS)


def _numbers(shared: Shared, wanted: Wanted, rows: Sequence[TrendRow], plan: Plan) -> Numbers:
    lines = lines_of(
        rows,
        shared.buckets.starts,
        [wanted.selector.event or ""],
        breakdown=shared.breakdown is not None,
        empty=wanted.empty,
    )
    if shared.cumulative:
        lines = [running(line) for line in lines]
    return Numbers(lines, plan)
