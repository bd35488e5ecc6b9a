"""Servers that the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer
from tests.security.servers import Servers, running_servers


@pytest.fixture(scope="module")
def servers(
    postgres_server: PostgresServer,
    clickhouse_server: ClickHouseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Servers]:
    """A gateway and a query API with debug logs and default limits."""
    folder: Path = tmp_path_factory.mktemp("servers")
    settings = {"SMOLHOG_LOG_LEVEL": "debug"}
    with running_servers(postgres_server, clickhouse_server, folder, settings) as running:
        yield running
