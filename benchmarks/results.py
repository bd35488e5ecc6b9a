"""What a benchmark measured: one type for every stage, so that one report shows them all.

A figure without its loss check says nothing: a pipeline that drops events is the fastest of all.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import msgspec

from benchmarks.machine import Machine


class Group(StrEnum):
    """What kind of thing was measured; the report has a section for each."""

    CEILING = "ceiling"
    """What the services do with the same bytes and nothing of ours in between."""
    END_TO_END = "end to end"
    SHAPE = "shape"
    """End to end again, with other batches, users or faults in the traffic."""
    LATENCY = "latency"
    STAGE = "stage"
    BASELINE = "baseline"
    ENGINE = "engine"
    """The same windowed count in other engines."""
    FLOW = "flow"
    """Each step and output of flows that people write."""
    QUERY = "query"
    GROWTH = "growth"
    """What an event costs the dataflow, as traffic changes."""
    STORAGE = "storage"
    """What events take on disk, and processes in memory."""
    TELEMETRY = "telemetry"
    """What metrics and traces cost."""


@dataclass(frozen=True, slots=True)
class LossCheck:
    """What should be there, and what is."""

    what: str
    """Where it was counted, e.g. ``rows in PostgreSQL``."""
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of one histogram, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    p999: float
    largest: float


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement."""

    name: str
    """Unique within a run, e.g. ``end-to-end-rabbitmq``."""
    title: str
    group: Group
    events: int
    seconds: float
    checks: tuple[LossCheck, ...]
    settings: dict[str, str | int | float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """Whatever else was measured; a name says the unit, e.g. ``bytes on disk an event``."""
    latencies: dict[str, Latency] = field(default_factory=dict)
    cpu_microseconds: dict[str, float] = field(default_factory=dict)
    """CPU time an event by process."""
    timelines: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """What was counted: seconds since the beginning, and events done by then."""
    note: str = ""

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def holds(self) -> bool:
        """Whether every loss check holds; ``False`` where there is none."""
        return bool(self.checks) and all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A stage that did not run, and why: a report never leaves one out in silence."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """All that one command measured."""

    kind: str
    """``run``, ``full``, or the name of a stage."""
    began: str
    """UTC, RFC 3339."""
    machine: Machine
    results: tuple[Result, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was lost anywhere."""
        return all(result.holds for result in self.results)

    def find(self, name: str) -> Result | None:
        """Return the result of this name, if it was measured."""
        return next((result for result in self.results if result.name == name), None)

    def of(self, *groups: Group) -> list[Result]:
        """Return the results of some groups, in the order of the run."""
        return [result for result in self.results if result.group in groups]


def put_into(run: Run, later: Run) -> Run:
    """Return a run with what was measured later in place of what it has of the same name, and a note of when."""
    note = f"Measured on {later.began[:10]}, with SmolHog at {later.machine.commit}, after the rest of this page."
    new = {result.name: replace(result, note=note) for result in later.results}
    kept = [new.pop(result.name, result) for result in run.results]
    skipped = tuple(
        each for each in run.skipped if each.name not in {result.name for result in later.results}
    )
    return replace(run, results=(*kept, *new.values()), skipped=skipped)


def write_run(run: Run, file: Path) -> None:
    """Write a run as JSON, for :func:`read_run`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def read_run(file: Path) -> Run:
    """Read what :func:`write_run` wrote.

    Raises:
        msgspec.DecodeError: the file is no run, or one of another version.
    """
    return msgspec.json.decode(file.read_bytes(), type=Run)
