"""The gateway as a process: uvicorn around the application, and an orderly end at SIGTERM."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette

from event_log.port import EventLog
from schemas.limits import Limits
from smolhog.garbage import spared_collections
from smolhog.guard import Guard

log = structlog.get_logger()

_FRAME_MARGIN = 64 * 1024
"""A frame this much over the limit is still read, so that its client gets told why it is refused."""
_GRACE_SECONDS = 30
_GOODBYE_SECONDS = 2.0
"""Longest that clients may take to answer the last close frame."""


class GatewayServer(uvicorn.Server):
    """uvicorn, but sessions get their answers before the sockets close.

    uvicorn alone closes WebSocket connections at once when it is told to stop.

    Args:
        config: uvicorn's.
        app: made by :func:`ingest_gateway.app.create_app`.
        started: called with nothing when connections are accepted.
    """

    def __init__(self, config: uvicorn.Config, app: Starlette, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer the sessions, then let uvicorn do the rest."""
        for server in self.servers:
            server.close()
        await self._app.state.streams.drain()
        await self._wait_for_goodbyes()
        await super().shutdown(sockets)

    async def _wait_for_goodbyes(self) -> None:
        """Let clients answer the close frames.

        uvicorn would cut them off while they still send, and the reset that follows may overtake our code.
        """
        deadline = asyncio.get_running_loop().time() + _GOODBYE_SECONDS
        while asyncio.get_running_loop().time() < deadline and any(  # noqa: ASYNC110 - nobody tells when one is gone
            getattr(connection, "close_sent", False) for connection in self.server_state.connections
        ):
            await asyncio.sleep(0.01)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in order at the first SIGTERM or SIGINT, at once at the second.

        uvicorn raises the signal again when it is done, which would end the process before the log is
        closed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begin to stop; asked a second time, wait for nobody."""
        self.force_exit = self.should_exit
        self.should_exit = True


async def serve(
    app: Starlette,
    *,
    event_log: EventLog,
    limits: Limits,
    host: str,
    port: int,
    port_file: Path | None = None,
    started: Callable[[GatewayServer, int], None] | None = None,
    guard: Guard | None = None,
) -> None:
    """Serve the gateway until SIGTERM or SIGINT, then drain it and close the event log.

    Args:
        app: made by :func:`ingest_gateway.app.create_app`.
        event_log: the one that the application appends to; closed at the end.
        limits: of the protocol.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        port_file: where the port is written once connections are accepted.
        started: called with the server and its port at the same moment.
        guard: bounds of its connections.

    Raises:
        OSError: the address cannot be listened on.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
        bound: int = listener.getsockname()[1]

        def accepting() -> None:
            log.info("gateway.started", host=host, port=bound)
            if port_file is not None:
                _write_port(port_file, bound)
            if started is not None:
                started(server, bound)

        server = GatewayServer(_config(app, limits, guard or Guard()), app, accepting)
        with spared_collections(rare=True):
            await server.serve(sockets=[listener])
        log.info("gateway.stopped", port=bound)
    finally:
        await event_log.close()


def _config(app: Starlette, limits: Limits, guard: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws_max_size=limits.frame_bytes + _FRAME_MARGIN,
        # Deflate costs more than the bytes that it saves are worth to a server on the same network.
        ws_per_message_deflate=False,
        # A client that is being slowed down is not read from, so its pongs may be late.
        ws_ping_interval=30.0,
        ws_ping_timeout=90.0,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        **guard.uvicorn_options(),
    )


def _write_port(file: Path, port: int) -> None:
    """Write the port so that a reader finds all of it or no file."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(f"{port}\n")
    unfinished.replace(file)
