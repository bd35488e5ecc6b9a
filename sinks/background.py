"""Lets a dataflow go on decoding while a store is being written to.

A thread takes what has gathered, writes it in one go, and tries again for as long as the store is
away. What waits is bounded in bytes, so a slow store slows the dataflow down and nothing else.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from schemas.stored import StoredBatch
from sinks.errors import SinkUnavailable
from sinks.report import WriteReport
from sinks.write_traces import trace_write
from smolhog.metrics import (
    EVENT_TO_STORED_SECONDS,
    EVENTS_STORED,
    SINK_RETRIES,
    SINK_WRITE_EVENTS,
    SINK_WRITE_SECONDS,
)
from smolhog.tracing import current_tracing

_log = structlog.get_logger()

LONGEST_PAUSE = 1.5
"""Seconds between two writes at most, while something waits."""
_LITTLE_BYTES = 256 * 1024
"""What a write must hold to be worth its own cost."""
_BUSY_BYTES = 20 * 1024**2
"""A second: about as much as two cores store."""


class StoreWriter(Protocol):
    """Writes to one store; either adapter in this room."""

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Store consecutive batches, or raise :class:`sinks.errors.SinkError`."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


class BackgroundWriter:
    """A store's writer on a thread of its own, behind a bounded queue.

    Several dataflows may share one, which writes what has gathered from all of them in one go.

    Args:
        writer: used by the thread only.
        name: the store, for logs and metrics.
        write_bytes: how much is written in one go at most, and gathered before it is written unasked.
        queue_bytes: how much may wait.
        prompt: whether a batch with rollups is written without waiting for more: a live chart waits for it. Then a
            flush that is requested is left to that, until somebody waits for it.
        pause_seconds: from one write of little to the next, unless enough has gathered or somebody waits. To a store a
            write costs as much as thousands of rows, however small it is. One of more is followed by a third
            of that at least, by half as long as it took, or by the longer the larger it was, up to
            :data:`LONGEST_PAUSE`: fewer and larger writes are what a busy store needs.
        backoff: seconds to wait before the n-th retry, from 1.
    """

    def __init__(
        self,
        writer: StoreWriter,
        name: str,
        *,
        write_bytes: int = 8 * 1024**2,
        queue_bytes: int = 32 * 1024**2,
        prompt: bool = False,
        pause_seconds: float = 0.0,
        backoff: Callable[[int], float] = lambda attempt: min(5.0, 0.05 * 2**attempt),
    ) -> None:
        self._writer = writer
        self._name = name
        self._write_bytes = write_bytes
        self._queue_bytes = queue_bytes
        self._prompt = prompt
        self._pause_seconds = pause_seconds
        self._backoff = backoff
        self._changed = threading.Condition()
        self._waiting: list[StoredBatch] = []
        self._waiting_bytes = 0
        # Batches handed over, taken by the thread, stored, asked to be stored without delay, and waited for; each
        # counted from the beginning, since they go in order.
        self._given = 0
        self._taken = 0
        self._stored = 0
        self._wanted = 0
        self._awaited = 0
        self._took = 0.0
        self._took_bytes = 0
        self._error: BaseException | None = None
        self._closed = threading.Event()
        SINK_RETRIES.labels(name)  # 0 from the start: a first step from nothing is no rate
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def put(self, batch: StoredBatch) -> None:
        """Hand over a batch; waits while the queue is full.

        Raises:
            SinkError: an earlier write failed for good.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._waiting_bytes < self._queue_bytes)
            self._raise_error()
            self._waiting.append(batch)
            self._given += 1
            self._waiting_bytes += batch.size
            if self._prompt and batch.rollups:
                self._wanted = self._given
            self._changed.notify_all()

    def request_flush(self) -> int:
        """Have all that was handed over written soon; does not wait. Returns what to wait for."""
        with self._changed:
            if not self._prompt:
                self._wanted = self._given
                self._changed.notify_all()
            return self._given

    def wait_flushed(self, flush: int) -> None:
        """Return once all that was handed over before a flush was requested is stored.

        Args:
            flush: what :meth:`request_flush` returned.

        Raises:
            SinkError: a write failed for good.
            SinkUnavailable: the writer was closed before.
        """
        with self._changed:
            self._awaited = max(self._awaited, flush)
            self._wanted = max(self._wanted, flush)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._error or self._closed.is_set() or self._stored >= flush)
            self._raise_error()
            if self._stored < flush:
                raise SinkUnavailable(f"{self._name}: closed before everything was stored")

    def close(self) -> None:
        """Give up what was not flushed, and let go of the store."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()
        self._writer.close()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (batches := self._take()) and self._write(batches):
                with self._changed:
                    self._stored = self._taken
                    self._changed.notify_all()
                    self._changed.wait_for(
                        lambda: (
                            self._closed.is_set()
                            or self._waiting_bytes >= self._write_bytes
                            or self._stored < self._awaited
                        ),
                        self._pause(),
                    )
        except BaseException as error:  # noqa: BLE001 - raised in the thread that hands batches over
            # Said here, too: of two flows of a process that fail together, Bytewax mixes the errors up.
            _log.error("store writer ended", store=self._name, error=repr(error))
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _pause(self) -> float:
        if not self._pause_seconds:
            return 0.0
        if self._took_bytes < _LITTLE_BYTES:
            return self._pause_seconds
        busy = max(self._took / 2, self._took_bytes / _BUSY_BYTES)
        return max(self._pause_seconds / 3, min(busy, LONGEST_PAUSE))

    def _take(self) -> list[StoredBatch]:
        """Wait for enough, or for a flush; returns nothing when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closed.is_set()
                    or self._waiting_bytes >= self._write_bytes
                    or self._taken < self._wanted
                )
            )
            if self._closed.is_set():
                return []
            taken = 0
            size = 0
            while taken < len(self._waiting) and (taken == 0 or size < self._write_bytes):
                size += self._waiting[taken].size
                taken += 1
            batches, self._waiting = self._waiting[:taken], self._waiting[taken:]
            self._waiting_bytes -= size
            self._took_bytes = size
            self._taken += taken
            self._changed.notify_all()
            return batches

    def _write(self, batches: list[StoredBatch]) -> bool:
        """Write until it is stored; ``False`` if closed before."""
        attempt = 0
        while not self._closed.is_set():
            began, tracing = time.time_ns(), current_tracing()
            try:
                report = self._writer.write(batches)
            except SinkUnavailable as error:
                attempt += 1
                SINK_RETRIES.labels(self._name).inc()
                traces = (
                    trace_write(tracing, self._name, batches, began, time.time_ns(), str(error))
                    if tracing
                    else []
                )
                _log.warning(
                    "store not available",
                    store=self._name,
                    attempt=attempt,
                    error=str(error),
                    **({"trace_id": traces[0]} if traces else {}),
                )
                self._closed.wait(self._backoff(attempt))
                continue
            ended = time.time_ns()
            # A clock that was set back would make the next pause a long one.
            self._took = max(0.0, (ended - began) / 1e9)
            if tracing is not None:
                trace_write(tracing, self._name, batches, began, ended)
            SINK_WRITE_SECONDS.labels(self._name).observe(self._took)
            SINK_WRITE_EVENTS.labels(self._name).observe(report.events)
            EVENTS_STORED.labels(self._name).inc(report.events)
            log_time = max((batch.log_time for batch in batches if batch.log_time is not None), default=None)
            if log_time is not None:
                EVENT_TO_STORED_SECONDS.labels(self._name).observe(
                    max(0.0, time.time() - log_time.timestamp())
                )
            return True
        return False
