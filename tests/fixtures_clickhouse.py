"""The embedded ClickHouse server, one for each test process, with a fresh database for whoever wants one."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import pytest

from tests.process import ServiceProcess


@dataclass(frozen=True)
class ClickHouseServer:
    """A running server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Of the server, without a database."""
        return f"http://{self.host}:{self.port}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a new, empty database, dropped afterwards."""
        name = f"test_{uuid.uuid4().hex}"
        with clickhouse_connect.get_client(host=self.host, port=self.port) as client:
            client.command(f"CREATE DATABASE {name}")
            try:
                yield name
            finally:
                client.command(f"DROP DATABASE {name} SYNC")


@contextmanager
def running_clickhouse(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[ServiceProcess]:
    """A server of its own on `folder`, for tests that kill it."""
    folder.mkdir(exist_ok=True)
    service = ServiceProcess(
        "smolhog.embedded.clickhouse_server",
        ["--path", str(folder / "engine"), *arguments],
        folder,
        environment,
    )
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[ClickHouseServer]:
    """A server that all tests of the process share; each takes a `database()` of it."""
    with (
        tempfile.TemporaryDirectory(prefix="smolhog-clickhouse-") as folder,
        running_clickhouse(Path(folder)) as service,
    ):
        yield ClickHouseServer("127.0.0.1", service.port)
