"""What the last published run of the benchmarks measured, for :mod:`smolhog.plan` and the page on metrics.

``capacity.json`` beside this file is written with docs/performance.md, from the same run.
"""

from dataclasses import dataclass
from importlib.resources import files

import msgspec

FILE = "capacity.json"


@dataclass(frozen=True, slots=True)
class LogCosts:
    """What a stack over one kind of event log costs.

    Attributes:
        cpu_microseconds: of an event in batches of 100, by process.
        stored_per_second: events a second from end to end, on the machine that was measured.
        gateway_per_second: events a second of one gateway by the size of the batches.
    """

    cpu_microseconds: dict[str, float]
    stored_per_second: float
    gateway_per_second: dict[int, float]


@dataclass(frozen=True, slots=True)
class TelemetryCosts:
    """CPU time of the gateway's and the dataflow's own work, in percent of what it is without."""

    batch: int
    microseconds: float
    """Of an event, without."""
    metrics_percent: float
    all_percent: float
    """Metrics, and traces at their default ratio."""
    stack_microseconds: float
    """CPU time of an event over all processes of a stack, stores included."""

    @property
    def stack_percent(self) -> float:
        """What both add, in percent of what the whole stack spends."""
        return self.all_percent * self.microseconds / self.stack_microseconds


@dataclass(frozen=True, slots=True)
class Capacity:
    """One run's figures.

    Attributes:
        measured_on: when the run began, UTC.
        commit: of SmolHog.
        cpu: the machine's processor.
        cores: that it had.
        memory_gib: likewise.
        event_bytes: of one event as sent.
        users: people whom the usual traffic comes from.
        many_users: of the traffic of many people.
        many_users_factor: how much slower that is stored.
        logs: costs by kind of event log, ``sqlite`` and ``rabbitmq``.
        disk_bytes: of an event by what keeps it; ``minute``, ``hour`` and ``day``: numbers of one with
            events in it.
        resident_mib: by process, under load.
        telemetry: what it costs to be observed, by size of batches.
    """

    measured_on: str
    commit: str
    cpu: str
    cores: int
    memory_gib: float
    event_bytes: float
    users: int
    many_users: int
    many_users_factor: float
    logs: dict[str, LogCosts]
    disk_bytes: dict[str, float]
    resident_mib: dict[str, float]
    telemetry: list[TelemetryCosts]


def read_capacity() -> Capacity:
    """Read the figures that this version was published with."""
    return msgspec.json.decode(files("smolhog").joinpath(FILE).read_bytes(), type=Capacity)
