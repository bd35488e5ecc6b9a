"""Clients of the embedded ClickHouse."""

from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tests.fixtures_clickhouse import ClickHouseServer


@pytest.fixture
def client(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    """A synchronous client in a database of its own."""
    with (
        clickhouse_server.database() as database,
        clickhouse_connect.get_client(
            host=clickhouse_server.host, port=clickhouse_server.port, database=database
        ) as client,
    ):
        yield client
