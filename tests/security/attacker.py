"""Bytes on a socket, as no decent client would send them."""

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

PATIENCE_SECONDS = 60.0
TEXT, BINARY, PING = 0x1, 0x2, 0x9
CONTINUATION = 0x0


@dataclass
class Wire:
    """One TCP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> bool:
        """Send; returns whether the other side still takes bytes."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            return False
        return True

    async def push(self, data: bytes, seconds: float = 0.5) -> bool:
        """Send, unless the other side has stopped reading; returns whether all went out."""
        self.writer.write(data)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(seconds):
                await self.writer.drain()
                return not self.writer.is_closing()
        return False

    async def rest(self) -> bytes:
        """Read until the server closes."""
        found = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(OSError):
                while piece := await self.reader.read(65536):
                    found += piece
        return found

    async def status(self) -> int | None:
        """Read until the server closes; return the status of its first answer, if it gave one."""
        answer = await self.rest()
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


@asynccontextmanager
async def wire(port: int, address: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """Open a connection from one of this machine's addresses."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, declared: int | None = None) -> bytes:
    """Write one client frame, masked with zeros; ``declared`` lies about its length."""
    length = len(payload) if declared is None else declared
    head = bytes([opcode | (0x80 if fin else 0)])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += b"\xfe" + struct.pack("!H", length)
    else:
        head += b"\xff" + struct.pack("!Q", length)
    return head + b"\0\0\0\0" + payload


def request(method: str = "GET", path: str = "/health/live", *headers: str) -> bytes:
    """Write the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]
    return "\r\n".join(lines).encode()


UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


@asynccontextmanager
async def websocket(port: int, key: str | None = None) -> AsyncIterator[Wire]:
    """Open a WebSocket by hand; with a key, hello is said and welcome read."""
    async with wire(port) as connection:
        await connection.send(request("GET", "/v1/stream", *UPGRADE))
        await connection.reader.readuntil(b"\r\n\r\n")
        if key is not None:
            await connection.send(frame(TEXT, b'{"type":"hello","key":"%b"}' % key.encode()))
            await connection.reader.readuntil(b'"protocol":1}')
        yield connection


def noise(size: int) -> bytes:
    """Return bytes that do not compress."""
    return os.urandom(size)
