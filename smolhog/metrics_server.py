"""The dataflow processes' metrics over HTTP: they have no server of their own to answer with."""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from projects.insiders import OUTSIDER, is_insider

StartResponse = Callable[..., object]
_PATIENCE_SECONDS = 10.0
"""Longest that a client may keep a thread waiting."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    timeout = _PATIENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing: a line a request is more than a line a batch."""


class MetricsApp:
    """A WSGI application: ``/metrics`` for operators, ``/health/live`` for all.

    Args:
        token: opens ``/metrics`` to other machines; ``None`` keeps it to this one.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._metrics = make_wsgi_app()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if path == "/health/live":
            return _text(start_response, "200 OK", "ok")
        if path != "/metrics":
            return _text(start_response, "404 Not Found", "there is /metrics and /health/live")
        headers = {
            name.removeprefix("HTTP_").lower().replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if not is_insider(environ.get("REMOTE_ADDR"), headers, self._token):
            return _text(start_response, "403 Forbidden", OUTSIDER)
        answer: Iterable[bytes] = self._metrics(environ, start_response)
        return answer


def _text(start_response: StartResponse, status: str, line: str) -> list[bytes]:
    # A new list each time: the server adds headers to it.
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{line}\n".encode()]


def serve_metrics(host: str, port: int, token: str | None) -> WSGIServer:
    """Serve in the background until the process ends.

    Args:
        host: address to listen on.
        port: 0 for any free one.
        token: see :class:`MetricsApp`.

    Returns:
        The server, whose ``server_port`` is the port; ``shutdown()`` and ``server_close()`` end it.

    Raises:
        OSError: the address is taken.
    """
    server = make_server(host, port, MetricsApp(token), _Server, _SilentHandler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
