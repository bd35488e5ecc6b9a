"""Windows over events: tumbling, sliding, and the partial counts of single messages."""

from collections.abc import Mapping
from datetime import timedelta

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream

from dataflows.kit.aggregates import Aggregate
from dataflows.kit.batch import Column, EventBatch, Events, column_of
from dataflows.kit.errors import FlowInvalid
from dataflows.kit.flow import current_runtime
from dataflows.kit.rows import Rows, Window, WindowRows, Windows
from dataflows.kit.steps import run_step
from dataflows.kit.window_counter import WindowCounter
from dataflows.kit.window_spec import WindowShape, WindowSpec

_GRACE = timedelta(minutes=2)
_MOST_KEYS = 10_000
By = Mapping[str, Column | str]
Values = Mapping[str, Aggregate]


@operator
def tumbling_windows(
    step_id: str,
    up: Events,
    *,
    length: timedelta,
    by: By,
    values: Values,
    grace: timedelta = _GRACE,
    most_keys: int = _MOST_KEYS,
) -> Windows:
    """Count events in windows that follow each other, by the events' own times.

    Args:
        step_id: unique name.
        up: events.
        length: of a window, in whole seconds; windows begin at multiples of it since 1970.
        by: name -> column; windows are counted for each project and each of their values.
        values: name -> what is counted.
        grace: log time for which a window stays open after its end. Later events count all the same, in a
            segment of their own.
        most_keys: keys that a window tells apart in each partition, the first that come; the rest is ``$other``.
    """
    return sliding_windows(
        "slide", up, length=length, every=length, by=by, values=values, grace=grace, most_keys=most_keys
    )


@operator
def sliding_windows(
    step_id: str,
    up: Events,
    *,
    length: timedelta,
    every: timedelta,
    by: By,
    values: Values,
    grace: timedelta = _GRACE,
    most_keys: int = _MOST_KEYS,
) -> Windows:
    """Count events in windows that overlap: one begins each ``every``; the rest is as of tumbling windows.

    Raises:
        FlowInvalid: ``length`` is no multiple of ``every``, or they are not whole seconds.
    """
    seconds, steps = _whole(step_id, length), _whole(step_id, every)
    if seconds % steps:
        raise FlowInvalid(f"{step_id}: a length of {length} is no multiple of {every}")
    columns = tuple(column_of(column) for column in by.values())
    shape = WindowShape(tuple(by), dict(values))
    spec = WindowSpec(shape, columns, seconds, steps, grace.total_seconds(), most_keys)
    return run_step("count", up, lambda state: _WindowStep(spec, state))


class _WindowStep:
    """Counts messages; emits once for all that came together."""

    def __init__(self, spec: WindowSpec, state: bytes | None) -> None:
        self._spec = spec
        self._counter = WindowCounter(spec, state)

    def take(self, values: list[EventBatch]) -> list[WindowRows]:
        count = self._counter.count
        closed = [(batch.offset, windows) for batch in values if (windows := count(batch))]
        last = values[-1]
        changed = self._counter.take_changed()
        return [WindowRows(last.partition, last.offset, self._counter.log_time, changed, closed, self._spec)]

    def snapshot(self) -> bytes:
        return self._counter.snapshot()


@operator
def window_partials(
    step_id: str, up: Events, *, length: timedelta, by: By, values: Values
) -> KeyedStream[Rows[Window]]:
    """Count each message by itself: small shares of windows, for a sink that adds them up.

    Keeps nothing: no window is ever open or late. The rest is as of :func:`tumbling_windows`.
    """
    seconds = _whole(step_id, length)
    columns = tuple(column_of(column) for column in by.values())
    spec = WindowSpec(WindowShape(tuple(by), dict(values)), columns, seconds, seconds, 0, _MOST_KEYS)

    def count(batch: EventBatch) -> list[Rows[Window]]:
        counter = WindowCounter(spec)
        counter.count(batch)
        rows = counter.take_changed()
        return [Rows(batch.partition, batch.offset, batch.log_time, rows)] if rows else []

    return op.flat_map_value("count", up, count)


@operator
def closed_windows(step_id: str, up: Windows) -> KeyedStream[Rows[Window]]:
    """Pass on windows once they are closed, each segment once.

    A window is closed by the first message that arrives after its end and grace; where no message comes, the flow
    tells its partition the time.
    """
    current_runtime().want_ticks()
    return op.flat_map_value("closed", up, _closed)


def _closed(rows: WindowRows) -> list[Rows[Window]]:
    return [Rows(rows.partition, offset, rows.log_time, windows) for offset, windows in rows.closed]


def _whole(step_id: str, length: timedelta) -> int:
    seconds = int(length.total_seconds())
    if seconds < 1 or timedelta(seconds=seconds) != length:
        raise FlowInvalid(f"{step_id}: {length} is not a number of whole seconds")
    return seconds
