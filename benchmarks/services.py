"""Services for stages that measure one part alone: the same servers that the embedded stack runs."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from sinks.clickhouse.connect import connect
from sinks.migrate import migrate_stores
from smolhog.embedded.postgres import connection_url
from smolhog.probes import http_get
from tests.fixtures_clickhouse import running_clickhouse
from tests.fixtures_rabbitmq import RabbitMQ
from tests.process import ServiceProcess

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class StoreUrls:
    """A database of each store, with this version's schema."""

    postgres: str
    clickhouse: str


@dataclass(frozen=True, slots=True)
class Servers:
    """Both stores, running."""

    folder: Path
    clickhouse_port: int

    @contextmanager
    def fresh_databases(self) -> Iterator[StoreUrls]:
        """Make a database in each store, with schema and without rows; dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex}"
        urls = StoreUrls(
            connection_url(self.folder / "postgres", name), f"http://127.0.0.1:{self.clickhouse_port}/{name}"
        )
        with psycopg.connect(connection_url(self.folder / "postgres"), autocommit=True) as postgres:
            postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
            try:
                migrate_stores(urls.postgres, urls.clickhouse)
                # What the rounds before left to be written must not be this round's to pay for.
                postgres.execute("CHECKPOINT")
                yield urls
            finally:
                postgres.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
                with connect(urls.clickhouse, database="default") as clickhouse:
                    clickhouse.command(f"DROP DATABASE IF EXISTS {name} SYNC")


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start PostgreSQL and ClickHouse as `smolhog up` does: durable, with the same settings."""
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Under root PostgreSQL runs as another user, who must be able to reach the folder.
        folder.chmod(0o711)
        postgres = ServiceProcess("smolhog.embedded.postgres", ["--data", str(folder / "postgres")], folder)
        try:
            with running_clickhouse(folder / "clickhouse") as clickhouse:
                yield Servers(folder, clickhouse.port)
        finally:
            postgres.stop()


def has_rabbitmq() -> bool:
    """Whether a broker can be started on this machine."""
    return Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists() and shutil.which("epmd") is not None


@contextmanager
def running_broker() -> Iterator[RabbitMQ]:
    """Start a private RabbitMQ node."""
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-rabbitmq-", ignore_cleanup_errors=True) as folder:
        broker = RabbitMQ(Path(folder))
        broker.start()
        try:
            yield broker
        finally:
            broker.close()


def stack_environment(urls: StoreUrls, data: Path, **more: str) -> dict[str, str]:
    """Return the environment of one of SmolHog's processes over these stores."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")},
        "SMOLHOG_DATA": str(data),
        "SMOLHOG_POSTGRES_URL": urls.postgres,
        "SMOLHOG_CLICKHOUSE_URL": urls.clickhouse,
        "SMOLHOG_LOG_LEVEL": "warning",
        **{f"SMOLHOG_{name.upper()}": value for name, value in more.items()},
    }


@contextmanager
def running_server(command: str, environment: dict[str, str], port: int) -> Iterator[psutil.Process]:
    """Run the gateway or the query API until the block ends.

    Args:
        command: of `smolhog`.
        environment: made by :func:`stack_environment`.
        port: where it answers ``/health/ready``.
    """
    process = subprocess.Popen([sys.executable, "-m", "smolhog", command], env=environment)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"smolhog {command} did not start")
            time.sleep(_POLL_SECONDS)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        return http_get("127.0.0.1", port, "/health/ready").status == 200
    except OSError:
        return False
