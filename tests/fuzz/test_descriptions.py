"""Both servers against their own descriptions: schemathesis sends whatever the OpenAPI documents allow, and more."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import ingest_gateway.openapi
import query_api.openapi
from schemas.limits import Limits
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer
from tests.security.servers import Servers, running_servers

QUERY_API = schemathesis.openapi.from_dict(query_api.openapi.openapi_document("0"))
GATEWAY = schemathesis.openapi.from_dict(ingest_gateway.openapi.openapi_document("0", Limits()))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
# What generates questions calls itself for each level of a filter, a dozen frames at a time.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def servers(
    postgres_server: PostgresServer,
    clickhouse_server: ClickHouseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Servers]:
    """Both servers over empty stores."""
    folder = tmp_path_factory.mktemp("schema")
    with running_servers(postgres_server, clickhouse_server, folder) as running:
        yield running


as_often = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES < 100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@QUERY_API.parametrize()
@as_often
def test_questions_are_answered_as_described(case: Any, servers: Servers) -> None:
    """No question makes a 5xx, and every answer has a status, type and shape that the document names."""
    headers = {"Authorization": f"Bearer {servers.read_keys['ours']}"}
    case.call_and_validate(base_url=servers.query_api, headers=headers, checks=PROMISES)


@GATEWAY.parametrize()
@as_often
def test_events_are_taken_or_refused_as_described(case: Any, servers: Servers) -> None:
    """The same of everything that takes events."""
    key = servers.write_keys["ours"]
    headers = {"Authorization": f"Bearer {key}", "smolhog-api-key": key}
    case.call_and_validate(base_url=servers.gateway, headers=headers, checks=PROMISES)
