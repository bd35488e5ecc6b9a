"""Everything that a run consists of: services of a worker, and a pipeline of its own for each run."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
import clickhouse_connect
import psycopg

from projects.keys import KeyKind
from projects.registry import create_key, create_project
from sinks.migrate import migrate_stores
from smolhog.embedded.postgres import connection_url
from smolhog.ports import free_ports
from smolhog.probes import http_get
from tests.chaos.services import BrokerProgram, PostgresProgram, Program, clean_environment
from tests.chaos.stored import Stores
from tests.fixtures_rabbitmq import RabbitMQ
from tests.tcp_proxy import TcpProxy

PARTITIONS = 2


@dataclass
class Services:
    """The databases and the broker that the runs of one worker share, one run at a time."""

    folder: Path
    postgres: Program
    clickhouse: Program
    clickhouse_port: int
    postgres_port: int
    broker: BrokerProgram | None = None
    amqp_port: int = 0

    def postgres_url(self, database: str = "smolhog", port: int | None = None) -> str:
        """URL of a database, directly or through a proxy's port."""
        url = connection_url(self.folder / "postgres", database, tcp=True)
        return url.replace(f":{self.postgres_port}/", f":{port or self.postgres_port}/")

    def clickhouse_url(self, database: str, port: int | None = None) -> str:
        """URL of a database, directly or through a proxy's port."""
        return f"http://127.0.0.1:{port or self.clickhouse_port}/{database}"


@asynccontextmanager
async def running_services(folder: Path, *, broker: bool) -> AsyncIterator[Services]:
    """Start PostgreSQL and ClickHouse, and RabbitMQ if asked for, in `folder`."""
    postgres_port, clickhouse_port = free_ports(), free_ports()
    postgres = PostgresProgram(
        "postgres",
        _python(
            "smolhog.embedded.postgres", "--data", folder / "postgres", "--port", postgres_port, "--no-fsync"
        ),
        clean_environment(),
        folder / "postgres.log",
        lambda: _postgres_answers(folder),
    )
    clickhouse = Program(
        "clickhouse",
        _python(
            "smolhog.embedded.clickhouse_server", "--path", folder / "clickhouse", "--port", clickhouse_port
        ),
        clean_environment(),
        folder / "clickhouse.log",
        lambda: _http_answers(clickhouse_port, "/ping"),
    )
    services = Services(folder, postgres, clickhouse, clickhouse_port, postgres_port)
    async with AsyncExitStack() as stack:
        programs: list[Program] = [postgres, clickhouse]
        if broker:
            node = RabbitMQ(folder)
            services.broker, services.amqp_port = BrokerProgram(node, folder), node.port
            programs.append(services.broker)
        for program in programs:
            stack.push_async_callback(program.close)
        await asyncio.gather(*(program.start() for program in programs))
        yield services


@dataclass
class Pipeline:
    """A gateway and dataflows over fresh databases and a fresh log, with proxies between all of them."""

    services: Services
    folder: Path
    log: str
    stores: Stores
    key: str
    gateway: Program
    dataflows: list[Program]
    proxies: dict[str, TcpProxy]
    environment: dict[str, str]
    partitions: int = PARTITIONS
    strays: list[Program] = field(default_factory=list)
    """Dataflows that somebody starts by mistake."""

    @property
    def programs(self) -> dict[str, list[Program]]:
        """What can be killed and frozen, by name."""
        found = {
            "gateway": [self.gateway],
            "dataflow": self.dataflows,
            "postgres": [self.services.postgres],
            "clickhouse": [self.services.clickhouse],
        }
        if self.log == "rabbitmq":
            assert self.services.broker is not None
            found["rabbitmq"] = [self.services.broker]
        return found

    async def ready(self) -> None:
        """Wait until everything runs."""
        for programs in self.programs.values():
            for program in programs:
                await program.ready()

    def stray_dataflow(self, *, elsewhere: bool) -> Program:
        """Return a second dataflow of all partitions, not started: on this machine, or as on another.

        Args:
            elsewhere: with a data folder of its own, so that only PostgreSQL can keep it out.
        """
        environment = self.environment
        if elsewhere:
            data = self.folder / f"elsewhere-{len(self.strays)}"
            data.mkdir()
            (data / "log").symlink_to(self.folder / "data" / "log")
            environment = environment | {"SMOLHOG_DATA": str(data)}
        output = self.folder / f"stray-{len(self.strays)}.log"
        stray = Program("stray", smolhog("dataflow"), environment, output)
        self.strays.append(stray)
        return stray


@asynccontextmanager
async def running_pipeline(
    services: Services,
    folder: Path,
    log: str,
    *,
    processes: int,
    grace_seconds: int,
    partitions: int = PARTITIONS,
) -> AsyncIterator[Pipeline]:
    """Start a gateway and dataflows over the services.

    Args:
        services: running.
        folder: of this run.
        log: `sqlite` or `rabbitmq`.
        processes: dataflow processes that share the partitions; 0 where the caller starts its own.
        grace_seconds: after which rollup cells are closed.
        partitions: of the event log.
    """
    name = f"run_{uuid.uuid4().hex}"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_databases(services, name))
        gateway_port = free_ports(2)
        proxies = _proxies(services, gateway_port, log)
        if log == "rabbitmq":
            await _forget_streams(services.amqp_port, partitions)
        for proxy in proxies.values():
            stack.enter_context(proxy)
        environment = clean_environment(
            SMOLHOG_DATA=str(folder / "data"),
            SMOLHOG_POSTGRES_URL=services.postgres_url(name, proxies["postgres"].port),
            SMOLHOG_CLICKHOUSE_URL=services.clickhouse_url(name, proxies["clickhouse"].port),
            SMOLHOG_GATEWAY_PORT=str(gateway_port),
            SMOLHOG_METRICS_PORT="0",
            SMOLHOG_PARTITIONS=str(partitions),
            SMOLHOG_ROLLUP_GRACE_SECONDS=str(grace_seconds),
        )
        if log == "rabbitmq":
            environment["SMOLHOG_AMQP_URL"] = RabbitMQ.url_at(proxies["rabbitmq"].port)
        pipeline = Pipeline(
            services=services,
            folder=folder,
            log=log,
            stores=Stores(services.postgres_url(name), services.clickhouse_url(name)),
            key=await asyncio.to_thread(_prepare, services, name),
            gateway=_gateway(folder, environment, gateway_port),
            dataflows=[_dataflow(folder, environment, index, processes) for index in range(processes)],
            proxies=proxies,
            environment=environment,
            partitions=partitions,
        )
        stack.push_async_callback(_close, pipeline)
        # The gateway makes the log.
        await pipeline.gateway.start()
        for dataflow in pipeline.dataflows:
            await dataflow.start()
        yield pipeline


def _proxies(services: Services, gateway_port: int, log: str) -> dict[str, TcpProxy]:
    ports = {
        "postgres": services.postgres_port,
        "clickhouse": services.clickhouse_port,
        "gateway": gateway_port,
    }
    if log == "rabbitmq":
        ports["rabbitmq"] = services.amqp_port
    return {name: TcpProxy(port) for name, port in ports.items()}


def _gateway(folder: Path, environment: dict[str, str], port: int) -> Program:
    return Program(
        "gateway",
        smolhog("gateway"),
        environment,
        folder / "gateway.log",
        lambda: _http_answers(port, "/health/ready"),
    )


def _dataflow(folder: Path, environment: dict[str, str], index: int, processes: int) -> Program:
    return Program(
        f"dataflow-{index}",
        smolhog("dataflow", "--index", str(index), "--total", str(processes)),
        # Port 0 is any; a process adds its index to it.
        environment | {"SMOLHOG_METRICS_PORT": str(free_ports(2) if index else 0)},
        folder / f"dataflow-{index}.log",
    )


async def _close(pipeline: Pipeline) -> None:
    # A run that was ended in the middle of a fault leaves nobody down or frozen.
    for programs in pipeline.programs.values():
        for program in programs:
            program.release()
            program.thaw()
    for program in [*pipeline.strays, *pipeline.dataflows, pipeline.gateway]:
        await program.close()


@asynccontextmanager
async def _databases(services: Services, name: str) -> AsyncIterator[None]:
    for program in (services.postgres, services.clickhouse):
        await program.ready()
    await asyncio.to_thread(
        _in_postgres, services, f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"
    )
    await asyncio.to_thread(_in_clickhouse, services, f"CREATE DATABASE {name}")
    try:
        yield
    finally:
        for program in (services.postgres, services.clickhouse):
            await program.ready()
        await asyncio.to_thread(_in_postgres, services, f"DROP DATABASE {name} WITH (FORCE)")
        await asyncio.to_thread(_in_clickhouse, services, f"DROP DATABASE {name} SYNC")


def _prepare(services: Services, name: str) -> str:
    """Make the schema, a project and its write key."""
    migrate_stores(services.postgres_url(name), services.clickhouse_url(name))
    with psycopg.connect(services.postgres_url(name)) as connection:
        project = create_project(connection, "chaos")
        return create_key(connection, project.project_id, KeyKind.WRITE, "chaos").secret


def _in_postgres(services: Services, statement: str) -> None:
    with psycopg.connect(services.postgres_url(), autocommit=True) as connection:
        connection.execute(statement.encode())


def _in_clickhouse(services: Services, statement: str) -> None:
    with clickhouse_connect.get_client(host="127.0.0.1", port=services.clickhouse_port) as client:
        client.command(statement)


async def _forget_streams(port: int, partitions: int) -> None:
    """Delete the log of the run before: the name of a log's streams is fixed."""
    async with await aio_pika.connect(RabbitMQ.url_at(port)) as connection:
        channel = await connection.channel()
        for name in ("partitions", "log_id", *range(partitions)):
            await channel.queue_delete(f"smolhog.events.{name}")


def _postgres_answers(folder: Path) -> bool:
    # The port's file is there a moment before the server is.
    if not (folder / "postgres" / "port").exists() or not (folder / "postgres" / "password").exists():
        return False
    try:
        with psycopg.connect(connection_url(folder / "postgres", tcp=True), connect_timeout=3) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _http_answers(port: int, path: str) -> bool:
    try:
        return http_get("127.0.0.1", port, path).status == 200
    except OSError:
        return False


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def smolhog(*arguments: str) -> list[str]:
    """Return the command line of one of SmolHog's commands."""
    return _python("smolhog", *arguments)
