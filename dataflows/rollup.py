"""Counts events into cells, one partition's share of each; the algebra is in schemas/rollup.py.

All that happens here is a function of the log alone, so a dataflow that was killed and replays the
log comes to the same cells, segments and values, and its rows are the same as before or newer:

* *Log time* is the running maximum of ``received_at`` in the partition's log, never a clock.
* Cells of one project, interval and bucket live in a *group*, and share its segment: the offset of
  the message that opened the group. They share its version, too: the offset of the last message
  that counted into it, as of which all of its values are true.
* Evaluated whenever events are counted into a group: if an earlier message opened it, and log time
  is past the bucket's end and the grace time, then the group is closed and another one opened by
  this message. So no event is ever too late, and *when* a closed group is forgotten, how messages
  were batched and when rows are emitted changes no number.
* A control message closes groups where it stands in the log; that, too, depends on the log alone.

Cardinality is guarded within a group, for the same reason: the first dimensions of an event and the
first values of a dimension that come are told apart, the rest counts as ``$other``. ``$other`` itself
takes no place among those told apart, neither as a value nor as a dimension, and within dimension
``$other`` nothing is told apart: so it does not matter in which order columns are counted.

Counting is put off until numbers are asked for: many events of one bucket are then counted column
by column, which costs a tenth of what counting each by itself does.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from schemas.rollup import OTHER, TOTAL, CellKey, Interval, RollupRow

VALUE_LENGTH = 100
"""Longest value of a property that is told apart, in characters."""

_STATE_VERSION = 1
_GroupKey = tuple[int, int, int]  # project, interval, bucket
_Pending = dict[str, list[dict[str, Any]]]  # event -> properties, context, properties, context, ...
_Columns = list[tuple[str, dict[str, int]]]  # dimension and its values, in the order of the log


class CountedEvent(NamedTuple):
    """What the rollups need to know of an event."""

    minute: int
    """Start of the minute of its corrected time, in seconds since 1970."""
    event: str
    properties: dict[str, Any]
    context: dict[str, str]
    """Shares no name with ``properties``."""


class _Group(msgspec.Struct, array_like=True):
    segment: int
    version: int
    cells: dict[str, dict[str, dict[str, int]]]
    """event -> dimension -> value -> total"""


class _State(msgspec.Struct, array_like=True):
    version: int
    log_time: int
    groups: list[tuple[int, int, int, _Group]]
    closed: list[RollupRow]
    counted_to: int = 0


class RollupCounter:
    """The open cells of one partition.

    Args:
        partition: whose cells; stands in each row.
        grace_seconds: log time after a bucket's end at which its group is closed.
        values: values of a dimension that a group tells apart, and dimensions of an event likewise.
        state: what :meth:`snapshot` returned at the offset where the log is read on.
        counted_to: without ``state``: messages before this offset are counted already.

    Raises:
        ValueError: ``state`` is not a snapshot that this version can read.
    """

    def __init__(
        self,
        partition: int,
        grace_seconds: int,
        values: int,
        state: bytes | None = None,
        *,
        counted_to: int = 0,
    ) -> None:
        self._partition = partition
        self._grace = grace_seconds
        self._values = values
        self._log_time = 0
        self._groups: dict[_GroupKey, _Group] = {}
        self._pending: dict[_GroupKey, _Pending] = {}
        self._dirty: dict[_GroupKey, set[tuple[str, str, str]]] = {}
        self._closed: list[RollupRow] = []
        self._counted_to = counted_to
        self._emitted_to = counted_to
        if state is not None:
            self._restore(state)

    @property
    def has_changes(self) -> bool:
        """Whether :meth:`emit` has anything to say, if only how far it has come."""
        return bool(self._closed or self._pending or self._dirty or self._counted_to != self._emitted_to)

    @property
    def counted_to(self) -> int:
        """Offset before which every message is counted."""
        return self._counted_to

    def advance(self, next_offset: int) -> None:
        """Say that every message before ``next_offset`` was handed to :meth:`count`, if it held events."""
        self._counted_to = max(self._counted_to, next_offset)

    def count(self, offset: int, log_time: int, project_id: int, events: list[CountedEvent]) -> None:
        """Count the events of one sub-batch.

        Args:
            offset: offset of its message; never less than in the call before.
            log_time: its ``received_at``, in whole seconds since 1970.
            project_id: whose events they are.
            events: in the order of the log.
        """
        self._log_time = max(self._log_time, log_time)
        if offset < self._counted_to:
            return
        pending: dict[int, tuple[_Pending, _Pending]] = {}
        # All groups are opened before any event waits: closing one counts all that waits.
        for minute in {event.minute: None for event in events}:
            for key in _keys_of(project_id, minute):
                self._open(offset, key)
        for minute, event, properties, context in events:
            waiting = pending.get(minute)
            if waiting is None:
                by_minute, by_hour = _keys_of(project_id, minute)
                waiting = pending[minute] = (
                    self._pending.setdefault(by_minute, {}),
                    self._pending.setdefault(by_hour, {}),
                )
            for by_event in waiting:
                seen = by_event.get(event)
                if seen is None:
                    seen = by_event[event] = []
                seen.append(properties)
                seen.append(context)

    def close(self, project_id: int | None, begin: int, end: int) -> None:
        """Close the open groups of a time range: later events open others. To be called between messages.

        Args:
            project_id: whose groups; ``None`` for all.
            begin: first bucket, in seconds since 1970.
            end: not included.
        """
        self.settle()
        for key in list(self._groups):
            if project_id in (None, key[0]) and begin <= key[2] < end:
                self._closed.extend(self._take_rows(key))
                del self._groups[key]

    def settle(self) -> None:
        """Count all that waits, which frees the events; changes no number."""
        counted: dict[tuple[int, int, str, int], _Columns] = {}
        # Minutes go first: an hour that saw one minute only reuses its columns.
        for key in sorted(self._pending, key=lambda key: key[1]):
            project_id, interval, bucket = key
            group = self._groups[key]
            dirty = self._dirty.setdefault(key, set())
            for event, seen in self._pending[key].items():
                # What waits for an hour is what waits for its minutes: with the length of one of
                # them, it is the same events.
                same = (project_id, bucket - bucket % Interval.HOUR, event, len(seen))
                columns = counted.get(same) if interval == Interval.HOUR else None
                if columns is None:
                    columns = counted[same] = _count_columns(seen)
                self._add(group, event, columns, dirty)
        self._pending.clear()

    def emit(self) -> list[RollupRow]:
        """Return a row for each cell that changed since the last call, and forget closed groups.

        To be called between messages only.
        """
        self.settle()
        self._emitted_to = self._counted_to
        rows, self._closed = self._closed, []
        for key in list(self._dirty):
            rows.extend(self._take_rows(key))
        for key in [key for key in self._groups if self._is_past(key)]:
            del self._groups[key]
        return rows

    def emit_totals(self) -> list[RollupRow]:
        """Return rows of what changed for events as such only: few rows, which a live chart waits for.

        To be called between messages only; the rest, and how far the log is counted, waits for :meth:`emit`.
        """
        self.settle()
        rows: list[RollupRow] = []
        for key, dirty in list(self._dirty.items()):
            totals = {cell for cell in dirty if cell[1] == TOTAL}
            rows.extend(self._rows(key, totals))
            dirty.difference_update(totals)
            if not dirty:
                del self._dirty[key]
        return rows

    def snapshot(self) -> bytes:
        """Return all that a restart needs, for :class:`RollupCounter` to begin with.

        Which open cells were not emitted yet is not in it: a restart emits all of them again.
        """
        self.settle()
        groups = [
            (*key, group)
            for key, group in self._groups.items()
            if key in self._dirty or not self._is_past(key)
        ]
        return _encode(_State(_STATE_VERSION, self._log_time, groups, self._closed, self._counted_to))

    def _restore(self, state: bytes) -> None:
        try:
            restored = _decode(state)
        except msgspec.DecodeError as error:
            raise ValueError(f"rollup state of partition {self._partition} is damaged: {error}") from error
        if restored.version != _STATE_VERSION:
            raise ValueError(
                f"rollup state of partition {self._partition} has version {restored.version}, "
                f"this SmolHog reads {_STATE_VERSION}"
            )
        self._log_time = restored.log_time
        self._closed = restored.closed
        self._counted_to = restored.counted_to
        self._emitted_to = 0
        for project_id, interval, bucket, group in restored.groups:
            key = (project_id, interval, bucket)
            self._groups[key] = group
            self._dirty[key] = {
                (event, dimension, value)
                for event, dimensions in group.cells.items()
                for dimension, values in dimensions.items()
                for value in values
            }

    def _is_past(self, key: _GroupKey) -> bool:
        _, interval, bucket = key
        return self._log_time > bucket + interval + self._grace

    def _open(self, offset: int, key: _GroupKey) -> None:
        """Make sure that a group is open for events of this message; closes one that is past."""
        group = self._groups.get(key)
        if group is not None and group.segment < offset and self._is_past(key):
            self.settle()
            self._closed.extend(self._take_rows(key))
            group = None
        if group is None:
            group = self._groups[key] = _Group(offset, offset, {})
        group.version = offset

    def _add(self, group: _Group, event: str, columns: _Columns, dirty: set[tuple[str, str, str]]) -> None:
        dimensions = group.cells.setdefault(event, {TOTAL: {}})
        for name, values in columns:
            dimension = name
            # The event's total is one of the dimensions, and takes no place either.
            if name not in dimensions and len(dimensions) - (OTHER in dimensions) > self._values:
                dimension = OTHER
            cells = dimensions.setdefault(dimension, {})
            for told, number in values.items():
                full = told not in cells and len(cells) - (OTHER in cells) >= self._values
                value = OTHER if full or dimension == OTHER or len(told) > VALUE_LENGTH else told
                cells[value] = cells.get(value, 0) + number
                dirty.add((event, dimension, value))

    def _take_rows(self, key: _GroupKey) -> list[RollupRow]:
        return self._rows(key, self._dirty.pop(key, set()))

    def _rows(self, key: _GroupKey, cells: set[tuple[str, str, str]]) -> list[RollupRow]:
        group = self._groups[key]
        return [
            RollupRow(
                CellKey(*key, event, dimension, value),
                self._partition,
                group.segment,
                group.version,
                group.cells[event][dimension][value],
            )
            for event, dimension, value in cells
        ]


def _keys_of(project_id: int, minute: int) -> tuple[_GroupKey, _GroupKey]:
    hour = minute - minute % Interval.HOUR
    return (project_id, Interval.MINUTE, minute), (project_id, Interval.HOUR, hour)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


def _count_columns(seen: list[dict[str, Any]]) -> _Columns:
    """Count the values of each dimension, after the events themselves.

    Names and values stand in the order in which the log brought them: the guard goes by that. A name
    that came with null only takes its place among the dimensions all the same.

    Args:
        seen: properties and context of each event, in turn.
    """
    properties = seen[::2]
    # Many events share one context: it is looked into once, and counts as often as it came.
    contexts = {id(context): context for context in seen[1::2]}
    times = Counter(map(id, seen[1::2]))
    columns, unclear = _count_pairs(properties)
    for key, context in contexts.items():
        for name, value in context.items():
            column = columns.setdefault(name, {})
            column[value] = column.get(value, 0) + times[key]
    unclear |= set(chain.from_iterable(properties)) & set(chain.from_iterable(contexts.values()))
    for name in unclear:
        columns[name] = Counter(_told(value) for fields in seen if (value := fields.get(name)) is not None)
    # An empty name would be taken for the event's total.
    named = [(name or OTHER, columns.get(name, {})) for name in _names(seen)]
    return [(TOTAL, {TOTAL: len(properties)}), *named]


def _count_pairs(properties: list[dict[str, Any]]) -> tuple[dict[str, dict[str, int]], set[str]]:
    """Count values by name, all names in one go; also returns the names that have to be counted again.

    These are names with a list or an object among their values, which cannot be counted like this,
    and names with 0 or 1, which Python takes for the same as false or true.
    """
    columns: dict[str, dict[str, int]] = {}
    try:
        pairs = Counter(chain.from_iterable(map(dict.items, properties)))
    except TypeError:
        return columns, set(chain.from_iterable(properties))
    unclear: set[str] = set()
    for (name, value), number in pairs.items():
        if type(value) is not str and (value is None or value in (0, 1)):
            unclear.add(name)
        else:
            column = columns.setdefault(name, {})
            told = _told(value)
            column[told] = column.get(told, 0) + number
    return columns, unclear


def _names(seen: list[dict[str, Any]]) -> Iterable[str]:
    """Return all names, each once, in the order of the log."""
    known: set[int] = set()
    first: list[dict[str, Any]] = []
    for fields in seen:
        # Most contexts came before; looking into them again would find no new name.
        if id(fields) not in known:
            known.add(id(fields))
            first.append(fields)
    return dict.fromkeys(chain.from_iterable(first))


def _told(value: Any) -> str:
    """How a value counts.

    Only text that is not empty and booleans are told apart; the rest counts as ``$other``, which tells a reader that
    the rollup does not know.
    """
    if type(value) is str and value:
        return value
    if value is True:
        return "true"
    return "false" if value is False else OTHER
