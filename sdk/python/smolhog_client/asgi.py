"""Middleware for Starlette, FastAPI and every other ASGI application."""

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any

from smolhog_client.client import Client
from smolhog_client.errors import ClientError
from smolhog_client.request_tracking import (
    ANONYMOUS,
    DEFAULT_PROPERTIES,
    EVENT,
    RequestProperty,
    TrackedRequest,
)
from smolhog_client.sync_client import SyncClient

_log = logging.getLogger("smolhog_client")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class SmolHogMiddleware:
    """Tracks each HTTP request of an ASGI application when it is over.

    Args:
        app: the application.
        client: open already; a :class:`Client` of the same loop, or a :class:`SyncClient`.
        distinct_id: tells from a request's scope who makes it; ``None``: nobody known.
        include: which properties to send.
        event: the event's name.
    """

    def __init__(
        self,
        app: Application,
        client: Client | SyncClient,
        *,
        distinct_id: Callable[[Mapping[str, Any]], str | None] = lambda _: None,
        include: Collection[RequestProperty] = DEFAULT_PROPERTIES,
        event: str = EVENT,
    ) -> None:
        self._app = app
        self._client = client
        self._distinct_id = distinct_id
        self._include = frozenset(include)
        self._event = event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            await self._track(scope, status, time.perf_counter() - began)

    async def _track(self, scope: Scope, status: int, seconds: float) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        peer = scope.get("client")
        request = TrackedRequest(
            scope["method"],
            scope["path"],
            getattr(scope.get("route"), "path", None),
            status,
            seconds,
            headers,
            peer[0] if peer else None,
        )
        try:
            who = self._distinct_id(scope) or ANONYMOUS
            tracked = self._client.track(self._event, who, request.properties(self._include))
            if inspect.isawaitable(tracked):
                await tracked
        except ClientError as error:
            _log.warning("smolhog: a request was not tracked: %s", error)
