"""Both servers against their own descriptions: schemathesis sends whatever the OpenAPI documents allow, and more."""

import json
import os
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


def with_filters_of(levels: int) -> dict[str, Any]:
    """The query API's document with filters that nest so often and not for ever: schemathesis does not get to their end.

    What lies deeper is tests/query_api/questions' to try.
    """
    document = query_api.openapi.openapi_document("0")
    schemas = document["components"]["schemas"]
    group = json.dumps(schemas["Group-Input"])
    own = '"#/components/schemas/Group-Input"'
    for level in range(levels):
        deeper = f'"#/components/schemas/{"Condition" if level == 0 else f"Group-Input-{level}"}"'
        name = "Group-Input" if level == levels - 1 else f"Group-Input-{level + 1}"
        schemas[name] = json.loads(group.replace(own, deeper).replace("oneOf", "anyOf"))
    return document


QUERY_API = schemathesis.openapi.from_dict(with_filters_of(3))
GATEWAY = schemathesis.openapi.from_dict(ingest_gateway.openapi.openapi_document("0", Limits()))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
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
