"""The query API against its own description: schemathesis asks whatever the OpenAPI document allows, and more."""

import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from query_api.openapi import openapi_document
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer
from tests.security.servers import Servers, running_servers

SCHEMA = schemathesis.openapi.from_dict(openapi_document("0"))
EXAMPLES = int(os.environ.get("SMOLHOG_FUZZ_EXAMPLES", "15"))
PROMISES = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def servers(
    postgres_server: PostgresServer,
    clickhouse_server: ClickHouseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Servers]:
    """A query API over empty stores."""
    folder = tmp_path_factory.mktemp("schema")
    with running_servers(postgres_server, clickhouse_server, folder) as running:
        yield running


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES < 100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case, servers: Servers) -> None:
    """No question makes a 5xx, and every answer has a status, type and shape that the document names."""
    headers = {"Authorization": f"Bearer {servers.read_keys['ours']}"}
    case.call_and_validate(base_url=servers.query_api, headers=headers, checks=PROMISES)
