"""Group commit: the thread that appends to one partition.

An fsync costs about as much for one message as for a hundred, so whatever is waiting when the
thread comes back from the disk goes into the next transaction together.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from event_log.errors import EventLogClosed, EventLogError
from event_log.port import Retention
from event_log.sqlite_partition import PartitionFile

log = structlog.get_logger()

_GROUP_BYTES = 8 * 1024 * 1024
_GROUP_MESSAGES = 1_000
_RETENTION_SECONDS = 5.0


class _Waiting(NamedTuple):
    body: bytes
    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """What a partition's writer keeps to.

    Attributes:
        retention: what is deleted after a while.
        capacity_bytes: size at which appends are refused; None never refuses.
        clock: seconds since the epoch; a test's clock may be injected.
    """

    retention: Retention = field(default_factory=Retention)
    capacity_bytes: int | None = None
    clock: Callable[[], float] = time.time


class PartitionWriter:
    """Appends to one partition from one thread, which starts with the first append."""

    def __init__(
        self, open_file: Callable[[], PartitionFile], settings: WriterSettings, *, name: str
    ) -> None:
        self._open_file = open_file
        self._settings = settings
        self._name = name
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, body: bytes) -> asyncio.Future[None]:
        """Queue a body; the future is done when it is durable. Called on the event loop."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        with self._changed:
            if self._closing:
                raise EventLogClosed
            if self._thread is None:
                self._loop = loop
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._queue.append(_Waiting(body, done))
            self._changed.notify()
        return done

    def close(self) -> None:
        """Write what is queued and end the thread. Blocks; called from another thread than the loop's."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        file: PartitionFile | None = None
        next_retention = 0.0
        while (group := self._next_group()) is not None:
            try:
                file = file or self._open_file()
                self._append(file, group)
                if time.monotonic() >= next_retention or self._over_size(file):
                    next_retention = time.monotonic() + _RETENTION_SECONDS
                    self._enforce_retention(file)
            except Exception as error:  # noqa: BLE001 - whoever appended gets it, the thread goes on
                log.warning(
                    "event_log.append_failed", partition=self._name, messages=len(group), reason=repr(error)
                )
                self._settle(group, error)
                # After a full or failing disk a new connection starts from what is in the file.
                self._discard(file)
                file = None
        self._discard(file)

    def _discard(self, file: PartitionFile | None) -> None:
        try:
            if file is not None:
                file.close()
        except EventLogError as error:
            log.warning("event_log.close_failed", partition=self._name, reason=str(error))

    def _next_group(self) -> list[_Waiting] | None:
        """Wait for appends; return some, or none when it is time for retention, or None at the end."""
        with self._changed:
            if not self._queue and not self._closing:
                self._changed.wait(_RETENTION_SECONDS)
            if not self._queue:
                return None if self._closing else []
            group: list[_Waiting] = []
            size = 0
            while self._queue and size < _GROUP_BYTES and len(group) < _GROUP_MESSAGES:
                waiting = self._queue.popleft()
                group.append(waiting)
                size += len(waiting.body)
            return group

    def _append(self, file: PartitionFile, group: list[_Waiting]) -> None:
        if group:
            settings = self._settings
            bodies = [waiting.body for waiting in group]
            file.append(bodies, now=settings.clock(), capacity_bytes=settings.capacity_bytes)
            self._settle(group, None)

    def _over_size(self, file: PartitionFile) -> bool:
        limit = self._settings.retention.max_bytes
        return limit is not None and file.used_bytes() > limit

    def _enforce_retention(self, file: PartitionFile) -> None:
        retention = self._settings.retention
        oldest_time = None
        if retention.max_age is not None:
            oldest_time = self._settings.clock() - retention.max_age.total_seconds()
        try:
            cut = file.enforce(max_bytes=retention.max_bytes, oldest_time=oldest_time)
        except EventLogError as error:
            # The messages are stored; that old ones are still there is no failure of theirs.
            log.warning("event_log.retention_failed", partition=self._name, reason=str(error))
            return
        if cut is not None:
            log.debug("event_log.retention", partition=self._name, deleted_before=cut)

    def _settle(self, group: list[_Waiting], error: Exception | None) -> None:
        """Tell those who wait, with one call into their loop for the whole group."""

        def settle() -> None:
            for waiting in group:
                if waiting.done.done():  # its caller was cancelled
                    continue
                if error is None:
                    waiting.done.set_result(None)
                else:
                    waiting.done.set_exception(error)

        if group and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)
