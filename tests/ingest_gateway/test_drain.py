"""The end of a gateway: at SIGTERM everything acked is durable, and sessions hear why it ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from event_log.sqlite import SQLiteEventLog
from ingest_gateway.app import create_app
from ingest_gateway.server import serve
from schemas.limits import Limits
from tests.ingest_gateway.running import (
    KEY,
    PARTITIONS,
    HeldLog,
    Ring,
    answer,
    batch_frame,
    close_code,
    event,
    running_gateway,
    stored_in,
)


async def serve_for_a_test(folder: Path) -> None:
    """Serve over the embedded log until SIGTERM: the child process of these tests."""
    log = await SQLiteEventLog.open(folder / "log", partitions=PARTITIONS)
    limits = Limits()
    app = create_app(log=log, keys=Ring(), limits=limits, cors_origins=("*",), buffer_bytes=8 * 1024**2)
    await serve(
        app, event_log=log, limits=limits, host="127.0.0.1", port=0, port_file=folder / "gateway.port"
    )


@asynccontextmanager
async def gateway_process(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Start a gateway as a process of its own; killed at the end if it still runs."""
    code = (
        "import asyncio, sys; from pathlib import Path;"
        "from tests.ingest_gateway.test_drain import serve_for_a_test;"
        "asyncio.run(serve_for_a_test(Path(sys.argv[1])))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(folder),
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["."])},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        port_file = folder / "gateway.port"
        async with asyncio.timeout(60):
            while not port_file.exists():
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield process, int(port_file.read_text())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def stream_until_closed(port: int, name: str, started: asyncio.Event) -> tuple[set[str], int | None]:
    """Send batches of one event as fast as they are acked; return the acked users and the close code."""
    acked: set[str] = set()
    async with connect(f"ws://127.0.0.1:{port}/v1/stream", compression=None) as socket:
        await socket.send(json.dumps({"type": "hello", "key": KEY}))
        await socket.recv()

        async def send() -> None:
            for n in range(1_000_000):
                await socket.send(batch_frame(f"{name}-{n}", event(who=f"{name}-{n}")))
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        try:
            while True:
                frame = await answer(socket)
                if frame["type"] == "ack":
                    acked.add(frame["id"])
                    if len(acked) == 50:
                        started.set()
        except ConnectionClosed:
            pass
        sending.cancel()
        with pytest.raises((asyncio.CancelledError, ConnectionClosed)):
            await sending
        return acked, await close_code(socket)


async def test_sigterm_under_load_loses_nothing_that_was_acked(tmp_path: Path) -> None:
    """Stopped in the middle of a stream, the gateway ends by itself; every ack was the truth."""
    async with gateway_process(tmp_path) as (process, port):
        events = [asyncio.Event() for _ in range(3)]
        clients = [
            asyncio.create_task(stream_until_closed(port, f"client{n}", each))
            for n, each in enumerate(events)
        ]
        async with asyncio.timeout(60):
            for each in events:
                await each.wait()
            process.send_signal(signal.SIGTERM)
            results = await asyncio.gather(*clients)
            assert await process.wait() == 0
    stored = {e.distinct_id for b in await stored_in(tmp_path / "log") for e in b.events}
    for acked, code in results:
        assert acked <= stored
        assert code == 1012


async def test_sigkill_under_load_loses_nothing_that_was_acked(tmp_path: Path) -> None:
    """Killed outright, it still leaves everything in the log that it acked."""
    async with gateway_process(tmp_path) as (process, port):
        started = asyncio.Event()
        client = asyncio.create_task(stream_until_closed(port, "client", started))
        async with asyncio.timeout(60):
            await started.wait()
            process.kill()
            acked, _ = await client
            await process.wait()
    stored = {e.distinct_id for b in await stored_in(tmp_path / "log") for e in b.events}
    assert acked <= stored


async def test_a_stopping_gateway_answers_first_and_closes_then() -> None:
    """Batches under way when the gateway is told to stop are acked before the 1012."""
    log = HeldLog()
    async with running_gateway(log) as gateway:
        socket: ClientConnection = await gateway.session()
        idle = await gateway.session()
        await socket.send(batch_frame("b", event()))
        async with asyncio.timeout(20):
            await log.someone_waits.wait()
        gateway.server.stop()
        goodbye = await answer(idle)
        assert (goodbye["code"], await close_code(idle)) == ("shutting_down", 1012)
        log.gate.set()
        frames = [await answer(socket), await answer(socket)]
        assert {frame["type"] for frame in frames} == {"error", "ack"}
        assert await close_code(socket) == 1012
        await gateway.serving
