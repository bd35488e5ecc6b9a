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

Events as such are counted at once. Counting what they hold is put off until it is asked for: many
events of one bucket are then counted column by column (:mod:`dataflows.columns`), which costs a tenth of
what counting each by itself does.
"""

from collections.abc import Iterable

from dataflows.columns import Columns, Fields, count_columns, first_names, first_values, join_columns
from dataflows.rollup_state import STATE_VERSION, Group, RollupState, decode_state, encode_state
from schemas.rollup import OTHER, TOTAL, CellGroup, Interval, RollupRows

_GroupKey = tuple[int, int, int]  # project, interval, bucket
_HourKey = tuple[int, int]  # project, hour
_Pending = dict[str, list[Fields]]  # event -> properties, context, properties, context, ...
_Dirty = dict[tuple[str, str], set[str]]  # event, dimension -> values

Countable = tuple[int, str, Fields, Fields]
"""What the rollups need to know of an event.

The start of the minute of its corrected time, in seconds since 1970; its name; its properties; its
context, which shares no name with them.
"""


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
        self._groups: dict[_GroupKey, Group] = {}
        self._pending: dict[_HourKey, dict[_GroupKey, _Pending]] = {}
        self._dirty: dict[_GroupKey, _Dirty] = {}
        self._closed: list[RollupRows] = []
        self._handed_on: list[RollupRows] = []  # of closed groups, since the last snapshot
        self._counted_to = counted_to
        self._emitted_to = counted_to
        self._late = 0
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

    def count(self, offset: int, log_time: int, project_id: int, events: Iterable[Countable]) -> None:
        """Count the events of one sub-batch.

        What a restart reads again is counted already, and passed over.

        Args:
            offset: offset of its message; never less than in the call before.
            log_time: its ``received_at``, in whole seconds since 1970.
            project_id: whose events they are.
            events: in the order of the log.
        """
        self._log_time = max(self._log_time, log_time)
        if offset < self._counted_to:
            return
        shares: dict[tuple[int, str], list[Fields]] = {}
        for minute, event, properties, context in events:
            share = shares.get((minute, event))
            if share is None:
                share = shares[minute, event] = []
            share.append(properties)
            share.append(context)
        # All groups are opened before any event waits: closing one counts what waits for its hour.
        for minute in {minute: None for minute, _ in shares}:
            for key in _keys_of(project_id, minute):
                self._open(offset, key)
        for (minute, event), share in shares.items():
            if self._is_past((project_id, Interval.MINUTE, minute)):
                self._late += len(share) // 2
            pending = self._pending.setdefault((project_id, minute - minute % Interval.HOUR), {})
            for key in _keys_of(project_id, minute):
                pending.setdefault(key, {}).setdefault(event, []).extend(share)
                totals = self._groups[key].cells.setdefault(event, {TOTAL: {TOTAL: 0}})[TOTAL]
                totals[TOTAL] += len(share) // 2
                self._dirty.setdefault(key, {})[event, TOTAL] = {TOTAL}

    def take_late(self) -> int:
        """Return how many events came after their minute was past, since the last call; for metrics."""
        late, self._late = self._late, 0
        return late

    def close(self, offset: int, project_id: int | None, begin: int, end: int) -> None:
        """Close the open groups of a time range: later events open others. To be called between messages.

        Args:
            offset: of the message that says so.
            project_id: whose groups; ``None`` for all.
            begin: first bucket, in seconds since 1970.
            end: not included.
        """
        if offset < self._counted_to:
            return
        self.settle()
        for key in list(self._groups):
            if project_id in (None, key[0]) and begin <= key[2] < end:
                self._close(key)

    def settle(self) -> None:
        """Count what events hold, which frees them; changes no number."""
        for hour in list(self._pending):
            self._settle_hour(hour)

    def emit(self) -> list[RollupRows]:
        """Return the cells that changed since the last call.

        To be called between messages only.
        """
        self.settle()
        self._emitted_to = self._counted_to
        rows, self._closed = self._closed, []
        self._handed_on.extend(rows)
        for key in list(self._dirty):
            rows.extend(self._rows(key, self._dirty.pop(key)))
        return rows

    def emit_totals(self) -> list[RollupRows]:
        """Return what changed for events as such only: few rows, which a live chart waits for.

        To be called between messages only; the rest, and how far the log is counted, waits for :meth:`emit`.
        """
        rows: list[RollupRows] = []
        for key, dirty in list(self._dirty.items()):
            totals = {cells: dirty.pop(cells) for cells in list(dirty) if cells[1] == TOTAL}
            rows.extend(self._rows(key, totals))
            if not dirty:
                del self._dirty[key]
        return rows

    def snapshot(self) -> bytes:
        """Return all that a restart needs, for :class:`RollupCounter` to begin with; forget what is past.

        What was emitted since the snapshot before may be lost with this process. So all of that is in the
        snapshot, too, whether its group is open, past or closed, and a restart emits it again.
        """
        self.settle()
        groups = [(*key, group) for key, group in self._groups.items()]
        closed = [*self._handed_on, *self._closed]
        self._handed_on.clear()
        state = RollupState(STATE_VERSION, self._log_time, groups, closed, self._counted_to)
        encoded = encode_state(state)
        for key in [key for key in self._groups if self._is_past(key) and key not in self._dirty]:
            del self._groups[key]
        return encoded

    def _restore(self, state: bytes) -> None:
        restored = decode_state(state, self._partition)
        self._log_time = restored.log_time
        self._closed = restored.closed
        self._counted_to = restored.counted_to
        self._emitted_to = 0
        for project_id, interval, bucket, group in restored.groups:
            key = (project_id, interval, bucket)
            self._groups[key] = group
            self._dirty[key] = _all_cells(group)

    def _is_past(self, key: _GroupKey) -> bool:
        _, interval, bucket = key
        return self._log_time > bucket + interval + self._grace

    def _open(self, offset: int, key: _GroupKey) -> None:
        """Make sure that a group is open for events of this message; closes one that is past."""
        group = self._groups.get(key)
        if group is not None and group.segment < offset and self._is_past(key):
            # Only what it waits with: late events close groups all the time, and the many that are on time go on waiting.
            project_id, _, bucket = key
            self._settle_hour((project_id, bucket - bucket % Interval.HOUR))
            self._close(key)
            group = None
        if group is None:
            group = self._groups[key] = Group(offset, offset, {})
        group.version = offset

    def _settle_hour(self, hour: _HourKey) -> None:
        # What waits for an hour is what waits for its minutes: it is counted once, by minute.
        minutes: dict[str, list[Columns]] = {}
        waiting = self._pending.pop(hour, {})
        for key, pending in waiting.items():
            if key[1] == Interval.MINUTE:
                for event, seen in pending.items():
                    columns = count_columns(seen)
                    self._add(key, event, columns, seen)
                    minutes.setdefault(event, []).append(columns)
        project_id, bucket = hour
        key = (project_id, Interval.HOUR, bucket)
        for event, parts in minutes.items():
            self._add(key, event, join_columns(parts), waiting[key][event])

    def _add(self, key: _GroupKey, event: str, columns: Columns, seen: list[Fields]) -> None:
        """Add the columns of events to their group; ``seen`` are the events, in the order of the log."""
        dirty = self._dirty.setdefault(key, {})
        dimensions = self._groups[key].cells[event]
        # The event's total is one of the dimensions, and takes no place.
        free = self._values + 1 - len(dimensions) + (OTHER in dimensions)
        names = columns.keys() - dimensions.keys() - {OTHER}
        told = set(first_names(seen, names, free)) if len(names) > free else names
        for name, values in columns.items():
            dimension = name if name in dimensions or name in told else OTHER
            cells = dimensions.setdefault(dimension, {})
            if not values:
                continue
            guarded = (
                {OTHER: sum(values.values())}
                if dimension == OTHER
                else self._guard(name, values, cells, seen)
            )
            for value, number in guarded.items():
                cells[value] = cells.get(value, 0) + number
            dirty.setdefault((event, dimension), set()).update(guarded)

    def _guard(
        self, name: str, values: dict[str, int], cells: dict[str, int], seen: list[Fields]
    ) -> dict[str, int]:
        """Count as ``$other`` what finds no place among the cells of a dimension."""
        free = self._values - len(cells) + (OTHER in cells)
        if len(values) <= free:
            return values
        new = values.keys() - cells.keys() - {OTHER}
        if len(new) <= free:
            return values
        refused = new.difference(first_values(seen, name, new, free))
        guarded = {value: number for value, number in values.items() if value not in refused}
        guarded[OTHER] = guarded.get(OTHER, 0) + sum(values[value] for value in refused)
        return guarded

    def _close(self, key: _GroupKey) -> None:
        self._closed.extend(self._rows(key, _all_cells(self._groups[key])))
        self._dirty.pop(key, None)
        del self._groups[key]

    def _rows(self, key: _GroupKey, dirty: _Dirty) -> list[RollupRows]:
        group = self._groups[key]
        rows = []
        for (event, dimension), values in dirty.items():
            cells = group.cells[event][dimension]
            rows.append(
                RollupRows(
                    CellGroup(*key, event, dimension),
                    self._partition,
                    group.segment,
                    group.version,
                    {value: cells[value] for value in values},
                )
            )
        return rows


def _all_cells(group: Group) -> _Dirty:
    return {
        (event, dimension): set(values)
        for event, dimensions in group.cells.items()
        for dimension, values in dimensions.items()
        if values
    }


def _keys_of(project_id: int, minute: int) -> tuple[_GroupKey, _GroupKey]:
    hour = minute - minute % Interval.HOUR
    return (project_id, Interval.MINUTE, minute), (project_id, Interval.HOUR, hour)
