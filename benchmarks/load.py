"""A load generator: one process, several connections, in one of two ways.

*Closed loop*: batches as fast as they are acknowledged. *Open loop*: batches at a set rate, whatever the
gateway does, and latency counted from when a batch was due, so that a stall shows in every batch that it
held up.

Makes its events first, says ``ready``, and starts when a line comes in; prints what it measured as
one line of JSON.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field
from itertools import count

import msgspec
import uvloop

from benchmarks.latency import Latencies
from benchmarks.traffic import Shape, batch_frames, shop_events
from benchmarks.wire_client import ServerFrame, WireConnection, WireError, client_frame
from smolhog_client import Client, Event

_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Load:
    """What to send and how; the arguments of this program.

    Attributes:
        events: how many, repeats included.
        batch: events in a batch.
        connections: WebSocket connections.
        in_flight: batches of a connection that wait for their acks, in the closed loop.
        rate: events a second of the open loop; 0 for the closed one.
        client: ``wire``, which costs next to nothing, or ``sdk``, which is what people run.
        seed: the same seed gives the same events, but for ids and times.
        shape: what the events are like.
    """

    events: int
    batch: int = 100
    connections: int = 4
    in_flight: int = 16
    rate: float = 0.0
    client: str = "wire"
    seed: int = 1
    shape: Shape = field(default_factory=Shape)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of it."""

    began: float
    """Seconds since 1970, like ``ended``."""
    ended: float
    sent: int
    distinct: int
    """Different events that were sent."""
    accepted: int
    cpu_seconds: float
    """Of sending; that of making the events is not in it."""
    latencies: str
    """Of acks, see :attr:`benchmarks.latency.Latencies.encoded`; of the closed loop, too."""
    timeline: list[tuple[float, int]]


class _Sender:
    """Sends frames over several connections and hears their acks."""

    def __init__(self, frames: list[bytes], load: Load) -> None:
        self._load = load
        self._frames = frames
        self._connections: list[WireConnection] = []
        self._due = [0.0] * len(self._frames)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._acked_frames = 0
        self._all_acked = asyncio.Event()
        self._resume_at = 0.0
        self.accepted = 0
        self.latencies = Latencies()
        self.timeline: list[tuple[float, int]] = []

    async def open(self, url: str, key: str) -> None:
        for _ in range(self._load.connections):
            self._connections.append(await WireConnection.open(url, key, self._hear))

    async def send(self) -> None:
        """Send everything; returns when all is acknowledged."""
        began = time.monotonic()
        sampling = asyncio.create_task(self._sample(began))
        sending = asyncio.gather(*(self._open_loop(began),) if self._load.rate else self._closed_loop())
        lost = [connection.lost for connection in self._connections]
        finished = asyncio.create_task(self._finish(sending))
        try:
            await asyncio.wait([finished, *lost], return_when=asyncio.FIRST_COMPLETED)
            for each in lost:
                if each.done():
                    raise WireError("a connection ended early") from each.exception()
            await finished
        finally:
            for task in (finished, sampling):
                task.cancel()
            for connection in self._connections:
                connection.close()
        self.timeline.append((time.monotonic() - began, self.accepted))

    async def _finish(self, sending: "asyncio.Future[list[None]]") -> None:
        await sending
        await self._all_acked.wait()

    async def _open_loop(self, began: float) -> None:
        pause = self._load.batch / self._load.rate
        for index, frame in enumerate(self._frames):
            due = began + index * pause
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._due[index] = due
            self._connections[index % len(self._connections)].send_raw(frame)

    def _closed_loop(self) -> list["asyncio.Task[None]"]:
        numbers = count()
        return [
            asyncio.create_task(self._one_after_the_other(connection, numbers))
            for connection in self._connections
            for _ in range(self._load.in_flight)
        ]

    async def _one_after_the_other(self, connection: WireConnection, numbers: "count[int]") -> None:
        loop = asyncio.get_running_loop()
        while (index := next(numbers)) < len(self._frames):
            await connection.writable()
            if (wait := self._resume_at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._due[index] = time.monotonic()
            acked = self._waiting[index] = loop.create_future()
            connection.send_raw(self._frames[index])
            await acked

    def _hear(self, frame: ServerFrame) -> None:
        now = time.monotonic()
        if frame.type == "slow_down":
            self._resume_at = now + frame.retry_after_ms / 1000
        elif frame.type == "ack" and frame.id is not None:
            index = int(frame.id)
            self.latencies.record(now - self._due[index])
            self.accepted += frame.accepted
            self._acked_frames += 1
            if (waiting := self._waiting.pop(index, None)) is not None:
                waiting.set_result(None)
            if self._acked_frames == len(self._frames):
                self._all_acked.set()

    async def _sample(self, began: float) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            self.timeline.append((time.monotonic() - began, self.accepted))


async def _run_wire(url: str, key: str, load: Load) -> LoadReport:
    frames = batch_frames(load.events, load.batch, load.seed, load.shape)
    # In place: millions of events are gigabytes.
    for index, frame in enumerate(frames.frames):
        frames.frames[index] = client_frame(frame)
    sender = _Sender(frames.frames, load)
    await sender.open(url, key)
    await _told_to_go()
    began, cpu_before = time.time(), time.process_time()
    await sender.send()
    return LoadReport(
        began=began,
        ended=time.time(),
        sent=frames.events,
        distinct=frames.distinct,
        accepted=sender.accepted,
        cpu_seconds=time.process_time() - cpu_before,
        latencies=sender.latencies.encoded,
        timeline=sender.timeline,
    )


async def _run_sdk(url: str, key: str, load: Load) -> LoadReport:
    share = load.events // load.connections
    work: list[list[list[Event]]] = []
    for connection in range(load.connections):
        events = list(shop_events(share, load.seed * 1_000 + connection, load.shape))
        work.append([events[begin : begin + load.batch] for begin in range(0, share, load.batch)])
    clients = [Client(url, write_key=key, batch_events=load.batch, queue_events=100_000) for _ in work]
    for client in clients:
        await client.open()
        await client.ready()
    await _told_to_go()
    latencies = Latencies()
    began, cpu_before = time.time(), time.process_time()
    accepted = await asyncio.gather(
        *(
            _send_by_sdk(client, batches, load.in_flight, latencies)
            for client, batches in zip(clients, work, strict=True)
        )
    )
    ended = time.time()
    for client in clients:
        await client.close()
    sent = share * load.connections
    return LoadReport(
        began=began,
        ended=ended,
        sent=sent,
        distinct=sent,
        accepted=sum(accepted),
        cpu_seconds=time.process_time() - cpu_before,
        latencies=latencies.encoded,
        timeline=[],
    )


async def _send_by_sdk(
    client: Client, batches: list[list[Event]], in_flight: int, latencies: Latencies
) -> int:
    accepted = 0
    waiting = iter(batches)

    async def one_after_the_other() -> None:
        nonlocal accepted
        for batch in waiting:
            sent_at = time.perf_counter()
            result = await client.send_batch(batch)
            latencies.record(time.perf_counter() - sent_at)
            accepted += result.accepted

    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    return accepted


async def _told_to_go() -> None:
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    """Run as ``python -m benchmarks.load``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--load", required=True, help="a Load as JSON")
    options = parser.parse_args()
    load = msgspec.json.decode(options.load, type=Load)
    run = _run_sdk if load.client == "sdk" else _run_wire
    print(msgspec.json.encode(uvloop.run(run(options.url, options.key, load))).decode())


if __name__ == "__main__":
    main()
