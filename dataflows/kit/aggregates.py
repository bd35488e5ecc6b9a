"""What windows hold: counts, sums and the like. Pure.

A state is made of what MessagePack knows, and is small. Two states merge into that of both: of two messages,
two partitions, or two segments.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from typing import Any, Protocol

import msgspec

from dataflows.kit.batch import Column, column_of, storable

_encode = msgspec.msgpack.Encoder().encode
_HASHES = 2**64
_LARGEST = 2**63 - 1
_LARGEST_FLOAT = sys.float_info.max


class Aggregate(Protocol):
    """One number of a window."""

    @property
    def column(self) -> Column | None:
        """What it looks at; ``None`` if it only counts events."""
        ...

    def of(self, values: Sequence[Any]) -> Any:
        """Return the state of these values; of events, where there is no column."""
        ...

    def merge(self, state: Any, other: Any) -> Any:
        """Return the state of both, and change neither: windows that were handed on hold them."""
        ...

    def value(self, state: Any) -> Any:
        """Return the number."""
        ...

    def thaw(self, state: Any) -> Any:
        """Return a state as it was before MessagePack."""
        ...


class _Counted:
    """What is counted adds up: the state is the number."""

    def merge(self, state: int, other: int) -> int:
        return state + other

    def value(self, state: int) -> int:
        return state

    def thaw(self, state: int) -> int:
        return state


@dataclass(frozen=True)
class _Count(_Counted):
    column: None = None

    def of(self, values: Sequence[Any]) -> int:
        return len(values)


@dataclass(frozen=True)
class _CountOf(_Counted):
    column: Column

    def of(self, values: Sequence[Any]) -> int:
        return sum(map(bool, values))


@dataclass(frozen=True)
class _Sum:
    column: Column

    def of(self, values: Sequence[Any]) -> float:
        return _kept(sum(_numbers(values)))

    def merge(self, state: float, other: float) -> float:
        return _kept(state + other)

    def value(self, state: float) -> float:
        return state

    def thaw(self, state: float) -> float:
        return state


@dataclass(frozen=True)
class _Mean:
    column: Column

    def of(self, values: Sequence[Any]) -> list[float]:
        numbers = _numbers(values)
        return [_kept(sum(numbers)), len(numbers)]

    def merge(self, state: list[float], other: list[float]) -> list[float]:
        return [_kept(state[0] + other[0]), state[1] + other[1]]

    def value(self, state: list[float]) -> float | None:
        return state[0] / state[1] if state[1] else None

    def thaw(self, state: list[float]) -> list[float]:
        return state


@dataclass(frozen=True)
class _Extreme:
    column: Column
    largest: bool

    def of(self, values: Sequence[Any]) -> float | None:
        numbers = _numbers(values)
        if not numbers:
            return None
        return max(numbers) if self.largest else min(numbers)

    def merge(self, state: float | None, other: float | None) -> float | None:
        if state is None or other is None:
            return other if state is None else state
        return max(state, other) if self.largest else min(state, other)

    def value(self, state: float | None) -> float | None:
        return state

    def thaw(self, state: float | None) -> float | None:
        return state


@dataclass(frozen=True)
class _Distinct:
    """The smallest hashes: exact while they are fewer than ``most``, an estimate from how dense they lie beyond."""

    column: Column
    most: int

    def of(self, values: Sequence[Any]) -> set[int]:
        plain = storable(list(set(map(_plain, values))))
        return self._cut({_hash(value) for value in plain if value is not None})

    def merge(self, state: set[int], other: set[int]) -> set[int]:
        return self._cut(state | other)

    def value(self, state: set[int]) -> int:
        if len(state) < self.most:
            return len(state)
        return round((self.most - 1) * _HASHES / max(state))

    def thaw(self, state: Any) -> set[int]:
        return set(state)

    def _cut(self, hashes: set[int]) -> set[int]:
        return hashes if len(hashes) <= self.most else set(nsmallest(self.most, hashes))


@dataclass(frozen=True)
class _Top:
    """Counts of values; the rarest go when there are too many, so a count may then be too small, never too large."""

    column: Column
    k: int
    most: int

    def of(self, values: Sequence[Any]) -> dict[str, int]:
        return self._cut(Counter(str(value) for value in values if value is not None))

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        both = dict(state)
        for value, number in other.items():
            both[value] = both.get(value, 0) + number
        return self._cut(both)

    def value(self, state: dict[str, int]) -> list[tuple[str, int]]:
        return _largest(state, self.k)

    def thaw(self, state: dict[str, int]) -> dict[str, int]:
        return state

    def _cut(self, counts: dict[str, int]) -> dict[str, int]:
        # Twice as many may gather, so that cutting is rare.
        return dict(counts) if len(counts) <= 2 * self.most else dict(_largest(counts, self.most))


def count() -> Aggregate:
    """Count events."""
    return _Count()


def count_of(column: Column | str) -> Aggregate:
    """Count the events for which a column is true, such as :func:`dataflows.kit.batch.named`."""
    return _CountOf(column_of(column))


def sum_of(column: Column | str) -> Aggregate:
    """Add up the numbers of a column; what is no number counts as nothing."""
    return _Sum(column_of(column))


def mean_of(column: Column | str) -> Aggregate:
    """Take the mean of the numbers of a column; ``None`` if there is none."""
    return _Mean(column_of(column))


def min_of(column: Column | str) -> Aggregate:
    """Take the smallest number of a column; ``None`` if there is none."""
    return _Extreme(column_of(column), largest=False)


def max_of(column: Column | str) -> Aggregate:
    """Take the largest number of a column; ``None`` if there is none."""
    return _Extreme(column_of(column), largest=True)


def distinct_of(column: Column | str, *, most: int = 2048) -> Aggregate:
    """Count distinct values: exactly below ``most``, to within about ``1 / sqrt(most)`` beyond.

    A window and key take 8 bytes for each value, up to ``most``.
    """
    return _Distinct(column_of(column), most)


def top_of(column: Column | str, k: int, *, most: int = 1000) -> Aggregate:
    """Find the ``k`` most frequent values, as text, and how often each came: exactly while there are fewer than ``most``."""
    return _Top(column_of(column), k, max(k, most))


def _numbers(values: Sequence[Any]) -> list[float]:
    numbers = [value for value in values if type(value) is int or type(value) is float]
    if numbers and (max(numbers) > _LARGEST or min(numbers) < -_LARGEST):
        # Beyond floats it is a number for nobody.
        return [_kept(number) for number in numbers if -_LARGEST_FLOAT <= number <= _LARGEST_FLOAT]
    return numbers


def _kept(number: float) -> float:
    """Return a number as MessagePack can hold it: a larger integer as a float."""
    return number if -_LARGEST <= number <= _LARGEST else float(number)


def _plain(value: Any) -> Any:
    # A list or an object is no key; its JSON is.
    return repr(value) if isinstance(value, list | dict) else value


def _hash(value: Any) -> int:
    return int.from_bytes(blake2b(_encode(value), digest_size=8).digest(), "big")


def _largest(counts: Mapping[str, int], number: int) -> list[tuple[str, int]]:
    return nsmallest(number, counts.items(), key=lambda pair: (-pair[1], pair[0]))
