"""From the rows that a store answers to the series of an answer. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple

from schemas.rollup import OTHER

Number = int | float


class Kind(StrEnum):
    """What a row counts."""

    TOTAL = "total"
    """All, not by property."""
    VALUE = "value"
    """One of the values that are told apart."""
    REST = "rest"
    """The values beyond those."""
    GUARD = "guard"
    """What the cardinality guard of the rollups cut off."""
    CUT = "cut"
    """That the guard cut off something which may have been asked for; counts nothing."""
    NONE = "none"
    """Events that lack the property."""


class TrendRow(NamedTuple):
    """One number."""

    series: str
    """The event; empty when all events are one series, or the statement is about one series."""
    kind: Kind
    value: str
    """Of the property, for :attr:`Kind.VALUE`."""
    start: int | None
    """Of the bucket, UTC seconds; ``None`` for the whole range."""
    n: int | float | None
    """``None``: there is no such number, as with the average of nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series: a value for each bucket, and one for the whole range."""

    series: str
    breakdown: str | None
    values: tuple[Number | None, ...]
    total: Number | None


@dataclass(slots=True)
class _Numbers:
    by_start: dict[int, Number | None]
    total: Number | None = None
    has_total: bool = False

    def line(self, series: str, breakdown: str | None, starts: Sequence[int], empty: Number | None) -> Line:
        values = tuple(self.by_start.get(start, empty) for start in starts)
        # Users of a range are not the sum of its buckets', so those come with a total of their own.
        total = self.total if self.has_total else _sum(values)
        return Line(series, breakdown, values, total)


_Gathered = dict[tuple[Kind, str], _Numbers]


def overflowed(rows: Iterable[TrendRow]) -> bool:
    """Whether the cardinality guard cut something off that may have been asked for."""
    return any(row.kind in {Kind.GUARD, Kind.CUT} for row in rows)


def lines_of(
    rows: Iterable[TrendRow],
    starts: Sequence[int],
    series: Sequence[str],
    *,
    breakdown: bool,
    empty: Number | None = 0,
) -> list[Line]:
    """Arrange rows as series, in the order asked for; buckets without a row are ``empty``.

    With ``breakdown`` each of ``series`` becomes its values, the largest first, then the others
    as ``$other``, then events without the property (``None``); what there is none of is left out.
    Rows of the guard count among the others.
    """
    gathered: defaultdict[str, _Gathered] = defaultdict(dict)
    for row in rows:
        if row.kind is Kind.CUT:
            continue
        kind = Kind.REST if row.kind is Kind.GUARD else row.kind
        numbers = gathered[row.series].setdefault((kind, row.value), _Numbers({}))
        if row.start is None:
            numbers.total, numbers.has_total = row.n, True
        elif row.start in numbers.by_start:
            numbers.by_start[row.start] = (numbers.by_start[row.start] or 0) + (row.n or 0)
        else:
            numbers.by_start[row.start] = row.n
    lines: list[Line] = []
    for name in series:
        if breakdown:
            lines += _broken_down(name, gathered[name], starts, empty)
        else:
            nothing = _Numbers({}, empty, has_total=True)
            lines.append(gathered[name].get((Kind.TOTAL, ""), nothing).line(name, None, starts, empty))
    return lines


def running(line: Line) -> Line:
    """Return a line whose values are each the sum up to there."""
    values = tuple(accumulate(value or 0 for value in line.values))
    return Line(line.series, line.breakdown, values, values[-1] if values else 0)


def _broken_down(name: str, gathered: _Gathered, starts: Sequence[int], empty: Number | None) -> list[Line]:
    values = [
        numbers.line(name, value, starts, empty)
        for (kind, value), numbers in gathered.items()
        if kind is Kind.VALUE
    ]
    lines = sorted(values, key=lambda line: (-(line.total or 0), line.breakdown))
    if (Kind.REST, "") in gathered:
        lines.append(gathered[Kind.REST, ""].line(name, OTHER, starts, empty))
    if (Kind.TOTAL, "") in gathered:
        # Rollups have no cell for events without the property: they are what the others leave.
        whole = gathered[Kind.TOTAL, ""].line(name, None, starts, empty)
        left = tuple(
            (value or 0) - sum(part or 0 for part in parts)
            for value, *parts in zip(whole.values, *(line.values for line in lines), strict=True)
        )
        if any(left):
            lines.append(Line(name, None, left, _sum(left)))
    elif (Kind.NONE, "") in gathered:
        lines.append(gathered[Kind.NONE, ""].line(name, None, starts, empty))
    return lines


def _sum(values: Iterable[Number | None]) -> Number:
    return sum(value or 0 for value in values)
