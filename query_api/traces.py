"""Spans of questions, and of what they ask the stores."""

import time
from contextvars import ContextVar

import structlog
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smolhog.tracing import TraceContext, current_tracing

_log = structlog.get_logger()
_question: ContextVar[TraceContext | None] = ContextVar("question", default=None)
_ASKED = ("/analytics/", "/api/analytics/")


class QuestionTraces:
    """Makes a span for each question; continues the trace of whoever asks, since a read key is not public.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        tracing = current_tracing()
        if tracing is None or scope["type"] != "http" or not scope["path"].startswith(_ASKED):
            await self._app(scope, receive, send)
            return
        context = tracing.begin(Headers(scope=scope).get("traceparent"), trusted=True)
        token = _question.set(context)
        began, status = time.time_ns(), 500

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            _question.reset(token)
            ended = time.time_ns()
            error = f"answered {status}" if status >= 500 else None
            if error is not None or tracing.keeps(context, began, ended):
                attributes = {"http.request.method": scope["method"], "http.response.status_code": status}
                tracing.end(f"question {scope['path']}", context, began, ended, attributes, error=error)
            if error is not None or ended - began > tracing.slow_seconds * 1e9:
                _log.warning(
                    "question slow" if error is None else "question failed",
                    path=scope["path"],
                    status=status,
                    seconds=round((ended - began) / 1e9, 3),
                    trace_id=context.trace,
                )


def trace_statement(store: str, began: int) -> None:
    """Make the span of one statement of the question that is being answered.

    Args:
        store: who answered.
        began: nanoseconds since 1970.
    """
    tracing, context = current_tracing(), _question.get()
    if tracing is None or context is None:
        return
    ended = time.time_ns()
    if tracing.keeps(context, began, ended):
        tracing.step(f"ask {store}", context, began, ended, {"db.system": store}, kind=SpanKind.CLIENT)
