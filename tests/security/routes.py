"""Every route of both servers, taken from the applications themselves, so that a new one cannot be forgotten."""

import re
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

import ingest_gateway.app
import query_api.app
import query_api.page
from schemas.limits import Limits
from tests.ingest_gateway.running import HeldLog, Ring

OPEN = {"/health/live", "/health/ready"}
"""What anybody may ask."""
PAGE = {re.sub(r"\{[^}]*\}", "1", route.path) for route in query_api.page.page_routes()}
"""The dashboard page: the same files for everybody, and nobody's data."""
SHARED = ("/analytics/shared/",)
"""What whoever has the token in the address may ask; tests/query_api/saved/test_dashboards.py looks at it."""
OPERATORS = {"/metrics", "/openapi.json"}
"""What this machine may ask, or the metrics token."""


@dataclass(frozen=True)
class Address:
    """One method of one route."""

    server: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.server} {self.method} {self.path}"


def gateway_app() -> Starlette:
    """Build the gateway, to look at it."""
    return ingest_gateway.app.create_app(
        log=HeldLog(), keys=Ring(), limits=Limits(), cors_origins=("*",), buffer_bytes=1000
    )


def query_app() -> Starlette:
    """Build the query API, to look at it; it connects to nothing before it is asked."""
    return query_api.app.create_app(
        clickhouse_url="http://127.0.0.1:1", postgres_dsn="postgresql://127.0.0.1:1", keys=Ring()
    )


def addresses(server: str, app: Starlette) -> list[Address]:
    """List all routes; anything that is neither an HTTP route nor a WebSocket has to be looked at by a person."""
    found = []
    for route in app.routes:
        assert isinstance(route, Route | WebSocketRoute), f"{route} is new here: who may reach it?"
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        methods = sorted(route.methods or ["GET"]) if isinstance(route, Route) else ["WEBSOCKET"]
        found += [Address(server, method, path) for method in methods]
    return found


ALL = [*addresses("gateway", gateway_app()), *addresses("query API", query_app())]
GUARDED = [
    address
    for address in ALL
    if address.path not in OPEN | OPERATORS
    and not address.path.startswith(SHARED)
    and not (address.server == "query API" and address.path in PAGE)
]
QUESTIONS = [
    address
    for address in GUARDED
    if address.server == "query API"
    and address.method == "GET"
    and address.path.startswith(("/analytics/", "/api/analytics/"))
]
"""What is asked by URL alone."""
