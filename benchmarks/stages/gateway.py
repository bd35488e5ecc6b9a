"""The gateway alone: from a WebSocket to durable in the event log, nobody reading it."""

import asyncio
import tempfile
from pathlib import Path

import psycopg

from benchmarks.latency import Latencies
from benchmarks.load import Load
from benchmarks.messages import PARTITIONS
from benchmarks.processes import cpu_seconds, resident_bytes
from benchmarks.results import Group, LossCheck, Result
from benchmarks.services import StoreUrls, running_server, stack_environment
from benchmarks.stack import ready_load
from benchmarks.stages.event_log import count_events
from projects.keys import KeyKind
from projects.registry import create_key, create_project
from smolhog.ports import free_ports


async def measure_gateway(urls: StoreUrls, load: Load, amqp_url: str | None) -> Result:
    """Send a load to a gateway.

    Args:
        urls: fresh databases: the gateway looks keys up.
        load: what to send.
        amqp_url: a broker; ``None`` for the embedded log.
    """
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as name:
        data = Path(name)
        key = await asyncio.to_thread(_make_key, urls)
        log_url = amqp_url or f"sqlite://{data}/log"
        held_before = await count_events(log_url)
        port = free_ports()
        environment = stack_environment(urls, data, gateway_port=str(port), partitions=str(PARTITIONS))
        if amqp_url is not None:
            environment["SMOLHOG_AMQP_URL"] = amqp_url
        with running_server("gateway", environment, port) as process:
            async with ready_load(f"ws://127.0.0.1:{port}", key, load) as sender:
                before = cpu_seconds(process)
                report = await sender.run()
                spent = cpu_seconds(process) - before
            resident = resident_bytes(process)
        found = await count_events(log_url) - held_before
    latencies = Latencies()
    latencies.add(report.latencies)
    log = "RabbitMQ" if amqp_url else "SQLite"
    by_sdk = load.client == "sdk"
    return Result(
        name=f"gateway-{log.lower()}-{'sdk' if by_sdk else load.batch}",
        title=f"Python SDK, one process, through the gateway to {log}"
        if by_sdk
        else f"Gateway to {log}, batches of {load.batch}",
        group=Group.STAGE,
        events=report.sent,
        seconds=report.ended - report.began,
        checks=(
            LossCheck("events acknowledged", report.sent, report.accepted),
            LossCheck("events in the log", report.sent, found),
        ),
        settings={"event log": log, "batch": load.batch, "connections": load.connections},
        figures={
            "CPU µs an event of the load generator": report.cpu_seconds / report.sent * 1e6,
            "resident MiB": resident / 1024**2,
        },
        latencies={"ack": latencies.summary()},
        cpu_microseconds={"gateway": spent / report.sent * 1e6},
        timelines={"acknowledged": report.timeline},
    )


def _make_key(urls: StoreUrls) -> str:
    with psycopg.connect(urls.postgres) as connection:
        project = create_project(connection, "benchmark")
        return create_key(connection, project.project_id, KeyKind.WRITE, "benchmark").secret
