"""A gateway that does what a test's script says: real WebSockets, frames in plain JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from smolhog_client import Client, Event, FullJitter

Frame = dict[str, Any]


class Peer:
    """The gateway's end of one connection."""

    def __init__(self, socket: ServerConnection, gateway: "ScriptedGateway") -> None:
        self._socket = socket
        self._gateway = gateway

    async def receive(self) -> Frame:
        """Read the client's next frame."""
        frame: Frame = json.loads(await self._socket.recv())
        self._gateway.frames.append(frame)
        return frame

    async def send(self, **frame: Any) -> None:
        """Send a frame."""
        await self._socket.send(json.dumps(frame))

    async def welcome(self, **limits: int) -> None:
        """Read the hello, and welcome."""
        assert (await self.receive())["type"] == "hello"
        await self.send(type="welcome", limits=limits, protocol=1)

    async def ack(self, batch: Frame, *results: Frame) -> None:
        """Acknowledge a batch but for the events that ``results`` name."""
        accepted = len(batch["events"]) - len(results)
        await self.send(type="ack", id=batch["id"], accepted=accepted, results=list(results))

    async def ack_all(self) -> None:
        """Acknowledge every batch from now on, until the connection ends."""
        while True:
            await self.ack(await self.receive())

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection."""
        await self._socket.close(code, reason)


Script = Callable[[Peer], Awaitable[None]]


class ScriptedGateway:
    """What came in over all connections, and where to connect."""

    def __init__(self) -> None:
        self.url = ""
        self.frames: list[Frame] = []
        self.connections = 0

    @property
    def batches(self) -> list[Frame]:
        """Every batch frame so far."""
        return [frame for frame in self.frames if frame["type"] == "batch"]

    @property
    def event_ids(self) -> list[str]:
        """The id of every event so far, repeats included."""
        return [event["event_id"] for batch in self.batches for event in batch["events"]]


async def store_everything(peer: Peer) -> None:
    """Welcome the client and acknowledge whatever it sends."""
    await peer.welcome()
    await peer.ack_all()


@asynccontextmanager
async def scripted_gateway(*scripts: Script) -> AsyncIterator[ScriptedGateway]:
    """Serve each connection with the next script, the last one serving all further ones.

    An error in a script fails the test when the gateway closes.
    """
    gateway = ScriptedGateway()
    failures: list[BaseException] = []

    async def handle(socket: ServerConnection) -> None:
        script = scripts[min(gateway.connections, len(scripts) - 1)]
        gateway.connections += 1
        try:
            await script(Peer(socket, gateway))
        except ConnectionClosed:
            return
        except Exception as error:  # noqa: BLE001 - carried into the test below
            failures.append(error)

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        gateway.url = f"ws://127.0.0.1:{port}"
        yield gateway
    if failures:
        raise failures[0]


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - polls what has no event, with a deadline
            await asyncio.sleep(0.002)


AT_ONCE = FullJitter(base=0.0)
"""Backoff that does not wait."""


def client_of(gateway: ScriptedGateway, **options: Any) -> Client:
    """Make a client that reconnects without waiting."""
    return Client(gateway.url, write_key="key", **{"backoff": AT_ONCE, "linger_ms": 0, **options})


def events(count: int) -> list[Event]:
    """Build ``count`` events whose distinct ids tell their place."""
    return [Event(event="clicked", distinct_id=f"user-{n}") for n in range(count)]
