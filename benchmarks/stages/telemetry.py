"""What metrics and traces cost: CPU time of the gateway's and the dataflow's own work, with and without them.

The ways take turns within one process, piece by piece, so that whatever disturbs the machine disturbs all of
them. CPU time counts, not the clock. Left out is what costs the same with and without: sockets, the log, the
stores and the index on disk; so the shares are a little larger here than in a stack.
"""

import asyncio
import gc
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from benchmarks.messages import PARTITIONS, PROJECT_ID, new_pipeline, with_offsets
from benchmarks.results import Group, LossCheck, Result
from benchmarks.traffic import batch_frames
from dataflows.process import ProcessLogic
from event_log.port import Message
from ingest_gateway.batch import DecodedBatch
from ingest_gateway.gather import Gatherer
from ingest_gateway.intake import Intake, Peer
from ingest_gateway.native import NativeDecoder
from schemas.limits import Limits
from smolhog import metrics
from smolhog.settings import Settings
from smolhog.tracing import Tracing, use_tracing

_IN_FLIGHT = 64
_PIECE_SECONDS = 0.1
"""Of CPU time, roughly: short beside whatever else disturbs the machine."""
_EXPORT_SPANS = 512
_EVENT_SECONDS, _FRAME_SECONDS = 18e-6, 60e-6
_NEVER_SECONDS = 1e9
_PEER = Peer("127.0.0.1", "benchmark", None)
_OFF, _METRICS, _ALL = "neither", "metrics", "metrics and traces"
_WAYS = (_OFF, _METRICS, _ALL)


def measure_telemetry(events: int, batch: int) -> Result:
    """Take frames through the gateway and the dataflow's steps: silent, with metrics, with metrics and traces.

    Args:
        events: for each way.
        batch: events in a frame.
    """
    frames = batch_frames(events, batch, seed=1).frames
    size = max(1, round(_PIECE_SECONDS / (_EVENT_SECONDS * batch + _FRAME_SECONDS)))
    pieces = [frames[begin : begin + size] for begin in range(0, len(frames), size)]
    with _collector() as url:
        ratio = Settings.model_fields["trace_ratio"].default
        exporter = _KeptSpans()
        spent: dict[str, list[float]] = {way: [] for way in _WAYS}
        tracing = Tracing(
            exporter, "benchmark", ratio=ratio, slow_seconds=_NEVER_SECONDS, clock=lambda: sum(spent[_ALL])
        )
        # For traces a second is one of the processor's: as if it had nothing else to do.
        began = time.perf_counter()
        # Garbage of one way would be collected in another's turn.
        gc.freeze()
        gc.disable()
        try:
            with asyncio.Runner() as runner:
                rows = _take_turns(runner, pieces, tracing, spent)
        finally:
            gc.enable()
            gc.unfreeze()
        seconds = time.perf_counter() - began
        tracing.close()
        sending = exporter.send(f"{url}/v1/traces")
    scrape = _scrape_seconds()
    return Result(
        name=f"telemetry-{batch}",
        title=f"Gateway and dataflow, batches of {batch}",
        group=Group.TELEMETRY,
        events=events * len(_WAYS),
        seconds=seconds,
        checks=tuple(LossCheck(f"rows with {way}", events, rows[way]) for way in _WAYS),
        settings={"batch": batch, "part of the batches traced": ratio},
        figures={
            "CPU µs an event without telemetry": sum(spent[_OFF]) / events * 1e6,
            "CPU % that metrics add": _added(spent[_OFF], spent[_METRICS]),
            "CPU % that metrics and traces add": _added(spent[_OFF], spent[_ALL])
            + sending / sum(spent[_OFF]) * 100,
            "CPU ms that a look at all metrics takes": scrape * 1e3,
        },
    )


def _added(without: Sequence[float], with_it: Sequence[float]) -> float:
    """Return the middle one of what the pieces cost more, in percent: pieces that were disturbed do not count."""
    ratios = [more / less for less, more in zip(without, with_it, strict=True)]
    return (statistics.median(ratios) - 1) * 100


def _take_turns(
    runner: asyncio.Runner, pieces: list[list[bytes]], tracing: Tracing, spent: dict[str, list[float]]
) -> dict[str, int]:
    """Add the CPU seconds of each piece to those spent, by way; returns rows for the stores, by way."""
    rows = dict.fromkeys(_WAYS, 0)
    works: dict[str, _Work] = {}
    for turn, piece in enumerate(pieces):
        # Whoever comes first finds colder caches: each does in turn.
        for way in (*_WAYS[turn % 3 :], *_WAYS[: turn % 3]):
            with _told(way, tracing):
                work = works.get(way) or works.setdefault(way, _Work(runner))
                gc.collect()
                began = time.process_time()
                rows[way] += work.take(piece)
                spent[way].append(time.process_time() - began)
    return rows


class _Work:
    """A gateway's and a dataflow's own work, over a log and an index in memory."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._log = _MemoryLog()
        self._decoder = NativeDecoder(Limits(), lambda: "")
        self._intake = runner.run(self._open())
        self._logics = [_logic(partition) for partition in range(PARTITIONS)]
        self._offsets = [0] * PARTITIONS

    async def _open(self) -> Intake:
        return Intake(Gatherer(self._log, buffer_bytes=64 * 1024**2), lambda: datetime.now(UTC))

    def take(self, frames: list[bytes]) -> int:
        """Take frames all the way; returns the rows that came of them."""
        self._runner.run(self._take_in(frames))
        rows = 0
        for partition, bodies in self._log.taken().items():
            first = self._offsets[partition]
            messages = [Message(first + offset, body) for offset, body in with_offsets(bodies)]
            self._offsets[partition] += len(messages)
            batches, _ = self._logics[partition].on_batch([messages])
            # All numbers after each piece: when they are due goes by the clock, which pieces do not.
            self._logics[partition].on_eof()
            rows += sum(message.events for found in batches for message in found.messages)
        return rows

    async def _take_in(self, frames: list[bytes]) -> None:
        for begin in range(0, len(frames), _IN_FLIGHT):
            waiting = []
            for frame in frames[begin : begin + _IN_FLIGHT]:
                decoded = self._decoder.decode_frame(frame)
                assert isinstance(decoded, DecodedBatch)
                waiting.append(self._intake.submit(PROJECT_ID, "ws.v1", _PEER, decoded))
            for pending in waiting:
                await pending.done
                assert self._intake.outcome(pending).is_durable


def _logic(partition: int) -> ProcessLogic:
    pipeline, rollups = new_pipeline(_MemoryIndex(), partition)
    return ProcessLogic(partition, pipeline, rollups, lambda: None, timedelta(seconds=1))


class _MemoryLog:
    """An event log that confirms at once."""

    partitions = PARTITIONS
    log_id = 1

    def __init__(self) -> None:
        self._bodies: dict[int, list[bytes]] = {}

    async def append(self, partition: int, body: bytes) -> None:
        self._bodies.setdefault(partition, []).append(body)

    def taken(self) -> dict[int, list[bytes]]:
        """Return the messages since the last call, by partition."""
        taken, self._bodies = self._bodies, {}
        return taken

    def read(self, partition: int, from_offset: int) -> Any:
        raise NotImplementedError

    async def end(self, partition: int) -> int:
        raise NotImplementedError

    async def oldest(self, partition: int) -> int:
        raise NotImplementedError

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return


class _MemoryIndex(dict[bytes, bytes]):
    """A dedup index in memory: RocksDB's threads would work in somebody else's turn."""

    def get(self, keys: list[bytes]) -> list[bytes | None]:  # type: ignore[override] # of many keys at once
        return list(map(super().get, keys))

    put = dict.update


class _SilentMetric:
    """Takes the place of a metric, and counts nothing."""

    def labels(self, *_: object) -> "_SilentMetric":
        return self

    def inc(self, _: float = 1) -> None:
        return

    dec = set = observe = inc


class _KeptSpans(SpanExporter):
    """Keeps spans until nobody's turn is measured: in a stack a thread of its own sends them."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._spans += spans
        return SpanExportResult.SUCCESS

    def send(self, url: str) -> float:
        """Send all that there were, as the thread would; returns the CPU seconds that it took."""
        began = time.process_time()
        exporter = OTLPSpanExporter(url)
        for begin in range(0, len(self._spans), _EXPORT_SPANS):
            exporter.export(self._spans[begin : begin + _EXPORT_SPANS])
        return time.process_time() - began


@contextmanager
def _told(way: str, tracing: Tracing) -> Iterator[None]:
    """Have everything in this process say as much as this way does."""
    silent = _SilentMetric()
    known = {id(value) for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)}
    found = [
        (module, name, value)
        for module in list(sys.modules.values())
        for name, value in list(vars(module).items())
        if id(value) in known
    ]
    # The same steps for every way: they leave the same caches.
    for module, name, value in found:
        setattr(module, name, silent if way == _OFF else value)
    use_tracing(tracing if way == _ALL else None)
    try:
        yield
    finally:
        use_tracing(None)
        for module, name, value in found:
            setattr(module, name, value)


def _scrape_seconds() -> float:
    began = time.process_time()
    for _ in range(20):
        generate_latest()
    return (time.process_time() - began) / 20


@contextmanager
def _collector() -> Iterator[str]:
    """Run a collector of traces in a process of its own; its work is not this one's."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_collect, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
        process.close()


class _Taking(BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer that all is well."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _collect(pipe: Connection) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Taking)
    threading.Thread(target=lambda: pipe.send(server.server_port)).start()
    server.serve_forever()
