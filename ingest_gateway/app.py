"""The gateway as a Starlette application: routes, CORS, and what lives as long as it does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import structlog
import uuid_utils
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from event_log.port import EventLog
from ingest_gateway.admission import Admission
from ingest_gateway.gather import Gatherer
from ingest_gateway.health import Health
from ingest_gateway.http import HttpIntake
from ingest_gateway.intake import Intake
from ingest_gateway.native import NativeDecoder
from ingest_gateway.rate import KeyRates
from ingest_gateway.slashes import SlashesOff
from ingest_gateway.stream import Streams
from ingest_gateway.vendor_http import VendorIntake
from ingest_gateway.vendor_routes import vendor_routes
from projects.keys import KeyRing
from schemas.limits import Limits
from smolhog.connection_limits import ConnectionLimits

DRAIN_SECONDS = 15.0
"""Longest that a stopping gateway waits for the event log's last confirmations."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _uuid7() -> str:
    return str(uuid_utils.uuid7())


def create_app(
    *,
    log: EventLog,
    keys: KeyRing,
    limits: Limits,
    cors_origins: tuple[str, ...],
    buffer_bytes: int,
    keys_ready: Callable[[], bool] = lambda: True,
    rates: KeyRates | None = None,
    connections: ConnectionLimits | None = None,
    metrics_token: str | None = None,
    now: Callable[[], datetime] = _utc_now,
    new_id: Callable[[], str] = _uuid7,
) -> Starlette:
    """Build the gateway. Its pieces stand in ``app.state``: ``streams`` and ``gatherer``.

    Args:
        log: the event log; stays the caller's to close.
        keys: finds the project behind a write key.
        limits: of the protocol.
        cors_origins: origins whose pages may send events, ``*`` for all.
        buffer_bytes: high-water mark of what is not yet durable.
        keys_ready: whether ``keys`` has been loaded; until then `/health/ready` says no.
        rates: how many events a second a key may send; any number by default.
        connections: how many WebSocket connections a key and a client address may have.
        metrics_token: opens ``/metrics`` to other machines.
        now: the clock, in UTC.
        new_id: makes event ids, UUIDv7 as text.
    """
    decoder = NativeDecoder(limits, new_id)
    gatherer = Gatherer(log, buffer_bytes=buffer_bytes)
    intake = Intake(gatherer, now)
    rates = rates or KeyRates(rate=0, burst=0)
    streams = Streams(
        decoder=decoder,
        limits=limits,
        keys=keys,
        gatherer=gatherer,
        intake=intake,
        rates=rates,
        connections=connections or ConnectionLimits(),
    )
    admission = Admission(keys, rates, gatherer)
    http = HttpIntake(decoder=decoder, limits=limits, admission=admission, intake=intake, new_id=new_id)
    vendors = VendorIntake(limits=limits, admission=admission, intake=intake, now=now, new_id=new_id)
    health = Health(log, limits, keys_ready, metrics_token)

    app = Starlette(
        routes=_routes(streams, http, vendors, health),
        middleware=_middleware(cors_origins),
        lifespan=_lifespan(streams, gatherer),
    )
    app.state.streams = streams
    app.state.gatherer = gatherer
    return app


def _routes(streams: Streams, http: HttpIntake, vendors: VendorIntake, health: Health) -> list[BaseRoute]:
    return [
        WebSocketRoute("/v1/stream", streams.endpoint),
        Route("/events", http.post_events, methods=["POST"]),
        Route("/api/events", http.post_events, methods=["POST"]),
        Route("/health/live", health.live),
        Route("/health/ready", health.ready),
        Route("/metrics", health.metrics),
        Route("/openapi.json", health.openapi),
        *vendor_routes(vendors, http.post_batch),
    ]


def _middleware(cors_origins: tuple[str, ...]) -> list[Middleware]:
    return [
        Middleware(SlashesOff),
        Middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            # Beacons and some SDKs send cookies along, which nothing here looks at.
            allow_credentials=True,
            expose_headers=["Retry-After"],
            max_age=86400,
        ),
    ]


def _lifespan(
    streams: Streams, gatherer: Gatherer
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watch = asyncio.create_task(streams.watch_keys())
        try:
            yield
        finally:
            watch.cancel()
            await drain(streams, gatherer)

    return lifespan


async def drain(streams: Streams, gatherer: Gatherer) -> None:
    """Close the sessions once they are answered, and see the last messages into the log."""
    await streams.drain()
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await gatherer.drain()
    except TimeoutError:
        structlog.get_logger().error("gateway.drain_timed_out")
