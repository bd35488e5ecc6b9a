"""A TCP proxy on 127.0.0.1 whose connections can be cut, refused, and stalled.

Runs on a thread of its own, so that synchronous tests can use it and a test that blocks its own
event loop does not block the wire.
"""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from typing import Self

_CHUNK = 64 * 1024


class TcpProxy:
    """Forwards every connection to `host:port` until told otherwise. Use it as a context manager.

    Args:
        port: of the real server.
        host: of the real server.
        tls: speaks TLS to the clients, and none to the server.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> None:
        self._target = (host, port)
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows: set[asyncio.Task[None]] = set()
        self._refusing = threading.Event()
        self._budget: int | None = None
        self._counts_requests = True
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1"
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        """How many connections were ever accepted and forwarded."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._shut_down)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self) -> None:
        """Drop all connections with a reset, and refuse new ones until `restore()`."""
        self._call(self._cut)

    def drop(self) -> None:
        """Drop all connections with a reset; new ones are welcome."""
        self._call(self._drop)

    def restore(self) -> None:
        """Forward again after `cut()`."""
        self._call(self._restore)

    def stall(self) -> None:
        """Become a black hole: connections stay open, and no byte passes in either direction."""
        self._call(self._stall)

    def resume(self) -> None:
        """Let bytes pass again after `stall()`; what was held back is delivered."""
        self._call(self._resume)

    def cut_after_bytes(self, count: int, *, answers_only: bool = False) -> None:
        """Cut by itself once `count` more bytes have passed, in both directions together.

        Args:
            count: of bytes that still pass.
            answers_only: count what the server says alone: with 0, the next request still arrives, is
                acted upon, and its client never hears of it.
        """
        self._call(lambda: self._spend(count, counts_requests=not answers_only))

    @property
    def is_cut(self) -> bool:
        """Whether connections are refused now."""
        return self._refusing.is_set()

    def wait_until_cut(self, timeout: float = 30) -> None:
        """Wait for the cut that `cut_after_bytes` announced."""
        if not self._refusing.wait(timeout):
            raise TimeoutError(f"the connections were not cut within {timeout} s")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _call(self, action: Callable[[], Awaitable[None]]) -> None:
        async def call() -> None:
            await action()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(timeout=30)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._listener, ssl=self._tls)

    async def _shut_down(self) -> None:
        self._server.close()
        self._drop_now()
        # Each ends by itself once its connections are gone and nothing is held back.
        self._flowing.set()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _cut(self) -> None:
        self._refusing.set()
        self._drop_now()

    async def _drop(self) -> None:
        self._drop_now()

    async def _restore(self) -> None:
        self._refusing.clear()
        self._budget = None

    async def _stall(self) -> None:
        self._flowing.clear()

    async def _resume(self) -> None:
        self._flowing.set()

    async def _spend(self, count: int, *, counts_requests: bool) -> None:
        self._counts_requests = counts_requests
        self._budget = count

    def _drop_now(self) -> None:
        for writer in self._writers:
            _reset(writer)
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        try:
            await self._forward(reader, writer)
        finally:
            self._flows.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing.is_set():
            _reset(writer)
            return
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            self._writers.discard(writer)
            return
        if writer not in self._writers:  # cut while connecting
            _reset(server_writer)
            return
        self._writers.add(server_writer)
        self.connections += 1
        try:
            await asyncio.gather(
                self._copy(reader, server_writer, is_request=True),
                self._copy(server_reader, writer, is_request=False),
            )
        finally:
            for end in (writer, server_writer):
                self._writers.discard(end)
                end.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                await self._flowing.wait()
                if self._budget is not None and (self._counts_requests or not is_request):
                    passing = self._budget
                    self._budget -= len(chunk)
                    if self._budget < 0:
                        writer.write(chunk[: max(0, passing)])
                        await writer.drain()
                        self._refusing.set()
                        self._drop_now()
                        return
                writer.write(chunk)
                await writer.drain()
            # TLS has no end of one direction.
            (writer.write_eof if writer.can_write_eof() else writer.close)()
        except OSError:
            # One side is gone: the other hears of it as it would without a proxy.
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST, the way a vanished machine or a NAT does."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
