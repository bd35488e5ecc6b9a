"""Alerts over windows, with hysteresis: raised under one condition, cleared under another."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream

from dataflows.kit.rows import Rows, Window
from dataflows.kit.steps import run_step
from dataflows.kit.writing import own_name

Condition = Callable[[float, Sequence[float]], bool]
"""Judges a window's value; is told those of the windows before, the oldest first."""

_Key = tuple[Any, ...]


class Alert(msgspec.Struct, frozen=True):
    """An alert that was raised or cleared."""

    alert_id: str
    """The same for an alert's raising and its clearing, and for no other alert."""
    state: str
    """``raised`` or ``cleared``."""
    project_id: int
    by: dict[str, Any]
    """What the window was counted by."""
    window_start: datetime
    window_end: datetime
    value: float
    before: list[float]
    """Values of the windows before, as far as they are remembered."""


class _Watched(msgspec.Struct, array_like=True):
    last: int
    """Start of the window that was judged last."""
    streak: int
    """Windows in a row that speak for a change."""
    raised_at: int | None
    """Start of the window that raised the alert."""
    before: list[float]


class AlertRules:
    """Judges the windows of each key, in their order. Pure.

    Args:
        step: names the alerts.
        value: of a window, by name.
        raise_when: condition to raise.
        clear_when: condition to clear.
        history: windows that are remembered.
        after: windows in a row that must say so.
        state: what :meth:`snapshot` returned.
    """

    def __init__(
        self,
        step: str,
        value: str,
        raise_when: Condition,
        clear_when: Condition,
        *,
        history: int,
        after: int,
        state: bytes | None = None,
    ) -> None:
        self._step = step
        self._value = value
        self._raise_when = raise_when
        self._clear_when = clear_when
        self._history = history
        self._after = after
        self._length = 0  # of a window; not known before the first
        self._watched: dict[_Key, _Watched] = dict(_decode(state)) if state is not None else {}

    def take(self, values: list[Rows[Window]]) -> list[Rows[Alert]]:
        """Judge windows; returns what was raised or cleared."""
        return [rows.holding(alerts) for rows in values if (alerts := list(self._judged(rows.rows)))]

    def snapshot(self) -> bytes:
        """Return all that a restart needs; forget what says nothing any more."""
        newest = max((watched.last for watched in self._watched.values()), default=0)
        for key in [key for key, watched in self._watched.items() if self._is_stale(watched, newest)]:
            del self._watched[key]
        return _encode(list(self._watched.items()))

    def _is_stale(self, watched: _Watched, now: int) -> bool:
        """Whether all that is remembered lies further back than is looked at."""
        reach = self._history * self._length
        return watched.raised_at is None and 0 < reach < now - watched.last

    def _judged(self, windows: list[Window]) -> Iterator[Alert]:
        for window in windows:
            found = self._judge(window)
            if found is not None:
                yield found

    def _judge(self, window: Window) -> Alert | None:
        self._length = window.end - window.start
        watched = self._watched.get(window.key)
        # When it is forgotten is chance, so it counts for nothing from the moment on from which it may be.
        if watched is None or self._is_stale(watched, window.start):
            watched = self._watched[window.key] = _Watched(window.start - 1, 0, None, [])
        if window.late or window.start <= watched.last:
            return None
        value = float(window.values[self._value] or 0)
        before = watched.before
        condition = self._raise_when if watched.raised_at is None else self._clear_when
        watched.streak = watched.streak + 1 if condition(value, before) else 0
        watched.last = window.start
        watched.before = [*before, value][-self._history :]
        if watched.streak < self._after:
            if watched.raised_at is None and not any(watched.before):
                # Silent for long: what has nothing to raise is not kept.
                del self._watched[window.key]
            return None
        watched.streak = 0
        raised_at = watched.raised_at
        watched.raised_at = window.start if raised_at is None else None
        return self._alert(window, value, before, raised_at)

    def _alert(self, window: Window, value: float, before: list[float], raised_at: int | None) -> Alert:
        key = "/".join(map(str, window.key))
        return Alert(
            alert_id=f"{self._step}/{key}/{window.start if raised_at is None else raised_at}",
            state="raised" if raised_at is None else "cleared",
            project_id=window.project_id,
            by=window.by,
            window_start=datetime.fromtimestamp(window.start, UTC),
            window_end=datetime.fromtimestamp(window.end, UTC),
            value=value,
            before=before,
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[_Key, _Watched]]).decode


@operator
def alert(
    step_id: str,
    up: KeyedStream[Rows[Window]],
    *,
    value: str,
    raise_when: Condition,
    clear_when: Condition,
    history: int = 10,
    after: int = 1,
) -> KeyedStream[Rows[Alert]]:
    """Raise an alert for a key, and clear it again.

    Two conditions keep it from flapping: say, raise below half of what was usual, clear above four fifths. Give it
    what :func:`dataflows.kit.totals.total_windows` returns: a key that falls silent has windows of nothing there.

    Args:
        step_id: unique name; names the alerts.
        up: windows, each once, in order.
        value: name of the value that is watched.
        raise_when: called with a window's value and those before while no alert is raised.
        clear_when: likewise while one is.
        history: how many values before are remembered.
        after: windows in a row that must say so.
    """
    step = own_name(step_id)

    def make(state: bytes | None) -> AlertRules:
        return AlertRules(step, value, raise_when, clear_when, history=history, after=after, state=state)

    return run_step("judge", up, make)
