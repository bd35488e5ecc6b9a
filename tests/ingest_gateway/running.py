"""A real gateway over a real event log, and reading back what it stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from event_log.errors import EventLogUnavailable
from event_log.port import EventLog
from event_log.sqlite import SQLiteEventLog
from ingest_gateway.app import create_app
from ingest_gateway.server import GatewayServer, serve
from projects.keys import Key, KeyKind
from schemas.envelope import SubBatch, decode_message
from schemas.limits import Limits
from smolhog.guard import Guard

PARTITIONS = 3
PROJECT = 7
KEY = "sh_w_" + "a" * 40
READ_KEY = "sh_r_" + "a" * 40


class Ring:
    """A key ring in memory, whose keys a test may revoke."""

    def __init__(self) -> None:
        self.live = {
            (KEY, KeyKind.WRITE): Key(1, PROJECT, KeyKind.WRITE),
            (READ_KEY, KeyKind.READ): Key(2, PROJECT, KeyKind.READ),
        }

    def find(self, secret: str, kind: KeyKind) -> Key | None:
        """Look a key up."""
        return self.live.get((secret, kind))


class HeldLog:
    """An event log whose appends wait until the test lets them go, or fail when it says so."""

    partitions = PARTITIONS
    log_id = 1

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.failing: set[int] = set()
        self.stored: list[tuple[int, bytes]] = []
        self.waiting = 0
        self.someone_waits = asyncio.Event()

    async def append(self, partition: int, body: bytes) -> None:
        """Store a message once the gate is open."""
        self.waiting += 1
        self.someone_waits.set()
        await self.gate.wait()
        self.waiting -= 1
        if partition in self.failing:
            raise EventLogUnavailable("the test says so")
        self.stored.append((partition, body))

    def read(self, partition: int, from_offset: int) -> Any:
        """Not for this log."""
        raise NotImplementedError

    async def end(self, partition: int) -> int:
        """Count the messages of a partition."""
        if partition in self.failing:
            raise EventLogUnavailable("the test says so")
        return sum(1 for where, _ in self.stored if where == partition)

    async def oldest(self, partition: int) -> int:
        """Everything is kept."""
        await self.end(partition)
        return 0

    async def check(self) -> None:
        """Fail if partition 0 does."""
        await self.end(0)

    async def close(self) -> None:
        """Close nothing."""


@dataclass
class Gateway:
    """A gateway that runs in this process."""

    port: int
    app: Starlette
    ring: Ring
    server: GatewayServer
    serving: asyncio.Task[None]
    sockets: list[ClientConnection] = field(default_factory=list)

    @property
    def http(self) -> str:
        """Its address for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    async def connect(self, **options: Any) -> ClientConnection:
        """Open a WebSocket to it; closed with the gateway."""
        socket = await connect(
            f"ws://127.0.0.1:{self.port}/v1/stream", compression=None, max_queue=None, **options
        )
        self.sockets.append(socket)
        return socket

    async def session(self, **hello: Any) -> ClientConnection:
        """Open a WebSocket and say hello; `welcome` has been read."""
        socket = await self.connect()
        await socket.send(json.dumps({"type": "hello", "key": KEY} | hello))
        await socket.recv()
        return socket


@asynccontextmanager
async def running_gateway(
    log: EventLog,
    *,
    limits: Limits | None = None,
    buffer_bytes: int = 8 * 1024 * 1024,
    guard: Guard | None = None,
    **options: Any,
) -> AsyncIterator[Gateway]:
    """Serve a gateway over ``log`` on a free port, and drain it at the end."""
    limits = limits or Limits()
    ring = Ring()
    app = create_app(
        log=log, keys=ring, limits=limits, cors_origins=("*",), buffer_bytes=buffer_bytes, **options
    )
    started: asyncio.Future[tuple[GatewayServer, int]] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(
            app,
            event_log=log,
            limits=limits,
            host="127.0.0.1",
            port=0,
            guard=guard,
            started=lambda server, port: started.set_result((server, port)),
        )
    )
    async with asyncio.timeout(30):
        server, port = await started
    gateway = Gateway(port, app, ring, server, serving)
    try:
        yield gateway
    finally:
        for socket in gateway.sockets:
            await socket.close()
        server.stop()
        async with asyncio.timeout(30):
            await serving


@asynccontextmanager
async def gateway_over_sqlite(folder: Path, **options: Any) -> AsyncIterator[Gateway]:
    """Serve a gateway over the embedded event log in ``folder``."""
    log = await SQLiteEventLog.open(folder, partitions=PARTITIONS)
    async with running_gateway(log, **options) as gateway:
        yield gateway


async def read_back(log: EventLog) -> list[SubBatch]:
    """Read all sub-batches of a log, partition by partition."""
    found: list[SubBatch] = []
    for partition in range(log.partitions):
        end = await log.end(partition)
        if end == 0:
            continue
        messages = log.read(partition, 0)
        async for message in messages:
            found += decode_message(message.body).batches
            if message.offset + 1 >= end:
                break
        await messages.aclose()
    return found


async def stored_in(folder: Path) -> list[SubBatch]:
    """Read all sub-batches of the embedded event log in ``folder``."""
    log = await SQLiteEventLog.open(folder, partitions=PARTITIONS)
    try:
        return await read_back(log)
    finally:
        await log.close()


def batch_frame(batch_id: str, *events: Any, **fields: Any) -> str:
    """Write a batch frame."""
    return json.dumps({"type": "batch", "id": batch_id, **fields, "events": events})


def event(name: str = "clicked", who: str = "ada", **fields: Any) -> dict[str, Any]:
    """Make an event."""
    return {"event": name, "distinct_id": who, **fields}


async def answer(socket: ClientConnection) -> dict[str, Any]:
    """Read the server's next frame."""
    async with asyncio.timeout(20):
        frame: dict[str, Any] = json.loads(await socket.recv())
    return frame


async def close_code(socket: ClientConnection) -> int | None:
    """Wait until the server has closed the connection; return why."""
    async with asyncio.timeout(20):
        await socket.wait_closed()
    return socket.close_code
