"""Rollups: counts by time bucket, written as cumulative values that a store may see many times.

A *cell* is one number of a rollup: project, interval, bucket, event, dimension = value. Each
partition counts its own share of a cell, in *segments*: a segment opens with the event that opens
the cell at that partition (its message's offset names the segment) and is closed when log time has
passed the bucket; an event that comes later opens another one. Within a segment the value only
grows with the log, so the row with the highest version is the truth, however often and in whatever
order rows arrive::

    value of a cell = sum over (partition, segment) of the value at the highest version
"""

from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from math import ceil
from typing import NamedTuple


class Interval(IntEnum):
    """Length of a bucket, in seconds."""

    MINUTE = 60
    HOUR = 3600


TOTAL = ""
"""Dimension (and value) of a cell that counts all of an event, not broken down."""

OTHER = "$other"
"""Value that stands for all beyond the cardinality guard."""


class CellKey(NamedTuple):
    """Which number it is."""

    project_id: int
    interval: int
    """Seconds, a member of :class:`Interval`."""
    bucket: int
    """Start of the bucket, in seconds since 1970-01-01 UTC."""
    event: str
    dimension: str
    value: str


class CellGroup(NamedTuple):
    """The cells of one dimension: a :class:`CellKey` without its value."""

    project_id: int
    interval: int
    bucket: int
    event: str
    dimension: str


class RollupRows(NamedTuple):
    """One emission of cells of a dimension by one partition; each value is a row in the store."""

    group: CellGroup
    partition: int
    segment: int
    """Offset of the message that opened the segment."""
    version: int
    """Offset of the last message that counted into it."""
    totals: dict[str, int]
    """value -> events counted since the segment opened"""

    def cells(self) -> Iterator[tuple[CellKey, int]]:
        """Yield each cell with its total."""
        for value, total in self.totals.items():
            yield CellKey(*self.group, value), total


class HourRange(NamedTuple):
    """Whole hours, since cells by hour cannot be told apart within one."""

    begin: int
    """Seconds since 1970 UTC, a whole hour."""
    end: int
    """Likewise; not included."""

    @classmethod
    def around(cls, begin: datetime, end: datetime) -> "HourRange":
        """Return the fewest whole hours that hold a span of time; both ends are aware."""
        return cls(
            int(begin.timestamp()) // Interval.HOUR * Interval.HOUR,
            -(-ceil(end.timestamp()) // Interval.HOUR) * Interval.HOUR,
        )

    def within(self, begin: int, end: int) -> "HourRange | None":
        """Return what of this range lies between two other times, if anything does."""
        begin, end = max(self.begin, begin), min(self.end, end)
        return HourRange(begin, end) if begin < end else None
