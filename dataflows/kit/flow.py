"""A flow as it is declared: one file, one object, from which a Bytewax dataflow is built.

The declaration knows no service. What the steps need from the process that runs them (folders, stores) comes
by a :class:`Runtime`, which :func:`current_runtime` hands to them while the flow is built: a test's runtime
keeps all of it in memory.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source

from dataflows.dedup import DedupIndex
from dataflows.kit.batch import EventBatch, Events
from dataflows.kit.errors import FlowInvalid
from dataflows.kit.graph import draw
from dataflows.kit.lookups import Answer, Lookup
from dataflows.kit.sink import FlowSink, Item, ItemSink

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

Steps = Callable[[Events], None]


class Input(Protocol):
    """Where a flow's events come from: a declaration, such as :class:`dataflows.kit.inputs.LogSource`."""

    def describe(self) -> str:
        """Say it in a few words, for people."""
        ...


class Runtime(Protocol):
    """What a step may ask of whoever runs the flow, while the flow is built."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """Of the input."""
        ...

    def index(self, step: str, partition: str, days: int) -> DedupIndex:
        """Return where a step remembers keys: kept over restarts, written at once."""
        ...

    def lookup(self, step: str, query: str, refresh: timedelta, most: int) -> Lookup:
        """Return what asks a table of PostgreSQL; see :func:`dataflows.kit.joins.join_table`."""
        ...

    def want_ticks(self) -> None:
        """Have the time told to partitions in which nothing happens."""
        ...

    def sink(self, step: str, declared: FlowSink) -> ItemSink:
        """Return what writes the rows of an output."""
        ...


_runtime: ContextVar[Runtime] = ContextVar("runtime")


def current_runtime() -> Runtime:
    """Return the runtime of the flow that is being built.

    Raises:
        FlowInvalid: none is: a step was called outside of a flow's ``steps``.
    """
    try:
        return _runtime.get()
    except LookupError:
        raise FlowInvalid("call steps inside the function under @flow.steps") from None


@dataclass
class Flow:
    """A flow: its name, where its events come from, and what is made of them.

    Attributes:
        name: small letters, digits and ``_``; names its folder, its positions and its metrics.
        source: where events come from.
        version: with another one, a flow starts anew beside what it had: raise it when steps change so that
            what was kept does not fit any more.
        migrations: folder of SQL files that make its tables, relative to the flow's file.
        description: a sentence for people.
        epoch: time between two snapshots, and from an event to its effect at most, roughly.
        file: where it was declared; set by whoever loads it.
    """

    name: str
    source: Input
    version: int = 1
    migrations: str | None = None
    description: str = ""
    epoch: timedelta = timedelta(seconds=1)
    file: Path | None = None
    _steps: Steps | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise FlowInvalid(
                f"{self.name!r} names no flow: use small letters, digits and _, 40 at most, a letter first"
            )
        if self.version < 1:
            raise FlowInvalid(f"flow {self.name}: version {self.version} is below 1")

    def steps(self, function: Steps) -> Steps:
        """Take the function that wires the steps; it is called each time the flow is built."""
        self._steps = function
        return function

    def build(self, source: Source[tuple[str, EventBatch]], runtime: Runtime) -> Dataflow:
        """Build the Bytewax dataflow. The names of steps are part of the recovery store's format.

        Raises:
            FlowInvalid: no steps, or no outputs.
        """
        if self._steps is None:
            raise FlowInvalid(f"flow {self.name} has no steps: write a function under @flow.steps")
        dataflow = Dataflow(self.name)
        with _building(runtime):
            self._steps(op.input("source", dataflow, source))
        return dataflow

    def outputs(self) -> dict[str, FlowSink]:
        """Return what the flow writes to: step -> sink. Touches no service."""
        return self._sketch()[1].sinks

    def mermaid(self) -> str:
        """Return the flow as a Mermaid diagram. Touches no service."""
        dataflow, sketch = self._sketch()
        sinks = {step: sink.describe() for step, sink in sketch.sinks.items()}
        return draw(dataflow, self.source.describe(), sinks)

    def _sketch(self) -> tuple[Dataflow, "_Sketch"]:
        sketch = _Sketch()
        return self.build(_NoSource(), sketch), sketch


@contextmanager
def _building(runtime: Runtime) -> Iterator[None]:
    token = _runtime.set(runtime)
    try:
        yield
    finally:
        _runtime.reset(token)


class _NoSource(Source[Any]):
    """Stands for a source in a flow that is only looked at."""


class _Sketch:
    """A runtime of a flow that is only looked at."""

    partitions = ("0",)

    def __init__(self) -> None:
        self.sinks: dict[str, FlowSink] = {}

    def index(self, step: str, partition: str, days: int) -> DedupIndex:
        del step, partition, days
        raise AssertionError("a sketch is never run")

    def lookup(self, step: str, query: str, refresh: timedelta, most: int) -> Lookup:
        del step, query, refresh, most
        return _NoTable()

    def want_ticks(self) -> None:
        """Nobody waits."""

    def sink(self, step: str, declared: FlowSink) -> ItemSink:
        self.sinks[step] = declared
        return ItemSink(_Nowhere())


class _Nowhere:
    """The writer of a flow that is only looked at."""

    def write(self, items: list[Item]) -> None:
        del items
        raise AssertionError("a sketch is never run")

    def close(self) -> None:
        """There is nothing to let go of."""


class _NoTable:
    """The table of a join in a flow that is only looked at."""

    def ask(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        del keys
        raise AssertionError("a sketch is never run")
