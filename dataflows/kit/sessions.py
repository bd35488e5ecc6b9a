"""Sessions of people, found by the gaps between their events."""

from datetime import timedelta

from bytewax.dataflow import operator
from bytewax.operators import KeyedStream

from dataflows.kit.batch import EventBatch, Events
from dataflows.kit.flow import current_runtime
from dataflows.kit.rows import Rows, Window
from dataflows.kit.session_counter import SessionCounter
from dataflows.kit.steps import run_step
from dataflows.kit.window_spec import WindowShape
from dataflows.kit.windows import Values

_GRACE = timedelta(minutes=2)


@operator
def session_windows(
    step_id: str, up: Events, *, gap: timedelta, values: Values, grace: timedelta = _GRACE
) -> KeyedStream[Rows[Window]]:
    """Find sessions: events of a person with no longer gap between them. Each is passed on once, when it is over.

    The window's key is the project and ``distinct_id``; ``start`` and ``end`` are the times of its first and last
    event. An event that comes after its session was closed is a session of its own: counts stay right, and
    sessions are one more.

    Args:
        step_id: unique name.
        up: events.
        gap: without an event, that ends a session.
        values: name -> what is counted.
        grace: log time to wait for late events after that.
    """
    current_runtime().want_ticks()
    shape = WindowShape(("distinct_id",), dict(values))

    def make(state: bytes | None) -> "_SessionStep":
        return _SessionStep(
            SessionCounter(shape, gap=gap.total_seconds(), grace=grace.total_seconds(), state=state)
        )

    return run_step("count", up, make)


class _SessionStep:
    def __init__(self, counter: SessionCounter) -> None:
        self._counter = counter

    def take(self, values: list[EventBatch]) -> list[Rows[Window]]:
        return [
            Rows(batch.partition, batch.offset, batch.log_time, closed)
            for batch in values
            if (closed := self._counter.count(batch))
        ]

    def snapshot(self) -> bytes:
        return self._counter.snapshot()
