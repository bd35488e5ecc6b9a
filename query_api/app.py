"""The query API as a Starlette application."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from projects.keys import KeyRing
from query_api.analytics_route import AnalyticsRoute
from query_api.answers import error_handlers, json_response
from query_api.authorisation import HEADER_OF_FIRST_SDK, project_of
from query_api.cancellation import unless_gone
from query_api.columns import Columns, QueryLimits
from query_api.downloads import download_routes
from query_api.errors import QueryApiError, StoreUnavailable
from query_api.freshness import Freshness
from query_api.live.socket import live_route
from query_api.models import Parameters, json_of
from query_api.openapi import openapi_document
from query_api.page import page_routes
from query_api.parameters import parse_body, parse_parameters, read_body
from query_api.people.keeper import keeping_people
from query_api.positions import show_positions
from query_api.project_routes import DOWNLOADS
from query_api.protection import ProtectiveHeaders, operators_only
from query_api.rooms import Rooms
from query_api.routes import ROUTES
from query_api.traces import QuestionTraces
from smolhog.metrics import QUERIES_REFUSED, QUERY_SECONDS
from smolhog.process_watch import ProcessWatch

# Nobody reads this status; it is nginx's for the same.
_CLIENT_CLOSED_REQUEST = 499
Endpoint = Callable[[Request], Awaitable[Response]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    *,
    clickhouse_url: str,
    postgres_dsn: str,
    keys: KeyRing,
    cors_origins: tuple[str, ...] = ("*",),
    limits: QueryLimits | None = None,
    keys_known: Callable[[], bool] = lambda: True,
    metrics_token: str | None = None,
    gateway_port: int = 8400,
    now: Callable[[], datetime] = _utc_now,
    watch: ProcessWatch | None = None,
) -> Starlette:
    """Build the application. It connects to the stores when it is asked, so they may be away now.

    Args:
        clickhouse_url: where the rollups and the columnar events are.
        postgres_dsn: where the sink positions are.
        keys: the live keys.
        cors_origins: pages of these origins may ask; ``*`` for all.
        limits: what one question may take.
        keys_known: whether ``keys`` has been loaded; until then the API is not ready.
        metrics_token: opens ``/metrics`` and ``/openapi.json`` to other machines.
        gateway_port: of the gateway, for the examples that the page shows.
        now: the clock, aware.
        watch: sees the other processes, if they are on this machine.
    """
    rooms = Rooms(
        columns=Columns(clickhouse_url, limits or QueryLimits()),
        postgres=Freshness(postgres_dsn),
        keys=keys,
        keys_known=keys_known,
        now=now,
        watch=watch or ProcessWatch([]),
    )

    return Starlette(
        lifespan=_lifespan(rooms, clickhouse_url),
        routes=[
            *_analytics_routes(rooms),
            *_operator_routes(rooms, metrics_token),
            *download_routes(rooms, DOWNLOADS),
            live_route(rooms),
            *page_routes(gateway_port),
        ],
        middleware=[
            Middleware(QuestionTraces),
            Middleware(ProtectiveHeaders),
            Middleware(
                CORSMiddleware,
                allow_origins=list(cors_origins),
                allow_methods=["GET", "POST", "PUT", "DELETE"],
                allow_headers=["authorization", "content-type", HEADER_OF_FIRST_SDK],
                expose_headers=["retry-after"],
            ),
        ],
        exception_handlers=error_handlers(),
    )


def _lifespan(rooms: Rooms, clickhouse_url: str) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await rooms.postgres.open()
        async with keeping_people(clickhouse_url):
            yield
        await rooms.postgres.close()
        await asyncio.to_thread(rooms.columns.close)

    return lifespan


def _analytics_routes(rooms: Rooms) -> list[Route]:
    return [
        Route(f"{prefix}/analytics/{route.path}", _endpoint(rooms, route), methods=[route.method])
        for route in ROUTES
        for prefix in (("", "/api") if route.first_dashboard else ("",))
    ]


def _operator_routes(rooms: Rooms, metrics_token: str | None) -> list[Route]:
    return [
        Route("/health/live", _live, methods=["GET"]),
        Route("/health/ready", _readiness(rooms), methods=["GET"]),
        Route("/metrics", operators_only(_metrics(rooms), metrics_token), methods=["GET"]),
        Route("/openapi.json", operators_only(_openapi, metrics_token), methods=["GET"]),
    ]


def _endpoint(rooms: Rooms, route: AnalyticsRoute) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        try:
            project_id = 0 if route.shared else project_of(request.headers, rooms.keys)
            question = await _question(route, request)
            body = json_of(await unless_gone(request.receive, route.read(rooms, project_id, question)))
        except ClientDisconnect:
            QUERIES_REFUSED.labels(route.name, "client_gone").inc()
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except QueryApiError as error:
            QUERIES_REFUSED.labels(route.name, error.code).inc()
            raise
        QUERY_SECONDS.labels(route.name).observe(time.perf_counter() - started)
        return json_response(body)

    return endpoint


async def _question(route: AnalyticsRoute, request: Request) -> Parameters:
    if route.method in {"GET", "DELETE"}:
        named = [*request.path_params.items(), *request.query_params.multi_items()]
        return parse_parameters(route.question, named)
    return parse_body(route.question, await read_body(request), request.path_params)


def _readiness(rooms: Rooms) -> Endpoint:
    async def ready(_: Request) -> Response:
        clickhouse, postgres = await asyncio.gather(
            _sign_of_life(rooms.columns.check()), _sign_of_life(rooms.postgres.check())
        )
        parts = {
            "clickhouse": clickhouse,
            "postgres": postgres,
            "keys": "ok" if rooms.keys_known() else "not loaded yet",
        }
        is_ready = all(state == "ok" for state in parts.values())
        headers = {} if is_ready else StoreUnavailable.headers
        return json_response(
            msgspec.json.encode({"ready": is_ready, "parts": parts}), 200 if is_ready else 503, headers
        )

    return ready


async def _sign_of_life(check: Awaitable[None]) -> str:
    try:
        await check
    except QueryApiError as error:
        return error.message
    return "ok"


def _metrics(rooms: Rooms) -> Endpoint:
    async def metrics(_: Request) -> Response:
        await show_positions(rooms.postgres)
        return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})

    return metrics


async def _live(_: Request) -> Response:
    return json_response(b'{"live":true}')


async def _openapi(_: Request) -> Response:
    try:
        installed = version("smolhog")
    except PackageNotFoundError:
        # Run from a source tree that was never installed.
        installed = "0"
    return json_response(msgspec.json.encode(openapi_document(installed)))
