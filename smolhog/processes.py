"""The processes of the stack: each builds its room's objects from the settings and serves.

Run by `smolhog up` and by compose, one operating system process each. They log to standard error,
end at SIGTERM after finishing what they hold, and may be killed at any moment.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
import uvloop

from event_log.errors import EventLogError
from event_log.opening import open_event_log
from event_log.port import EventLog, Retention
from event_log.spool import SpooledEventLog
from projects.directory import KeyDirectory
from projects.insiders import is_loopback
from smolhog.errors import SettingsInvalid
from smolhog.logs import configure_logs
from smolhog.metrics_server import serve_metrics
from smolhog.process_watch import ProcessWatch
from smolhog.settings import Settings
from smolhog.status_samples import QUERY_API, addresses
from smolhog.stores import postgres_dsn
from smolhog.tracing import start_tracing

if TYPE_CHECKING:
    from smolhog.guard import Guard

_log = structlog.get_logger()


def run_gateway(settings: Settings) -> None:
    """Serve the gateway until SIGTERM."""
    configure_logs(settings.log_level, as_json=settings.log_json, process="gateway")
    _start_tracing(settings, "gateway")
    uvloop.run(_serve_gateway(settings))


def run_query_api(settings: Settings, *, watch_processes: bool) -> None:
    """Serve the query API until SIGTERM.

    Args:
        settings: as read.
        watch_processes: whether the gateway and the dataflows run on this machine, by the same settings.
    """
    configure_logs(settings.log_level, as_json=settings.log_json, process="query-api")
    _start_tracing(settings, "query-api")
    uvloop.run(_serve_query_api(settings, watch_processes=watch_processes))


def run_dataflow(settings: Settings, index: int, total: int) -> None:
    """Process this process's share of the partitions until SIGTERM, or until it cannot go on: exit code 1.

    Args:
        settings: as read.
        index: which process this is, from 0.
        total: how many there are.
    """
    configure_logs(settings.log_level, as_json=settings.log_json, process=f"dataflow-{index}")
    _start_tracing(settings, f"dataflow-{index}")
    partitions = range(index, settings.partitions, total)
    if not partitions:
        raise SettingsInvalid(
            f"SMOLHOG_DATAFLOW_PROCESSES: process {index} of {total} has nothing to do, "
            f"the event log has {settings.partitions} partitions",
            "Run at most as many dataflow processes as there are partitions.",
        )
    _warn_if_open(settings, "dataflow metrics", settings.metrics_host)
    serve_metrics(settings.metrics_host, settings.metrics_port + index, settings.metrics_secret)
    # Not at the top: a process carries the room that it runs, and no other.
    from dataflows.errors import DataflowError  # noqa: PLC0415
    from dataflows.options import DataflowOptions  # noqa: PLC0415
    from dataflows.run import run_dataflows  # noqa: PLC0415
    from sinks.errors import PartitionOwned, SinkError  # noqa: PLC0415
    from smolhog.upkeep import start_upkeep  # noqa: PLC0415

    _log.info("dataflow runs", partitions=list(partitions))
    options = DataflowOptions(
        partitions=tuple(partitions),
        open_log=partial(open_log, settings),
        postgres_dsn=postgres_dsn(settings),
        clickhouse_url=settings.clickhouse_dsn,
        folder=settings.data / "dataflow",
        limits=settings.limits,
        epoch=timedelta(seconds=settings.epoch_seconds),
        grace_seconds=settings.rollup_grace_seconds,
        breakdown_values=settings.breakdown_values,
        dedup_days=settings.dedup_days,
        max_rejected_ratio=settings.max_rejected_ratio,
        geoip_file=settings.geoip_file,
    )
    if index == 0:
        start_upkeep(settings)
    try:
        run_dataflows(options)
    except (DataflowError, EventLogError, PartitionOwned, SinkError) as error:
        _log.error("dataflow stops", reason=str(error))
        sys.stdout.flush()
        sys.stderr.flush()
        # Flows of other partitions still run, and Bytewax aborts an interpreter that ends under them.
        os._exit(1)


def _start_tracing(settings: Settings, process: str) -> None:
    start_tracing(
        None if settings.otlp_url is None else str(settings.otlp_url),
        f"smolhog-{process}",
        ratio=settings.trace_ratio,
        slow_seconds=settings.trace_slow_seconds,
    )


async def _serve_gateway(settings: Settings) -> None:
    from ingest_gateway.app import create_app  # noqa: PLC0415 - one room a process
    from ingest_gateway.log_watch import watch_log  # noqa: PLC0415
    from ingest_gateway.rate import KeyRates  # noqa: PLC0415
    from ingest_gateway.server import serve  # noqa: PLC0415

    log = await open_log(settings) if settings.amqp_url is None else await _open_spooled_log(settings)
    with _keys(settings, "gateway") as keys:
        app = create_app(
            log=log,
            keys=keys,
            keys_ready=lambda: keys.ready,
            limits=settings.limits,
            cors_origins=settings.cors_origins,
            buffer_bytes=settings.gateway_buffer_bytes,
            rates=KeyRates(settings.max_events_per_second, settings.burst_events),
            connections=settings.connection_limits,
            metrics_token=settings.metrics_secret,
        )
        watch = asyncio.create_task(watch_log(log, settings.log_retention))
        try:
            await serve(
                app,
                event_log=log,
                limits=settings.limits,
                host=settings.gateway_host,
                port=settings.gateway_port,
                guard=_guard(settings, "gateway", settings.gateway_host),
            )
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def _serve_query_api(settings: Settings, *, watch_processes: bool) -> None:
    from query_api.server import serve  # noqa: PLC0415 - one room a process

    others = [address for address in addresses(settings) if address.process != QUERY_API]
    with _keys(settings, "query-api") as keys:
        await serve(
            clickhouse_url=settings.clickhouse_dsn,
            postgres_dsn=postgres_dsn(settings),
            keys=keys,
            keys_known=lambda: keys.ready,
            host=settings.query_host,
            port=settings.query_port,
            cors_origins=settings.cors_origins,
            metrics_token=settings.metrics_secret,
            gateway_port=settings.gateway_port,
            watch=ProcessWatch(others if watch_processes else [], settings.metrics_secret),
            guard=_guard(settings, "query API", settings.query_host),
        )


def _guard(settings: Settings, server: str, host: str) -> "Guard":
    from smolhog.guard import Guard  # noqa: PLC0415 - as the servers

    _warn_if_open(settings, server, host)
    return Guard(settings.connection_limits, settings.trusted_proxies)


def _warn_if_open(settings: Settings, server: str, host: str) -> None:
    if not is_loopback(host):
        token = "with the metrics token" if settings.metrics_secret is not None else "from this machine only"
        _log.warning(
            "open to other machines",
            server=server,
            host=host,
            operators=f"/metrics and /openapi.json answer {token}",
            advice="it speaks plain HTTP: put a proxy with TLS in front, see SECURITY.md",
        )


async def _open_spooled_log(settings: Settings) -> EventLog:
    return await SpooledEventLog.open(
        partial(open_log, settings),
        settings.data / "spool",
        partitions=settings.partitions,
        capacity_bytes=settings.spool_bytes,
    )


async def open_log(settings: Settings) -> EventLog:
    """Open the event log that the settings name; see :func:`event_log.opening.open_event_log`."""
    return await open_event_log(
        settings.event_log_url,
        partitions=settings.partitions,
        retention=Retention(settings.log_retention_bytes, settings.log_retention),
    )


@contextmanager
def _keys(settings: Settings, process: str) -> Iterator[KeyDirectory]:
    keys = KeyDirectory(postgres_dsn(settings), settings.data / "keys" / f"{process}.json")
    keys.start()
    try:
        yield keys
    finally:
        keys.close()
