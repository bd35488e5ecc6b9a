"""Middleware for Django.

In the settings::

    MIDDLEWARE = ["smolhog_client.django.SmolHogMiddleware", ...]
    SMOLHOG = {"url": "https://events.example.com", "write_key": "...", "overflow": "drop_oldest"}

``SMOLHOG`` holds the arguments of :class:`~smolhog_client.SyncClient`, or one as ``client``; besides
``include`` (which properties to send), ``distinct_id`` (a function of the request) and ``event``.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings  # type: ignore[import-untyped]  # Django brings no types
from django.http import HttpRequest, HttpResponseBase  # type: ignore[import-untyped]  # as above

from smolhog_client.errors import ClientError
from smolhog_client.request_tracking import ANONYMOUS, DEFAULT_PROPERTIES, EVENT, TrackedRequest
from smolhog_client.sync_client import SyncClient

_log = logging.getLogger("smolhog_client")


def _user_id(request: HttpRequest) -> str | None:
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else None


class SmolHogMiddleware:
    """Tracks each request when its answer is ready, as its user's if it has one.

    Args:
        get_response: the rest of the application.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        options: dict[str, Any] = dict(settings.SMOLHOG)
        self._get_response = get_response
        self._include = frozenset(options.pop("include", DEFAULT_PROPERTIES))
        self._distinct_id: Callable[[HttpRequest], str | None] = options.pop("distinct_id", _user_id)
        self._event: str = options.pop("event", EVENT)
        client = options.pop("client", None)
        self.client: SyncClient = SyncClient(**options) if client is None else client

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        status = 500
        began = time.perf_counter()
        try:
            response = self._get_response(request)
            status = response.status_code
        finally:
            self._track(request, status, time.perf_counter() - began)
        return response

    def _track(self, request: HttpRequest, status: int, seconds: float) -> None:
        match = getattr(request, "resolver_match", None)
        tracked = TrackedRequest(
            request.method or "",
            request.path,
            None if match is None else f"/{match.route}",
            status,
            seconds,
            {name.lower(): value for name, value in request.headers.items()},
            request.META.get("REMOTE_ADDR"),
        )
        try:
            who = self._distinct_id(request) or ANONYMOUS
            self.client.track(self._event, who, tracked.properties(self._include))
        except ClientError as error:
            _log.warning("smolhog: a request was not tracked: %s", error)
