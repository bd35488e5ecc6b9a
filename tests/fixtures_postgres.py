"""The embedded PostgreSQL, one for each test process, with a fresh database for each test that wants one."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from smolhog.embedded.postgres import connection_url
from tests.process import ServiceProcess


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `data` is its folder."""

    data: Path
    port: int

    def url(self, database: str = "smolhog", *, tcp: bool = False) -> str:
        """The connection URL of one of its databases."""
        return connection_url(self.data, database, tcp=tcp)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The connection URL of a new, empty database, dropped afterwards with whoever is still connected."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy".encode())
            try:
                yield self.url(name)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def running_postgres(folder: Path) -> Iterator[tuple[ServiceProcess, PostgresServer]]:
    """A server of its own on `folder`, for tests that kill it. Killing is survived without fsync."""
    data = folder / "postgres"
    service = ServiceProcess("smolhog.embedded.postgres", ["--data", str(data), "--no-fsync"], folder)
    try:
        yield service, PostgresServer(data, service.port)
    finally:
        service.stop()


@contextmanager
def postgres_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL can reach when it may not run as root: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="smolhog-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server that all tests of the process share."""
    with postgres_folder() as folder, running_postgres(folder) as (_, server):
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The connection URL of a fresh, empty database."""
    with postgres_server.database() as url:
        yield url
