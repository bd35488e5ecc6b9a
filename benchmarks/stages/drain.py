"""The dataflow alone: how fast it works off a log that was filled before."""

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.messages import PARTITIONS, PROJECT_ID, log_messages
from benchmarks.processes import cpu_seconds, resident_bytes
from benchmarks.results import Group, LossCheck, Result
from benchmarks.services import StoreUrls, stack_environment
from benchmarks.stack import StoreCounts
from benchmarks.stages.event_log import append_all, open_log

_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.2


async def measure_drain(urls: StoreUrls, events: int, amqp_url: str | None) -> Result:
    """Fill a log, start a dataflow, and wait until both stores hold everything.

    The time counts from when the first events are visible, so the start of the process is not in it;
    neither are those first events.

    Args:
        urls: fresh databases.
        events: how many.
        amqp_url: a broker that nobody used before; ``None`` for the embedded log.
    """
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-", ignore_cleanup_errors=True) as name:
        data = Path(name)
        await _fill(amqp_url or f"sqlite://{data}/log", events)
        environment = stack_environment(urls, data, partitions=str(PARTITIONS), metrics_port="0")
        if amqp_url is not None:
            environment["SMOLHOG_AMQP_URL"] = amqp_url
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "smolhog", "dataflow", env=environment
        )
        try:
            samples, found = await _watch(urls, process, events)
            spent = cpu_seconds(psutil.Process(process.pid))
            resident = resident_bytes(psutil.Process(process.pid))
        finally:
            # A kill is a dataflow's normal end.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    first_at, first = next(sample for sample in samples if sample[1] > 0)
    ended, _ = samples[-1]
    if first > events // 2:
        # Too little was left to measure by: then the start is part of it.
        first_at, first = started, 0
    log = "RabbitMQ" if amqp_url else "SQLite"
    return Result(
        name=f"drain-{log.lower()}",
        title=f"Dataflow working off a log on {log}",
        group=Group.STAGE,
        events=events - first,
        seconds=ended - first_at,
        checks=(
            LossCheck("rows in PostgreSQL", events, found[0]),
            LossCheck("counted by hour", events, found[1]),
        ),
        settings={"event log": log, "partitions": PARTITIONS},
        figures={
            "seconds from start to the first events": first_at - started,
            "resident MiB": resident / 1024**2,
        },
        cpu_microseconds={"dataflow": spent / events * 1e6},
        timelines={"visible": [(at - started, visible) for at, visible in samples]},
    )


async def _fill(url: str, events: int) -> None:
    log = await open_log(url)
    try:
        await append_all(log_messages(events), log.append)
    finally:
        await log.close()


async def _watch(
    urls: StoreUrls, process: asyncio.subprocess.Process, events: int
) -> tuple[list[tuple[float, int]], tuple[int, int]]:
    """Poll until everything is stored; returns samples of what is visible, and the final counts."""
    counts = await asyncio.to_thread(StoreCounts, urls.postgres, urls.clickhouse)
    samples: list[tuple[float, int]] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        while time.monotonic() < deadline:
            if process.returncode is not None:
                raise RuntimeError("the dataflow ended early")
            visible = await asyncio.to_thread(counts.visible, PROJECT_ID)
            samples.append((time.monotonic(), visible))
            if visible >= events and await asyncio.to_thread(counts.raw, PROJECT_ID) >= events:
                samples.append((time.monotonic(), visible))
                break
            await asyncio.sleep(_POLL_SECONDS)
        raw = await asyncio.to_thread(counts.raw, PROJECT_ID)
        return samples, (raw, await asyncio.to_thread(counts.visible, PROJECT_ID))
    finally:
        counts.close()
