"""Puts pure steps under Bytewax: one for each partition, its state as bytes."""

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

In = TypeVar("In")
Out = TypeVar("Out")
Out_co = TypeVar("Out_co", covariant=True)


class Step(Protocol[In, Out_co]):
    """A pure step over one partition: what it returns depends on what it was given, in order, alone."""

    def take(self, values: list[In]) -> Iterable[Out_co]:
        """Take what came, in order; how it was cut into calls is chance."""
        ...

    def snapshot(self) -> bytes:
        """Return all that a restart needs."""
        ...


class _Logic(StatefulBatchLogic[In, Out, bytes], Generic[In, Out]):
    def __init__(self, step: Step[In, Out]) -> None:
        self._step = step

    def on_batch(self, values: list[In]) -> tuple[Iterable[Out], bool]:
        return self._step.take(values), StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return self._step.snapshot()


def run_step(
    step_id: str, up: KeyedStream[In], make: Callable[[bytes | None], Step[In, Out]]
) -> KeyedStream[Out]:
    """Run a step for each key.

    Args:
        step_id: unique name.
        up: keyed by partition, or by what :data:`dataflows.kit.rows.EVERYWHERE` is.
        make: makes the step from a snapshot, or from nothing.
    """
    return op.stateful_batch(step_id, up, lambda state: _Logic(make(state)))
