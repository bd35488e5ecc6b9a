"""From WebSocket to committed in both stores, on a stack of its own, with a check that nothing was lost."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency import Latencies
from benchmarks.load import Load, LoadReport
from benchmarks.processes import cpu_seconds, disk_bytes, profiled
from benchmarks.results import Group, LossCheck, Result
from benchmarks.stack import (
    BenchStack,
    ProjectKeys,
    StoreCounts,
    Stored,
    ready_load,
    running_bench_stack,
)

_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.5
"""Asking costs CPU time, which counts as the stack's."""
_LAST_POLL_SECONDS = 0.05
_LAST_SHARE = 0.9
"""Of the events; from there on it is asked often, so that the end is not seen late."""
_PROFILED = ("gateway", "dataflow")


@dataclass(frozen=True, slots=True)
class _Progress:
    """How the stores filled."""

    stored: Stored
    all_at: float
    """Seconds since 1970 when both first held everything."""
    samples: list[tuple[float, int]]
    """Seconds since 1970, and events visible in the rollups."""
    cpu_seconds: dict[str, float]
    """Of each process, until then: what the loss checks cost is not in it."""


async def run_end_to_end(load: Load, *, amqp_url: str | None, profile: Path | None = None) -> Result:
    """Start a stack in a temporary folder, send, wait until all is stored, compare.

    Args:
        load: what to send.
        amqp_url: a broker for the event log; ``None`` for the embedded log.
        profile: where profiles of the gateway and the dataflow go; ``None`` for none.
    """
    async with running_bench_stack(amqp_url) as stack:
        name = f"end-to-end-{stack.event_log.lower()}"
        title = f"End to end over {stack.event_log}"
        return await measure_load(stack, stack.projects[0], load, name, title, profile=profile)


async def run_shapes(loads: Sequence[tuple[str, str, Load]], *, amqp_url: str | None) -> list[Result]:
    """Send several loads to one stack, one after the other.

    Args:
        loads: name, title and load of each.
        amqp_url: a broker for the event log; ``None`` for the embedded log.
    """
    async with running_bench_stack(amqp_url, projects=len(loads)) as stack:
        return [
            await measure_load(stack, project, load, name, title, group=Group.SHAPE)
            for project, (name, title, load) in zip(stack.projects, loads, strict=True)
        ]


async def measure_load(
    stack: BenchStack,
    project: ProjectKeys,
    load: Load,
    name: str,
    title: str,
    *,
    group: Group = Group.END_TO_END,
    profile: Path | None = None,
    on_start: Callable[[], object] = lambda: None,
) -> Result:
    """Send one load to a running stack, wait until all is stored, compare.

    Args:
        stack: running and idle.
        project: an empty one.
        load: what to send.
        name: of the result.
        title: of the result.
        group: of the result.
        profile: where profiles go; ``None`` for none.
        on_start: called when the sending begins.
    """
    disk_before = await asyncio.to_thread(disk_bytes, stack.settings.data)
    report, progress = await _sent_and_stored(stack, project, load, profile, on_start)
    disk = await asyncio.to_thread(disk_bytes, stack.settings.data) - disk_before
    latencies = Latencies()
    latencies.add(report.latencies)
    return Result(
        name=name,
        title=title,
        group=group,
        events=report.sent,
        seconds=progress.all_at - report.began,
        checks=_checks(report, progress.stored),
        settings=_settings(stack, load),
        figures=_figures(stack, report, progress, disk),
        latencies={"ack": latencies.summary()},
        cpu_microseconds={each: spent / report.sent * 1e6 for each, spent in progress.cpu_seconds.items()},
        timelines={
            "acknowledged": report.timeline,
            "visible": [(at - report.began, visible) for at, visible in progress.samples],
        },
    )


async def _sent_and_stored(
    stack: BenchStack,
    project: ProjectKeys,
    load: Load,
    profile: Path | None,
    on_start: Callable[[], object],
) -> tuple[LoadReport, _Progress]:
    """Send the load, and watch the stores meanwhile until they hold it."""
    profiles = {each: stack.processes[each] for each in _PROFILED if each in stack.processes}
    counts = await asyncio.to_thread(StoreCounts, stack.postgres_url, stack.settings.clickhouse_dsn)
    try:
        async with ready_load(stack.stream_url, project.write, load) as sender:
            with profiled(profiles, profile):
                before = {each: cpu_seconds(process) for each, process in stack.processes.items()}
                async with asyncio.TaskGroup() as tasks:
                    sending = tasks.create_task(sender.run())
                    watching = tasks.create_task(_watch(stack, project, counts, before, sending))
                    on_start()
    finally:
        counts.close()
    return sending.result(), watching.result()


def _figures(stack: BenchStack, report: LoadReport, progress: _Progress, disk: int) -> dict[str, float]:
    return {
        "acknowledged a second": report.accepted / (report.ended - report.began),
        "stored a second": report.sent / (progress.all_at - report.began),
        "CPU µs an event": sum(progress.cpu_seconds.values()) / report.sent * 1e6,
        "CPU µs an event of the load generator": report.cpu_seconds / report.sent * 1e6,
        "start seconds": stack.start_seconds,
        "resident MiB idle": stack.idle_mib,
        "resident MiB": stack.resident_mib,
        "bytes on disk an event": max(disk, 0) / report.sent,
    }


def _settings(stack: BenchStack, load: Load) -> dict[str, str | int | float]:
    loop = f"open, {load.rate:,.0f} events/s" if load.rate else f"closed, {load.in_flight} in flight"
    return {
        "event log": stack.event_log,
        "batch": load.batch,
        "connections": load.connections,
        "loop": loop,
        "client": load.client,
    }


def _checks(report: LoadReport, held: Stored) -> tuple[LossCheck, ...]:
    wanted = report.distinct
    return (
        LossCheck("events acknowledged", report.sent, report.accepted),
        LossCheck("rows in PostgreSQL", wanted, held.raw),
        LossCheck("distinct ids in PostgreSQL", wanted, held.distinct_ids),
        LossCheck("rows in ClickHouse", wanted, held.columnar),
        LossCheck("counted by hour", wanted, held.rollup_hour),
        LossCheck("counted by minute", wanted, held.rollup_minute),
    )


async def _watch(
    stack: BenchStack,
    project: ProjectKeys,
    counts: StoreCounts,
    before: dict[str, float],
    sending: "asyncio.Task[LoadReport]",
) -> _Progress:
    """Poll the stores until they hold everything that was sent, or nothing more comes."""
    samples: list[tuple[float, int]] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        visible = await asyncio.to_thread(counts.visible, project.project_id)
        samples.append((time.time(), visible))
        if sending.done():
            wanted = sending.result().distinct
            if visible >= wanted and await asyncio.to_thread(counts.raw, project.project_id) >= wanted:
                break
        nearly = sending.done() and visible >= _LAST_SHARE * sending.result().distinct
        await asyncio.sleep(_LAST_POLL_SECONDS if nearly else _POLL_SECONDS)
    all_at = time.time()
    spent = {name: cpu_seconds(process) - before[name] for name, process in stack.processes.items()}
    # A few epochs later nothing more may have come: an event counted twice would show now.
    await asyncio.sleep(4 * stack.settings.epoch_seconds)
    stored = await asyncio.to_thread(counts.stored, project.project_id)
    return _Progress(stored, all_at, samples, spent)
