"""The embedded ClickHouse server, one for each test process, with a fresh database for whoever wants one."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from sinks.clickhouse.cluster import databases_of
from sinks.clickhouse.deletion import cluster_of
from tests.process import ServiceProcess
from tests.sharded_clickhouse import CLUSTER, DATABASES


@dataclass(frozen=True)
class ClickHouseServer:
    """A running server; with the name of a cluster if it is one, as `tests.sharded_clickhouse` says."""

    host: str
    port: int
    cluster: str | None = None

    @property
    def url(self) -> str:
        """Of the server, without a database."""
        return f"http://{self.host}:{self.port}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a new, empty database, dropped afterwards."""
        with clickhouse_connect.get_client(host=self.host, port=self.port) as client:
            name = f"test_{uuid.uuid4().hex}"
            if self.cluster:
                taken = {row[0] for row in client.query("SHOW DATABASES").result_rows}
                name = next(name for name in DATABASES if name not in taken)
            client.command(f"CREATE DATABASE {name}")
            try:
                yield name
            finally:
                for each in databases_of(name):
                    client.command(f"DROP DATABASE IF EXISTS {each} SYNC")


def kept(client: Client, table: str) -> str:
    """The table in which the rows are that `table` shows: itself, but on a cluster."""
    cluster = cluster_of(client, table)
    return table if cluster is None else cluster.local(table)


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
def clickhouse_shards() -> Iterator[ClickHouseServer]:
    """A cluster of two shards that all tests of the process share."""
    with tempfile.TemporaryDirectory(prefix="smolhog-shards-") as folder:
        service = ServiceProcess(
            "tests.sharded_clickhouse", ["--path", str(Path(folder) / "engine")], Path(folder)
        )
        try:
            yield ClickHouseServer("127.0.0.1", service.port, CLUSTER)
        finally:
            service.stop()


@pytest.fixture(scope="session")
def clickhouse_alone() -> Iterator[ClickHouseServer]:
    """One server that all tests of the process share; each takes a `database()` of it."""
    with (
        tempfile.TemporaryDirectory(prefix="smolhog-clickhouse-") as folder,
        running_clickhouse(Path(folder)) as service,
    ):
        yield ClickHouseServer("127.0.0.1", service.port)


@pytest.fixture(scope="session")
def clickhouse_server(request: pytest.FixtureRequest) -> ClickHouseServer:
    """The server of a test: one alone, or the cluster for tests that are marked with `shards_too`.

    With `SMOLHOG_TEST_SHARDS=1` it is the cluster in all of them.
    """
    default = "shards" if os.environ.get("SMOLHOG_TEST_SHARDS") else "alone"
    server = request.getfixturevalue(f"clickhouse_{getattr(request, 'param', default)}")
    assert isinstance(server, ClickHouseServer)
    return server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked with `shards_too` on one server and again on the cluster."""
    if "clickhouse_server" in metafunc.fixturenames and metafunc.definition.get_closest_marker("shards_too"):
        metafunc.parametrize("clickhouse_server", ["alone", "shards"], indirect=True, scope="session")
