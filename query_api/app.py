"""The query API as a Starlette application."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from projects.keys import KeyRing
from query_api.answers import error_handlers, json_response
from query_api.authorisation import HEADER_OF_FIRST_SDK, project_of
from query_api.columns import Columns, QueryLimits
from query_api.errors import QueryApiError, StoreUnavailable
from query_api.freshness import Freshness
from query_api.models import (
    Answer,
    EventsParameters,
    RejectedParameters,
    StatsParameters,
    TrendsParameters,
    json_of,
)
from query_api.newest import read_newest
from query_api.openapi import openapi_document
from query_api.parameters import parse_parameters
from query_api.positions import show_positions
from query_api.protection import ProtectiveHeaders, operators_only
from query_api.rejected import read_rejected
from query_api.totals import read_totals
from query_api.trends import read_trends
from smolhog.metrics import QUERIES_REFUSED, QUERY_SECONDS


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
    now: Callable[[], datetime] = _utc_now,
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
        now: the clock, aware.
    """
    rooms = _Rooms(
        Columns(clickhouse_url, limits or QueryLimits()), Freshness(postgres_dsn), keys, keys_known, now
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await rooms.freshness.open()
        yield
        await rooms.freshness.close()
        await asyncio.to_thread(rooms.columns.close)

    return Starlette(
        lifespan=lifespan,
        routes=[
            *(
                Route(f"{prefix}/analytics/{name}", _timed(name, answer), methods=["GET"])
                for name, answer in (
                    ("stats", rooms.stats),
                    ("events", rooms.events),
                    ("trends", rooms.trends),
                    ("rejected", rooms.rejected),
                )
                for prefix in ("", "/api")
            ),
            Route("/health/live", _live, methods=["GET"]),
            Route("/health/ready", rooms.ready, methods=["GET"]),
            Route("/metrics", operators_only(rooms.metrics, metrics_token), methods=["GET"]),
            Route("/openapi.json", operators_only(_openapi, metrics_token), methods=["GET"]),
        ],
        middleware=[
            Middleware(ProtectiveHeaders),
            Middleware(
                CORSMiddleware,
                allow_origins=list(cors_origins),
                allow_methods=["GET"],
                allow_headers=["authorization", HEADER_OF_FIRST_SDK],
                expose_headers=["retry-after"],
            ),
        ],
        exception_handlers=error_handlers(),
    )


class _Rooms:
    """What the routes share."""

    def __init__(
        self,
        columns: Columns,
        freshness: Freshness,
        keys: KeyRing,
        keys_known: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self.columns = columns
        self.freshness = freshness
        self._keys = keys
        self._keys_known = keys_known
        self._now = now

    async def stats(self, request: Request) -> Answer:
        project_id = project_of(request.headers, self._keys)
        parse_parameters(StatsParameters, request.query_params.multi_items())
        # Freshness is read first here and below: the answer is then at least that fresh.
        return await read_totals(self.columns, project_id, await self.freshness.as_of())

    async def events(self, request: Request) -> Answer:
        project_id = project_of(request.headers, self._keys)
        asked = parse_parameters(EventsParameters, request.query_params.multi_items())
        return await read_newest(self.columns, project_id, asked, await self.freshness.as_of())

    async def trends(self, request: Request) -> Answer:
        project_id = project_of(request.headers, self._keys)
        asked = parse_parameters(TrendsParameters, request.query_params.multi_items())
        as_of = await self.freshness.as_of()
        return await read_trends(self.columns, project_id, asked, self._now(), as_of)

    async def rejected(self, request: Request) -> Answer:
        project_id = project_of(request.headers, self._keys)
        asked = parse_parameters(RejectedParameters, request.query_params.multi_items())
        return await read_rejected(self.freshness, project_id, asked, self._now())

    async def ready(self, _: Request) -> Response:
        clickhouse, postgres = await asyncio.gather(
            _sign_of_life(self.columns.check()), _sign_of_life(self.freshness.check())
        )
        parts = {
            "clickhouse": clickhouse,
            "postgres": postgres,
            "keys": "ok" if self._keys_known() else "not loaded yet",
        }
        ready = all(state == "ok" for state in parts.values())
        headers = {} if ready else StoreUnavailable.headers
        return json_response(
            msgspec.json.encode({"ready": ready, "parts": parts}), 200 if ready else 503, headers
        )

    async def metrics(self, _: Request) -> Response:
        await show_positions(self.freshness)
        return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


async def _sign_of_life(check: Awaitable[None]) -> str:
    try:
        await check
    except QueryApiError as error:
        return error.message
    return "ok"


def _timed(
    route: str, answer: Callable[[Request], Awaitable[Answer]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        try:
            body = json_of(await answer(request))
        except QueryApiError as error:
            QUERIES_REFUSED.labels(route, error.code).inc()
            raise
        QUERY_SECONDS.labels(route).observe(time.perf_counter() - started)
        return json_response(body)

    return endpoint


async def _live(_: Request) -> Response:
    return json_response(b'{"live":true}')


async def _openapi(_: Request) -> Response:
    try:
        installed = version("smolhog")
    except PackageNotFoundError:
        # Run from a source tree that was never installed.
        installed = "0"
    return json_response(msgspec.json.encode(openapi_document(installed)))
