"""What comes out of steps, and goes into sinks: rows, and where in the log they come from."""

from typing import Any, Generic, NamedTuple, TypeVar

from bytewax.operators import KeyedStream

from dataflows.kit.window_spec import WindowShape, WindowSpec

T = TypeVar("T")
U = TypeVar("U")

EVERYWHERE = "all"
"""Partition of what was made of all partitions; its offsets are windows, in order."""


class Rows(NamedTuple, Generic[T]):
    """Rows that came to be at one offset: a function of the log, the same however often it is read."""

    partition: str
    offset: int
    log_time: float
    rows: list[T]

    def holding(self, rows: list[U]) -> "Rows[U]":
        """Return other rows that came to be at the same place."""
        return Rows(self.partition, self.offset, self.log_time, rows)


class Window(NamedTuple):
    """What one partition knows of one window and key: cumulative since its segment opened.

    An event that comes after its window was closed opens a new segment, so nothing is ever too late::

        value of a window = sum over (partition, segment) of the value at the highest version
    """

    key: tuple[Any, ...]
    """The project, and what the window was told to count by."""
    start: int
    """In seconds since 1970."""
    end: int
    """Likewise; not included."""
    partition: str
    segment: int
    """Offset of the message that opened the segment."""
    version: int
    """Offset of the last message that counted into it."""
    states: list[Any]
    """Of each aggregate."""
    shape: WindowShape
    late: bool = False
    """Whether the window had been past already when this segment opened."""

    @property
    def project_id(self) -> int:
        """Whose events it counts."""
        return int(self.key[0])

    @property
    def by(self) -> dict[str, Any]:
        """What it was counted by: name -> value."""
        return dict(zip(self.shape.by, self.key[1:], strict=True))

    @property
    def values(self) -> dict[str, Any]:
        """The numbers: name -> value."""
        return self.shape.values(self.states)


class WindowRows(NamedTuple):
    """What changed in the windows of a partition while some messages were counted.

    Which messages were taken together is chance, so ``changed`` is for sinks that keep the newest version of a
    row. ``closed`` is a function of the log.
    """

    partition: str
    offset: int
    """Of the last message."""
    log_time: float
    changed: list[Window]
    closed: list[tuple[int, list[Window]]]
    """Windows that were closed, after the offset of the message that closed them."""
    spec: WindowSpec


Windows = KeyedStream[WindowRows]
"""A stream of windows as they grow, by partition."""
