"""Counts events into tumbling and sliding windows, one partition's share of each. Pure.

Everything is a function of the log alone, by the rule of :mod:`dataflows.rollup`, at messages:

* *Log time* is the running maximum of the time of arrival, never a clock.
* Before a message is counted, windows whose end and grace log time has passed (this message included) are
  closed, at this message's offset. So a late event opens a new segment of its window, which the next message
  closes.

A message is grouped by window and key first, and only then counted: the cost is that of its groups, not of its
events. A sliding window takes in the group of each step that it covers.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import repeat
from typing import Any

import msgspec

from dataflows.kit.batch import EventBatch, storable
from dataflows.kit.rows import Window
from dataflows.kit.window_spec import WindowSpec

_MOST_BOUNDS = 16
OTHER = "$other"
"""Stands for the keys of a window that were too many."""

_Key = tuple[Any, ...]
_Groups = dict[int, dict[_Key, list[Any]]]  # start of a step -> key -> states


class _Bucket(msgspec.Struct, array_like=True):
    segment: int
    version: int
    late: bool
    cells: dict[_Key, list[Any]]


class _State(msgspec.Struct, array_like=True):
    version: int
    log_time: float
    buckets: list[tuple[int, int, int, bool, list[tuple[_Key, list[Any]]]]]
    """Start, segment, version, whether it is late, and cells."""


_STATE_VERSION = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class WindowCounter:
    """The open windows of one partition.

    Args:
        spec: which windows, and what is counted.
        state: what :meth:`snapshot` returned.
    """

    def __init__(self, spec: WindowSpec, state: bytes | None = None) -> None:
        self._spec = spec
        self._partition = ""
        self._log_time = 0.0
        self._buckets: dict[int, _Bucket] = {}
        self._starts: list[int] = []
        self._dirty: dict[int, set[_Key]] = {}
        if state is not None:
            self._restore(state)

    @property
    def log_time(self) -> float:
        """Of the partition, so far."""
        return self._log_time

    def count(self, batch: EventBatch) -> list[Window]:
        """Count one message; returns the windows that its time of arrival closed, the oldest first."""
        self._partition = batch.partition
        self._log_time = max(self._log_time, batch.log_time)
        closed: list[Window] = []
        spec = self._spec
        while self._starts and spec.is_past(self._starts[0], self._log_time):
            closed += self._close(heappop(self._starts))
        for step, groups in self._group(batch).items():
            for start in range(step + spec.every - spec.length, step + 1, spec.every):
                self._add(start, batch.offset, groups)
        return closed

    def take_changed(self) -> list[Window]:
        """Return the open windows that changed since the last call."""
        dirty, self._dirty = self._dirty, {}
        return [window for start, keys in dirty.items() for window in self._windows(start, keys)]

    def snapshot(self) -> bytes:
        """Return all that a restart needs. Nothing is changed that was not taken: take it before."""
        buckets = [
            (start, bucket.segment, bucket.version, bucket.late, list(bucket.cells.items()))
            for start, bucket in self._buckets.items()
        ]
        return _encode(_State(_STATE_VERSION, self._log_time, buckets))

    def _restore(self, state: bytes) -> None:
        restored = _decode(state)
        self._log_time = restored.log_time
        for start, segment, version, late, cells in restored.buckets:
            thawed = {key: self._spec.shape.thaw(states) for key, states in cells}
            self._buckets[start] = _Bucket(segment, version, late, thawed)
            heappush(self._starts, start)

    def _group(self, batch: EventBatch) -> _Groups:
        """Return the states of a message's events, by step and key."""
        if not len(batch):
            return {}
        columns = [storable(column(batch)) for column in self._spec.columns]
        steps = steps_of(batch.timestamps, self._spec.every)
        aggregates = list(self._spec.shape.aggregates.values())
        groups: _Groups = {}
        if all(aggregate.column is None for aggregate in aggregates):
            for step, key, number in _counted(steps, batch.project_ids, columns):
                events = range(number)
                groups.setdefault(step, {})[key] = [aggregate.of(events) for aggregate in aggregates]
            return groups
        looked_at = [None if each.column is None else each.column(batch) for each in aggregates]
        for (step, *group), indexes in _members(steps, batch.project_ids, columns).items():
            groups.setdefault(step, {})[tuple(group)] = [
                aggregate.of(indexes if column is None else [column[index] for index in indexes])
                for aggregate, column in zip(aggregates, looked_at, strict=True)
            ]
        return groups

    def _add(self, start: int, offset: int, groups: dict[_Key, list[Any]]) -> None:
        bucket = self._buckets.get(start)
        if bucket is None:
            bucket = self._buckets[start] = _Bucket(
                offset, offset, self._spec.is_past(start, self._log_time), {}
            )
            heappush(self._starts, start)
        bucket.version = offset
        dirty = self._dirty.setdefault(start, set())
        for group, states in groups.items():
            key = group
            known = bucket.cells.get(key)
            if known is None and len(bucket.cells) >= self._spec.most_keys:
                key = (group[0], *repeat(OTHER, len(self._spec.columns)))
                known = bucket.cells.get(key)
            bucket.cells[key] = states if known is None else self._spec.shape.merge(known, states)
            dirty.add(key)

    def _close(self, start: int) -> list[Window]:
        windows = self._windows(start, self._buckets[start].cells)
        self._dirty.pop(start, None)
        del self._buckets[start]
        return windows

    def _windows(self, start: int, keys: Iterable[_Key]) -> list[Window]:
        bucket = self._buckets[start]
        end = start + self._spec.length
        place = (self._partition, bucket.segment, bucket.version)
        shape = self._spec.shape
        return [Window(key, start, end, *place, bucket.cells[key], shape, bucket.late) for key in keys]


def steps_of(times: Sequence[datetime], every: int) -> list[int]:
    """Return for each time the last multiple of ``every`` seconds since 1970 before it.

    The times of a message lie close together: most of the time they are compared to a bound or two, which takes a
    tenth of what taking a time apart does.
    """
    first, last = (int(time.timestamp()) // every * every for time in (min(times), max(times)))
    if first == last:
        return [first] * len(times)
    if last - first > _MOST_BOUNDS * every:
        return [int(time.timestamp()) // every * every for time in times]
    bounds = [datetime.fromtimestamp(bound, UTC) for bound in range(first + every, last + 1, every)]
    return [first + every * bisect_right(bounds, time) for time in times]


def _counted(
    steps: list[int], projects: list[int], columns: list[Sequence[Any]]
) -> Iterator[tuple[int, _Key, int]]:
    """Yield each step and key, and how many events have them."""
    if len(columns) == 1 and len(set(steps)) == len(set(projects)) == 1:
        # A message as they usually are: counting values is several times as fast as counting tuples of them.
        (column,) = columns
        for value, number in _counter(column).items():
            yield steps[0], (projects[0], value), number
        return
    for (step, *key), number in _counter(list(zip(steps, projects, *columns, strict=True))).items():
        yield step, tuple(key), number


def _counter(keys: Sequence[Any]) -> Counter[Any]:
    try:
        return Counter(keys)
    except TypeError:
        return Counter(map(_hashable, keys))


def _members(steps: list[int], projects: list[int], columns: list[Sequence[Any]]) -> dict[_Key, list[int]]:
    """Return the indexes of the events of each step and key."""
    keys = list(zip(steps, projects, *columns, strict=True))
    try:
        set(keys)
    except TypeError:
        keys = list(map(_hashable, keys))
    members: dict[_Key, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return members


def _hashable(key: Any) -> Any:
    """Return a key, or a value of one, that can be looked up: a list or an object counts as its text."""
    if isinstance(key, tuple):
        return tuple(map(_hashable, key))
    return repr(key) if isinstance(key, list | dict) else key
