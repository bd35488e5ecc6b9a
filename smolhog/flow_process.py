"""The process of one flow: loads its file, runs it until it is killed, and says why if it ends by itself."""

import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path

import psycopg
import structlog

from dataflows.kit.errors import FlowError, FlowInvalid, FlowOwned
from dataflows.kit.flow import Flow
from dataflows.kit.loading import load_flow
from dataflows.kit.reasons import reasons
from dataflows.kit.run import FlowOptions, run_flow
from event_log.errors import EventLogError
from event_log.opening import open_event_log
from event_log.port import EventLog, Retention
from sinks.errors import MigrationError, SinkError
from smolhog.flow_files import FlowFile
from smolhog.flow_runs import record_failure, record_start
from smolhog.logs import configure_logs
from smolhog.metrics_server import serve_metrics
from smolhog.processes import open_log
from smolhog.settings import Settings
from smolhog.stores import postgres_dsn, reason_of

_log = structlog.get_logger()

_KNOWN = (FlowError, EventLogError, SinkError, MigrationError)


def load_named(flow_file: FlowFile) -> Flow:
    """Load a flow, whose file has its name.

    Raises:
        FlowInvalid: the file declares none, or one of another name: who sees the one should find the other.
    """
    flow = load_flow(flow_file.file)
    if flow.name != flow_file.name:
        raise FlowInvalid(
            f"{flow_file.file} declares a flow called {flow.name}: call the file {flow.name}.py, or the flow "
            f"{flow_file.name}"
        )
    return flow


def flow_options(settings: Settings) -> FlowOptions:
    """Return what the settings say to a process that runs a flow.

    Raises:
        ServiceUnreachable: nothing was ever started in the data folder.
    """
    return FlowOptions(
        data=settings.data,
        open_log=partial(open_log, settings),
        partitions=settings.partitions,
        postgres_dsn=postgres_dsn(settings),
        clickhouse_url=settings.clickhouse_dsn,
        open_stream=partial(_open_stream, settings),
        limits=settings.limits,
        dedup_days=settings.dedup_days,
    )


def run_flow_process(settings: Settings, flow_file: FlowFile, metrics_port: int | None) -> None:
    """Run a flow until it is killed, or its files end; ends the process with exit code 1 where it cannot go on.

    Args:
        settings: as read.
        flow_file: which flow.
        metrics_port: where its metrics are served; ``None`` for nowhere.

    Raises:
        ServiceUnreachable: nothing was ever started in the data folder.
    """
    configure_logs(settings.log_level, as_json=settings.log_json, process=f"flow-{flow_file.name}")
    options = flow_options(settings)
    signal.signal(signal.SIGINT, _stop)
    try:
        if metrics_port is not None:
            serve_metrics(settings.metrics_host, metrics_port, settings.metrics_secret)
        record_start(options.postgres_dsn, flow_file.name)
        run_flow(load_named(flow_file), options)
    except Exception as error:  # noqa: BLE001 - whatever a person's steps raise is said and kept, here only
        reason = describe_failure(error, flow_file.file)
        _log.error("flow stops", flow=flow_file.name, reason=reason)
        if not isinstance(error, FlowOwned):
            # That another process runs it is no failure of the flow.
            _keep(options.postgres_dsn, flow_file.name, reason)
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads of Bytewax and of the log may still run, and would abort an interpreter that ends under them.
        os._exit(1)


def _stop(number: int, frame: object) -> None:
    """End at once, as a kill would: raised within Bytewax, KeyboardInterrupt would be its panic."""
    del number, frame
    sys.stderr.write("Stopped. It goes on where it was when it is run again.\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(128 + signal.SIGINT)


def describe_failure(error: BaseException, file: Path) -> str:
    """Say why a flow ended: what is ours in its own words, what a person's steps raised with its line in their file.

    Args:
        error: as it came; Bytewax wraps what a step raises.
        file: of the flow.
    """
    chain = list(reasons(error))
    for each in chain:
        if isinstance(each, _KNOWN):
            return str(each)
        if isinstance(each, psycopg.errors.UndefinedTable) and "flow_" in str(each):
            return "the database has not the tables of this version: run `smolhog migrate`"
        if isinstance(each, psycopg.OperationalError):
            return f"PostgreSQL does not answer: {reason_of(each)}"
    innermost = chain[-1]
    said = " ".join(f"{type(innermost).__name__}: {innermost}".split())
    for each in chain:
        lines = [frame for frame in traceback.extract_tb(each.__traceback__) if frame.filename == str(file)]
        if lines:
            return f"{said} ({file.name}, line {lines[-1].lineno}: {lines[-1].line})"
    return said


def _keep(dsn: str, flow: str, reason: str) -> None:
    try:
        record_failure(dsn, flow, reason)
    except psycopg.Error as error:
        _log.warning("failure is not kept", flow=flow, reason=reason_of(error))


async def _open_stream(settings: Settings, name: str, partitions: int) -> EventLog:
    """Open a log that a flow writes: queues of its name on the broker, or a folder beside the embedded log's."""
    if settings.amqp_url is not None:
        url, prefix = str(settings.amqp_url), f"smolhog.streams.{name}"
    else:
        url, prefix = f"sqlite:///{(settings.data / 'streams' / name).absolute()}", ""
    return await open_event_log(
        url,
        partitions=partitions,
        retention=Retention(settings.log_retention_bytes, settings.log_retention),
        prefix=prefix,
    )
