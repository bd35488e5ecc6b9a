"""Whether the gateway lives, whether it is ready, its metrics and its description."""

import asyncio
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from event_log.errors import EventLogError
from event_log.port import EventLog
from ingest_gateway.openapi import openapi_document
from projects.insiders import OUTSIDER, is_insider
from schemas.limits import Limits

_LOG_SECONDS = 2.0


class Health:
    """The endpoints that operators and their tools ask.

    Args:
        event_log: which must be reachable for the gateway to be ready.
        limits: of the protocol, for the description.
        keys_ready: whether keys are known at all.
        metrics_token: opens what is for operators to other machines.
    """

    def __init__(
        self, event_log: EventLog, limits: Limits, keys_ready: Callable[[], bool], metrics_token: str | None
    ) -> None:
        self._log = event_log
        self._limits = limits
        self._keys_ready = keys_ready
        self._metrics_token = metrics_token

    async def live(self, _request: Request) -> Response:
        """``GET /health/live``: the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """``GET /health/ready``: 200 if events can be taken, else 503 and which part is to blame."""
        parts = {
            "event_log": await self._look_at_log(),
            "keys": "ok" if self._keys_ready() else "no keys are loaded yet",
        }
        is_ready = all(state == "ok" for state in parts.values())
        if not self._is_insider(request):
            # Why something is away may name machines that are nobody else's business.
            parts = {part: "ok" if state == "ok" else "not ok" for part, state in parts.items()}
        return JSONResponse({"ready": is_ready, "parts": parts}, 200 if is_ready else 503)

    def _is_insider(self, request: Request) -> bool:
        address = request.client.host if request.client is not None else None
        return is_insider(address, request.headers, self._metrics_token)

    async def _look_at_log(self) -> str:
        try:
            async with asyncio.timeout(_LOG_SECONDS):
                await self._log.check()
        except TimeoutError:
            return f"no answer in {_LOG_SECONDS:g} s"
        except EventLogError as error:
            return str(error) or type(error).__name__
        return "ok"

    async def metrics(self, request: Request) -> Response:
        """``GET /metrics`` for Prometheus: to this machine, or with the token."""
        if not self._is_insider(request):
            return _for_operators()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, request: Request) -> Response:
        """``GET /openapi.json``: to the same."""
        if not self._is_insider(request):
            return _for_operators()
        try:
            installed = version("smolhog")
        except PackageNotFoundError:
            # Run from a source tree that was never installed.
            installed = "0"
        return JSONResponse(openapi_document(installed, self._limits))


def _for_operators() -> Response:
    return JSONResponse({"code": "operators_only", "message": OUTSIDER}, 403)
