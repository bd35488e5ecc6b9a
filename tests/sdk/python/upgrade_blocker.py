"""A proxy of the kind that lets plain HTTP through and no WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Manner = Literal["400", "403", "drops"]


@asynccontextmanager
async def upgrade_blocker(port: int, manner: Manner) -> AsyncIterator[list[str]]:
    """Forward to ``port``, but answer upgrades in its own manner.

    Yields:
        Its own port as the first item; then the kind of each connection: ``upgrade`` or ``http``.
    """
    seen: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                seen.append("upgrade")
                if manner != "drops":
                    writer.write(f"HTTP/1.1 {manner} No\r\nContent-Length: 2\r\n\r\nno".encode())
                    await writer.drain()
                return
            seen.append("http")
            server_reader, server = await asyncio.open_connection("127.0.0.1", port)
            server.write(head)
            try:
                await asyncio.gather(_copy(reader, server), _copy(server_reader, writer))
            finally:
                server.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            tasks.discard(task)
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        seen.append(str(server.sockets[0].getsockname()[1]))
        yield seen
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
