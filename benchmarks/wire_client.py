"""A WebSocket client that costs nearly nothing, so that what is measured is the gateway.

The SDKs look after retries, order and memory; a load generator on the same machine would spend most of
the machine on that. This one sends frames that were made beforehand, under a mask of zeros (which
changes no byte), and reads the server's small frames.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import msgspec

from smolhog_client.frames import encode_hello

_TEXT = 0x81
_CLOSE, _PING = 0x88, 0x89
_PONG = 0x8A
_MASKED = 0x80
_NO_MASK = bytes(4)


class WireError(Exception):
    """The gateway refused or left."""


class ServerFrame(msgspec.Struct):
    """What this client reads of any frame of the server."""

    type: str
    id: str | None = None
    accepted: int = 0
    retry_after_ms: int = 0
    message: str = ""


_decode = msgspec.json.Decoder(ServerFrame).decode


def client_frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """Wrap a payload as one whole frame of a client."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", opcode, _MASKED | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", opcode, _MASKED | 127, size)
    return head + _NO_MASK + payload


class WireConnection(asyncio.Protocol):
    """One connection.

    Args:
        on_frame: called with each frame of the server but ``welcome``, on the event loop.
    """

    def __init__(self, on_frame: Callable[[ServerFrame], None]) -> None:
        self._on_frame = on_frame
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.upgraded: asyncio.Future[None] = loop.create_future()
        """Done once the connection is a WebSocket; frames sent before would be lost."""
        self.welcomed: asyncio.Future[None] = loop.create_future()
        """Done once the key was found good."""
        self._writable = asyncio.Event()
        self._writable.set()
        self.lost: asyncio.Future[None] = loop.create_future()
        """Raises :class:`WireError` when the connection ends before :meth:`close`."""

    @classmethod
    async def open(cls, url: str, key: str, on_frame: Callable[[ServerFrame], None]) -> "WireConnection":
        """Connect, say hello and wait for the welcome.

        Raises:
            WireError: the gateway does not welcome us.
        """
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: cls(on_frame), parts.hostname or "", parts.port or 80
        )
        nonce = base64.b64encode(os.urandom(16)).decode()
        connection.send_raw(
            f"GET /v1/stream HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n\r\n".encode()
        )
        await connection.upgraded
        connection.send_raw(client_frame(encode_hello(key, "benchmark/1")))
        await connection.welcomed
        return connection

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are: a :func:`client_frame`."""
        assert self._transport is not None
        self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the socket has taken most of what was sent."""
        await self._writable.wait()

    def close(self) -> None:
        """End the connection; what was not acknowledged is not waited for."""
        if not self.lost.done():
            self.lost.set_result(None)
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """Called by asyncio."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._writable.set()
        self._fail(f"the gateway closed the connection: {exc or 'end of stream'}")

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._received += data
        if not self.upgraded.done() and not self._take_answer():
            return
        while (frame := self._take_frame()) is not None:
            self._handle(*frame)

    def _take_answer(self) -> bool:
        head, found, _ = self._received.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self._fail(f"the gateway answered {head[:80].decode(errors='replace')!r}")
            return False
        del self._received[: len(head) + 4]
        self.upgraded.set_result(None)
        return True

    def _take_frame(self) -> tuple[int, bytes] | None:
        buffer = self._received
        if len(buffer) < 2:
            return None
        size, begin = buffer[1], 2
        if size == 126:
            begin = 4
        elif size == 127:
            begin = 10
        if len(buffer) < begin:
            return None
        if begin > 2:
            size = int.from_bytes(buffer[2:begin], "big")
        if len(buffer) < begin + size:
            return None
        opcode, payload = buffer[0], bytes(buffer[begin : begin + size])
        del buffer[: begin + size]
        return opcode, payload

    def _handle(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self.send_raw(client_frame(payload, _PONG))
        elif opcode == _CLOSE:
            self._fail(f"the gateway said goodbye: {payload[2:].decode(errors='replace')}")
        elif opcode == _TEXT:
            frame = _decode(payload)
            if frame.type == "welcome" and not self.welcomed.done():
                self.welcomed.set_result(None)
            elif frame.type == "error":
                self._fail(f"the gateway reports: {frame.message}")
            else:
                self._on_frame(frame)

    def _fail(self, why: str) -> None:
        for waiting in (self.upgraded, self.welcomed, self.lost):
            if not waiting.done():
                waiting.set_exception(WireError(why))
                # Looked at only by whoever still waits; asyncio need not complain otherwise.
                waiting.exception()
