"""What a step over windows counts, and which windows there are. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataflows.kit.aggregates import Aggregate
from dataflows.kit.batch import Column


@dataclass(frozen=True)
class WindowShape:
    """What a window step counts, by which columns.

    Attributes:
        by: names of the columns after the project.
        aggregates: by name.
    """

    by: tuple[str, ...]
    aggregates: Mapping[str, Aggregate]

    def values(self, states: Sequence[Any]) -> dict[str, Any]:
        """Return the number of each state by its name."""
        named = zip(self.aggregates.items(), states, strict=True)
        return {name: aggregate.value(state) for (name, aggregate), state in named}

    def merge(self, states: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """Return the states of both."""
        return [
            aggregate.merge(state, other)
            for aggregate, state, other in zip(self.aggregates.values(), states, others, strict=True)
        ]

    def thaw(self, states: Sequence[Any]) -> list[Any]:
        """Return states as they were before MessagePack."""
        return [
            aggregate.thaw(state) for aggregate, state in zip(self.aggregates.values(), states, strict=True)
        ]

    def nothing(self) -> list[Any]:
        """Return the states of no event."""
        return [aggregate.of(()) for aggregate in self.aggregates.values()]


@dataclass(frozen=True)
class WindowSpec:
    """Which windows a step has, and what it counts in them.

    Attributes:
        shape: what is counted.
        columns: of a window's key, after the project.
        length: of a window, in seconds.
        every: seconds from one window's start to the next one's; divides ``length``.
        grace: log time after a window's end at which it is closed, in seconds.
        most_keys: keys that a window tells apart; the rest counts as ``$other``.
    """

    shape: WindowShape
    columns: tuple[Column, ...]
    length: int
    every: int
    grace: float
    most_keys: int

    def is_past(self, start: int, log_time: float) -> bool:
        """Whether log time has passed a window's end and the grace."""
        return start + self.length + self.grace < log_time
