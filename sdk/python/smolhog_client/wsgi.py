"""Middleware for Flask and every other WSGI application."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

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

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class SmolHogMiddleware:
    """Tracks each request of a WSGI application when its answer has been sent.

    For Flask: ``app.wsgi_app = SmolHogMiddleware(app.wsgi_app, client)``.

    Args:
        app: the application.
        client: that sends.
        distinct_id: tells from a request's environ who makes it; ``None``: nobody known.
        route: tells the pattern that matched, e.g. ``/orders/<id>``; it is asked before the answer starts,
            within the request.
        include: which properties to send.
        event: the event's name.
    """

    def __init__(
        self,
        app: Application,
        client: SyncClient,
        *,
        distinct_id: Callable[[Mapping[str, Any]], str | None] = lambda _: None,
        route: Callable[[Mapping[str, Any]], str | None] = lambda _: None,
        include: Collection[RequestProperty] = DEFAULT_PROPERTIES,
        event: str = EVENT,
    ) -> None:
        self._app = app
        self._client = client
        self._distinct_id = distinct_id
        self._route = route
        self._include = frozenset(include)
        self._event = event

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        status = 500
        route: str | None = None
        began = time.perf_counter()

        def watch(line: str, *arguments: Any) -> Any:
            nonlocal status, route
            status = int(line.split(" ", 1)[0])
            route = self._route(environ)
            return start_response(line, *arguments)

        def over() -> None:
            self._track(environ, route, status, time.perf_counter() - began)

        try:
            answer = self._app(environ, watch)
        except BaseException:
            over()
            raise
        return _Answer(answer, over)

    def _track(self, environ: Environ, route: str | None, status: int, seconds: float) -> None:
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        request = TrackedRequest(
            environ["REQUEST_METHOD"], path, route, status, seconds, headers, environ.get("REMOTE_ADDR")
        )
        try:
            who = self._distinct_id(environ) or ANONYMOUS
            self._client.track(self._event, who, request.properties(self._include))
        except ClientError as error:
            _log.warning("smolhog: a request was not tracked: %s", error)


class _Answer:
    """An answer's parts, and the moment when they have been sent."""

    def __init__(self, parts: Iterable[bytes], over: Callable[[], None]) -> None:
        self._parts = parts
        self._over = over

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Called by the server when the answer has been sent, or nobody wants it any more."""
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._over()
