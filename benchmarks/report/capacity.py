"""The figures of a run that `smolhog plan` reckons with, as a file of the package."""

from pathlib import Path

import msgspec

from benchmarks.results import Result, Run
from benchmarks.traffic import USUAL
from smolhog.capacity import FILE, Capacity, LogCosts, TelemetryCosts

CAPACITY = Path("smolhog") / FILE
MANY_USERS = 1_000_000
"""Of the load ``shape-many-users``."""
_BATCHES = (1, 10, 100, 500)
_DISK = {
    "PostgreSQL": "bytes an event, PostgreSQL with indexes",
    "ClickHouse": "bytes an event, ClickHouse",
    "event log": "bytes an event, event log",
    "dedup index": "bytes an event, dedup index",
    **{unit: f"bytes for each {unit}, numbers in ClickHouse" for unit in ("minute", "hour", "day")},
}
_RESIDENT = "resident MiB, "


class RunIncompleteError(ValueError):
    """The run has not measured what a plan needs."""


def capacity_of(run: Run) -> Capacity:
    """Take the figures out of a run.

    Raises:
        RunIncompleteError: it lacks one; the stage that measures it is named.
    """

    def of(name: str) -> Result:
        result = run.find(name)
        if result is None:
            raise RunIncompleteError(f"the run has no result {name!r}, which `smolhog plan` needs")
        return result

    storage = of("storage")
    ends = {log: of(f"end-to-end-{log}") for log in ("sqlite", "rabbitmq")}
    resident = {
        name.removeprefix(_RESIDENT): figure
        for name, figure in storage.figures.items()
        if name.startswith(_RESIDENT)
    }
    # A stack over RabbitMQ has all of these and the broker.
    resident["rabbitmq"] = ends["rabbitmq"].figures["resident MiB"] - ends["sqlite"].figures["resident MiB"]
    return Capacity(
        measured_on=run.began,
        commit=run.machine.commit,
        cpu=run.machine.cpu,
        cores=run.machine.cores,
        memory_gib=run.machine.memory_gib,
        event_bytes=storage.figures["bytes an event, as sent"],
        users=USUAL.users,
        many_users=MANY_USERS,
        many_users_factor=of("shape-batch-100").per_second / of("shape-many-users").per_second,
        logs={
            log: LogCosts(
                cpu_microseconds=end.cpu_microseconds,
                stored_per_second=end.per_second,
                gateway_per_second={batch: of(f"gateway-{log}-{batch}").per_second for batch in _BATCHES},
            )
            for log, end in ends.items()
        },
        disk_bytes={name: storage.figures[figure] for name, figure in _DISK.items()},
        resident_mib=resident,
        telemetry=[
            _telemetry(of(f"telemetry-{batch}"), of(f"shape-batch-{batch}"), batch) for batch in (100, 10, 1)
        ],
    )


def _telemetry(result: Result, whole: Result, batch: int) -> TelemetryCosts:
    return TelemetryCosts(
        batch=batch,
        microseconds=result.figures["CPU µs an event without telemetry"],
        metrics_percent=result.figures["CPU % that metrics add"],
        all_percent=result.figures["CPU % that metrics and traces add"],
        stack_microseconds=whole.figures["CPU µs an event"],
    )


def write_capacity(run: Run, file: Path) -> None:
    """Write the file.

    Raises:
        RunIncompleteError: the run lacks a figure; nothing was written.
    """
    file.write_bytes(msgspec.json.format(msgspec.json.encode(capacity_of(run)), indent=1) + b"\n")
