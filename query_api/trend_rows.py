"""From the rows that a store answers to the series of an answer. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from schemas.rollup import OTHER


class Kind(StrEnum):
    """What a row counts."""

    TOTAL = "total"
    """All, not by property."""
    VALUE = "value"
    """One of the most frequent values."""
    REST = "rest"
    """The values beyond those."""
    GUARD = "guard"
    """What the cardinality guard of the rollups cut off."""
    NONE = "none"
    """Events that lack the property."""


class TrendRow(NamedTuple):
    """One number."""

    series: str
    """The event; empty when all events are one series."""
    kind: Kind
    value: str
    """Of the property, for :attr:`Kind.VALUE`."""
    start: int | None
    """Of the bucket, UTC seconds; ``None`` for the whole range."""
    n: int


@dataclass(frozen=True, slots=True)
class Line:
    """One series: a value for each bucket, and one for the whole range."""

    series: str
    breakdown: str | None
    values: tuple[int, ...]
    total: int


@dataclass(slots=True)
class _Numbers:
    by_start: dict[int, int]
    total: int | None = None

    def line(self, series: str, breakdown: str | None, starts: Sequence[int]) -> Line:
        values = tuple(self.by_start.get(start, 0) for start in starts)
        # Users of a range are not the sum of its buckets', so those come with a total of their own.
        return Line(series, breakdown, values, sum(values) if self.total is None else self.total)


_Gathered = dict[tuple[Kind, str], _Numbers]


def overflowed(rows: Iterable[TrendRow]) -> bool:
    """Whether the cardinality guard cut values off somewhere in these rows."""
    return any(row.kind is Kind.GUARD for row in rows)


def lines_of(
    rows: Iterable[TrendRow], starts: Sequence[int], series: Sequence[str], *, breakdown: bool
) -> list[Line]:
    """Arrange rows as series, in the order asked for; buckets without a row are 0.

    With ``breakdown`` each of ``series`` becomes its most frequent values, then the sum of the others
    as ``$other``, then events without the property (``None``); what counts nothing is left out.
    Rows of the guard count among the others.
    """
    gathered: defaultdict[str, _Gathered] = defaultdict(dict)
    for row in rows:
        kind = Kind.REST if row.kind is Kind.GUARD else row.kind
        numbers = gathered[row.series].setdefault((kind, row.value), _Numbers({}))
        if row.start is None:
            numbers.total = row.n
        else:
            numbers.by_start[row.start] = numbers.by_start.get(row.start, 0) + row.n
    lines: list[Line] = []
    for name in series:
        if breakdown:
            lines += _broken_down(name, gathered[name], starts)
        else:
            lines.append(gathered[name].get((Kind.TOTAL, ""), _Numbers({})).line(name, None, starts))
    return lines


def _broken_down(name: str, gathered: _Gathered, starts: Sequence[int]) -> list[Line]:
    values = [
        numbers.line(name, value, starts) for (kind, value), numbers in gathered.items() if kind is Kind.VALUE
    ]
    lines = sorted(values, key=lambda line: (-line.total, line.breakdown))
    if (Kind.REST, "") in gathered:
        lines.append(gathered[Kind.REST, ""].line(name, OTHER, starts))
    if (Kind.TOTAL, "") in gathered:
        # Rollups have no cell for events without the property: they are what the others leave.
        whole = gathered[Kind.TOTAL, ""].line(name, None, starts)
        left = tuple(
            value - sum(parts)
            for value, *parts in zip(whole.values, *(line.values for line in lines), strict=True)
        )
        lines.append(Line(name, None, left, sum(left)))
    elif (Kind.NONE, "") in gathered:
        lines.append(gathered[Kind.NONE, ""].line(name, None, starts))
    return [line for line in lines if line.total]
