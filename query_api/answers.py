"""Responses: JSON bodies, and one shape for every error, whoever raised it."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from query_api.errors import QueryApiError
from query_api.models import ErrorAnswer, ErrorDetail
from smolhog.logs import redacted

_SENTENCES = {
    404: "there is nothing at this address; /openapi.json lists what there is",
    405: "this address does not take that method; /openapi.json lists which it takes",
}


def json_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return encoded JSON. Nobody on the way may keep an answer: it is one project's, and of now."""
    return Response(
        body, status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json"
    )


def error_handlers() -> dict[Any, Callable[[Request, Any], Awaitable[Response]]]:
    """Return the handlers that turn exceptions into typed errors."""
    return {QueryApiError: _ours, HTTPException: _from_routing, Exception: _unforeseen}


def _error(
    status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    # A key that was put into a parameter by mistake is not repeated to wherever the answer ends up.
    shown = None if field is None else redacted(field)
    answer = ErrorAnswer(error=ErrorDetail(code=code, message=redacted(message), field=shown))
    return json_response(answer.model_dump_json(exclude_none=True).encode(), status, headers)


async def _ours(_: Request, error: QueryApiError) -> Response:
    return _error(error.status, error.code, error.message, error.field, error.headers)


async def _from_routing(_: Request, error: HTTPException) -> Response:
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    return _error(
        error.status_code,
        code,
        _SENTENCES.get(error.status_code, error.detail),
        headers=error.headers,
    )


async def _unforeseen(_: Request, __: Exception) -> Response:
    # The server logs the exception; what it says may not be for the eyes of who asked.
    return _error(500, "internal_error", "something went wrong on our side; the server's log says what")
