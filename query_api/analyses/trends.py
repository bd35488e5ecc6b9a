"""Numbers over time: series, formulas over them, and the period before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from query_api.analyses.formula import Formula, parse_formula
from query_api.analyses.trend_models import (
    KEYS,
    PreviousTrend,
    TrendLine,
    TrendsQuestion,
    TrendsResult,
)
from query_api.analyses.trend_numbers import Numbers, Shared, Wanted, is_about_people, read_numbers
from query_api.buckets import Buckets
from query_api.open_question import open_question
from query_api.plan import Exactness, Source
from query_api.questions.ranges import Before, buckets_in, period_before, span_of
from query_api.questions.scope import Scope
from query_api.rooms import Rooms
from query_api.trend_rows import Line, Number
from schemas.rollup import OTHER

_FINENESS = list(Source)
"""Coarsest first."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the answer before it is written down."""

    key: str
    event: str | None
    label: str | None
    line: Line


async def read_trend_lines(rooms: Rooms, project_id: int, asked: TrendsQuestion) -> TrendsResult:
    """Answer a question about trends.

    Raises:
        InvalidParameter: the range makes no sense, or there would be too many points.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    buckets = buckets_in(span, asked.interval, series=_most_lines(asked))
    earlier = period_before(buckets, asked.interval, rooms.now()) if asked.compare else None
    people = is_about_people((one.measure for one in asked.series), asked.breakdown, asked)
    as_of, scope = await open_question(rooms, project_id, asked, people=people)
    numbers = await _read(rooms, scope, asked, buckets)
    rows = _rows(asked, numbers, buckets)
    before: list[Numbers] = []
    previous: dict[tuple[str, str | None], Line] = {}
    if earlier is not None:
        before = await _read(rooms, scope, asked, earlier.buckets, _values_of(asked, numbers))
        previous = {(row.key, row.line.breakdown): row.line for row in _rows(asked, before, earlier.buckets)}
    return TrendsResult.model_validate(
        {
            "interval": asked.interval,
            "timezone": asked.timezone,
            "from": buckets.label(buckets.start),
            "to": buckets.label(buckets.end),
            "series": [_written(asked, row, buckets, earlier, previous) for row in rows],
            "as_of": as_of,
            "exactness": exactness_of([*numbers, *before]),
            "source": source_of([*numbers, *before]),
        }
    )


def source_of(numbers: Sequence[Numbers]) -> Source:
    """Return the finest table that was read."""
    return max((one.plan.source for one in numbers), key=_FINENESS.index)


def exactness_of(numbers: Sequence[Numbers]) -> Exactness:
    """Return how exact the least exact of them is."""
    approximate = any(one.plan.exactness is Exactness.APPROXIMATE for one in numbers)
    return Exactness.APPROXIMATE if approximate else Exactness.EXACT


def _most_lines(asked: TrendsQuestion) -> int:
    series = len(asked.series) + (asked.formula is not None)
    values = 1 if asked.breakdown is None else asked.breakdown.limit + 2
    return series * values * (2 if asked.compare else 1)


def _formula(asked: TrendsQuestion) -> Formula | None:
    return None if asked.formula is None else parse_formula(asked.formula)


async def _read(
    rooms: Rooms,
    scope: Scope,
    asked: TrendsQuestion,
    buckets: Buckets,
    values: Sequence[tuple[str, ...] | None] | None = None,
) -> list[Numbers]:
    """Read all series; ``values`` says for each which values of the breakdown to tell apart."""
    shared = Shared(buckets, asked.filter, asked.breakdown, asked.cumulative)
    wanted = [Wanted(one, one.measure, one.property) for one in asked.series]
    formula = _formula(asked)
    if values is None and formula is not None and asked.breakdown is not None:
        first = KEYS.index(formula.letters[0])
        leading = await read_numbers(rooms.columns, scope, shared, [wanted[first]])
        values = [_told_apart(leading[0])] * len(wanted)
    if values is not None:
        wanted = [replace(one, values=some) for one, some in zip(wanted, values, strict=True)]
    return await read_numbers(rooms.columns, scope, shared, wanted)


def _values_of(asked: TrendsQuestion, numbers: Sequence[Numbers]) -> list[tuple[str, ...] | None]:
    return [_told_apart(one) if asked.breakdown is not None else None for one in numbers]


def _told_apart(numbers: Numbers) -> tuple[str, ...]:
    return tuple(
        line.breakdown for line in numbers.lines if line.breakdown is not None and line.breakdown != OTHER
    )


def _rows(asked: TrendsQuestion, numbers: Sequence[Numbers], buckets: Buckets) -> list[_Row]:
    rows = [
        _Row(key, one.event, one.label, line)
        for key, one, found in zip(KEYS, asked.series, numbers, strict=False)
        for line in found.lines
    ]
    formula = _formula(asked)
    if formula is not None:
        by_key = [(key, one.lines) for key, one in zip(KEYS, numbers, strict=False)]
        empty = {key: Wanted(one, one.measure).empty for key, one in zip(KEYS, asked.series, strict=False)}
        rows += [
            _Row("formula", None, asked.formula, line)
            for line in _calculated(formula, dict(by_key), empty, len(buckets.starts))
        ]
    return rows


def _calculated(
    formula: Formula, series: dict[str, list[Line]], empty: dict[str, Number | None], length: int
) -> list[Line]:
    """Apply a formula to the lines of each value of the breakdown."""
    labels = list(dict.fromkeys(line.breakdown for letter in formula.letters for line in series[letter]))
    # The values first, then the others, then events without any.
    labels.sort(key=lambda label: (label is None, label == OTHER))
    lines = []
    for label in labels:
        parts = {}
        for letter in formula.letters:
            nothing = Line("", label, (empty[letter],) * length, empty[letter])
            parts[letter] = next((line for line in series[letter] if line.breakdown == label), nothing)
        values = tuple(
            formula.value({letter: part.values[place] for letter, part in parts.items()})
            for place in range(length)
        )
        total = formula.value({letter: part.total for letter, part in parts.items()})
        lines.append(Line("", label, values, total))
    return lines


def _written(
    asked: TrendsQuestion,
    row: _Row,
    buckets: Buckets,
    earlier: Before | None,
    previous: dict[tuple[str, str | None], Line],
) -> TrendLine:
    before = None
    if earlier is not None:
        counted = earlier.buckets
        line = previous.get((row.key, row.line.breakdown)) or _nothing(asked, row, len(counted.starts))
        later = [
            {"time": counted.label(start), "value": None} for start in earlier.starts[len(counted.starts) :]
        ]
        before = PreviousTrend.model_validate(
            {
                "points": _points(line, counted) + later,
                "total": line.total,
                "to": counted.label(counted.end),
            }
        )
    return TrendLine.model_validate(
        {
            "key": row.key,
            "event": row.event,
            "label": row.label,
            "breakdown": row.line.breakdown,
            "points": _points(row.line, buckets),
            "total": row.line.total,
            "previous": before,
        }
    )


def _nothing(asked: TrendsQuestion, row: _Row, length: int) -> Line:
    """Return the line of a value that did not come in the period before."""
    empty = None
    if row.key in KEYS:
        empty = Wanted(asked.series[KEYS.index(row.key)], asked.series[KEYS.index(row.key)].measure).empty
    return Line("", row.line.breakdown, (empty,) * length, empty)


def _points(line: Line, buckets: Buckets) -> list[dict[str, Any]]:
    # Thousands of points become an answer at once, faster than one by one.
    return [{"time": label, "value": value} for label, value in zip(buckets.labels, line.values, strict=True)]
