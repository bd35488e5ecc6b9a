"""Serves the query API until it is told to stop."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn

from projects.keys import KeyRing
from query_api.app import create_app
from query_api.columns import QueryLimits
from smolhog.garbage import spared_collections
from smolhog.guard import Guard
from smolhog.process_watch import ProcessWatch

_log = structlog.get_logger()
# A question ends within the time limit of one query; then nobody is left waiting.
_GRACE_SECONDS = 15
_STOPPING = (signal.SIGINT, signal.SIGTERM)


async def serve(
    *,
    clickhouse_url: str,
    postgres_dsn: str,
    keys: KeyRing,
    host: str,
    port: int,
    cors_origins: tuple[str, ...] = ("*",),
    limits: QueryLimits | None = None,
    keys_known: Callable[[], bool] = lambda: True,
    metrics_token: str | None = None,
    gateway_port: int = 8400,
    watch: ProcessWatch | None = None,
    guard: Guard | None = None,
    port_file: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then answer the questions that are open and return.

    Args:
        clickhouse_url: as for :func:`query_api.app.create_app`, like all not named here.
        postgres_dsn: likewise.
        keys: likewise; opened and closed by the caller.
        host: address to listen on.
        port: 0 for any free one.
        cors_origins: likewise.
        limits: likewise.
        keys_known: likewise.
        metrics_token: likewise.
        gateway_port: likewise.
        watch: likewise.
        guard: bounds of the connections.
        port_file: gets the port once connections are taken.

    Raises:
        OSError: the address is taken.
    """
    app = create_app(
        clickhouse_url=clickhouse_url,
        postgres_dsn=postgres_dsn,
        keys=keys,
        cors_origins=cors_origins,
        limits=limits,
        keys_known=keys_known,
        metrics_token=metrics_token,
        gateway_port=gateway_port,
        watch=watch,
    )
    with _listen(host, port) as listener:
        bound: int = listener.getsockname()[1]
        # Connections wait in the backlog from here on, so the port may be told now.
        if port_file is not None:
            _write_port(port_file, bound)
        _log.info("query api listens", host=host, port=bound)
        options = (guard or Guard()).uvicorn_options()
        config = uvicorn.Config(app, timeout_graceful_shutdown=_GRACE_SECONDS, **options)
        with spared_collections(rare=False):
            await _Server(config).serve(sockets=[listener])
    _log.info("query api stopped", port=bound)


class _Server(uvicorn.Server):
    """uvicorn, but for what it does with signals: it would end the process before its owner cleans up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM, and leave it at that; a second one does not wait for open questions."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


def _write_port(port_file: Path, port: int) -> None:
    new = port_file.with_suffix(".new")
    new.write_text(f"{port}\n")
    new.replace(port_file)
