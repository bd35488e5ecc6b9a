"""Brings the windows of all partitions together, one after the other. Pure.

Each partition closes its windows at places of its own log, so what it had counted when it closed one in time is a
function of its log. A window's total is the sum of those, and is there once the log times of all partitions
have passed it; totals come in the order of windows, each once. So they are the same however the messages of
partitions came between each other. A late segment is in no total: it is in the tables.
"""

from functools import reduce
from typing import Any

import msgspec

from dataflows.kit.rows import EVERYWHERE, Rows, Window, WindowRows
from dataflows.kit.window_spec import WindowSpec

_Key = tuple[Any, ...]


class _State(msgspec.Struct, array_like=True):
    version: int
    log_times: dict[str, float]
    next_start: int | None
    pending: list[tuple[int, list[tuple[_Key, dict[str, list[Any]]]]]]
    silent: list[tuple[_Key, int]]


_STATE_VERSION = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class TotalCounter:
    """The windows that not all partitions have passed.

    Args:
        partitions: all there are.
        zeros: windows in a row without an event for which a key still has totals, of nothing.
        state: what :meth:`snapshot` returned.
    """

    def __init__(self, partitions: tuple[str, ...], zeros: int, state: bytes | None = None) -> None:
        self._zeros = zeros
        self._log_times = dict.fromkeys(partitions, 0.0)
        self._next: int | None = None  # start of the window to be totalled next
        self._pending: dict[int, dict[_Key, dict[str, list[Any]]]] = {}  # by partition
        self._silent: dict[_Key, int] = {}  # windows in a row without an event
        self._thawed = state is None
        if state is not None:
            self._restore(_decode(state))

    def add(self, rows: WindowRows) -> list[Rows[Window]]:
        """Take in what a partition says; returns the totals that are complete now, window by window."""
        spec = rows.spec
        self._thaw(spec)
        for _, windows in rows.closed:
            for window in windows:
                if not window.late:
                    cells = self._pending.setdefault(window.start, {})
                    cells.setdefault(window.key, {})[rows.partition] = window.states
        self._log_times[rows.partition] = max(self._log_times[rows.partition], rows.log_time)
        log_time = min(self._log_times.values())
        totals = []
        while (start := self._start()) is not None and spec.is_past(start, log_time):
            if windows := self._total(start, spec):
                totals.append(Rows(EVERYWHERE, start // spec.every, float(start + spec.length), windows))
            self._next = start + spec.every if self._silent else None
        return totals

    def snapshot(self) -> bytes:
        """Return all that a restart needs."""
        pending = [(start, list(cells.items())) for start, cells in self._pending.items()]
        silent = list(self._silent.items())
        return _encode(_State(_STATE_VERSION, self._log_times, self._next, pending, silent))

    def _start(self) -> int | None:
        """Which window is next: the one after the last for as long as keys are silent, else the first that has events."""
        return self._next if self._next is not None else min(self._pending, default=None)

    def _total(self, start: int, spec: WindowSpec) -> list[Window]:
        cells = self._pending.pop(start, {})
        for key in cells:
            self._silent[key] = 0
        for key in self._silent.keys() - cells.keys():
            self._silent[key] += 1
        end = start + spec.length
        totals = []
        for key in sorted(self._silent, key=repr):
            if self._silent[key] > self._zeros:
                del self._silent[key]
                continue
            states = _merged(cells.get(key, {}), spec)
            totals.append(Window(key, start, end, EVERYWHERE, start, start, states, spec.shape))
        return totals

    def _restore(self, state: _State) -> None:
        self._log_times |= state.log_times
        self._next = state.next_start
        self._pending = {start: dict(cells) for start, cells in state.pending}
        self._silent = dict(state.silent)

    def _thaw(self, spec: WindowSpec) -> None:
        """What states are made of is known from the windows that come; a snapshot does not say."""
        if not self._thawed:
            self._thawed = True
            for cells in self._pending.values():
                for shares in cells.values():
                    for partition, states in shares.items():
                        shares[partition] = spec.shape.thaw(states)


def _merged(shares: dict[str, list[Any]], spec: WindowSpec) -> list[Any]:
    """Merge the partitions' states in an order that does not depend on which came first: sums of floats do."""
    states = [shares[partition] for partition in sorted(shares)]
    return reduce(spec.shape.merge, states) if states else spec.shape.nothing()
