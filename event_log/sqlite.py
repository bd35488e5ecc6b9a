"""The embedded event log: a folder of SQLite files, one a partition, without any server.

It is the log of `smolhog up`, the gateway's spool, and the twin of RabbitMQ in tests. Durable
means fsynced. Several processes may append to and read the same folder at once.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from event_log.errors import (
    EventLogClosed,
    EventLogCorrupt,
    EventLogUnavailable,
    PartitionCountMismatch,
)
from event_log.port import (
    DEFAULT_MAX_MESSAGE_BYTES,
    Message,
    Retention,
    check_partition,
    check_size,
    new_log_id,
)
from event_log.sqlite_partition import PartitionFile
from event_log.sqlite_writer import PartitionWriter, WriterSettings

T = TypeVar("T")

_FETCH_BYTES = 2 * 1024 * 1024
_FETCH_MESSAGES = 512
# Another process's append is seen by looking. A reader that just had something looks again soon.
_POLL_SECONDS = 0.01
_MOST_POLL_SECONDS = 0.05


class SQLiteEventLog:
    """`event_log.port.EventLog` in a folder."""

    def __init__(
        self, folder: Path, partitions: int, settings: WriterSettings, *, timeout: float, limit: int
    ) -> None:
        self._folder = folder
        self._partitions = partitions
        self._log_id = 0
        self._timeout = timeout
        self._max_message_bytes = limit
        self._closed = asyncio.Event()
        self._writers = [
            PartitionWriter(self._opener(partition), settings, name=f"{folder.name}-{partition}")
            for partition in range(partitions)
        ]
        self._threads = ThreadPoolExecutor(max_workers=partitions + 1, thread_name_prefix="event-log")

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        partitions: int,
        retention: Retention | None = None,
        capacity_bytes: int | None = None,
        append_timeout: float = 5.0,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the log in `folder`; create both if missing.

        Args:
            folder: belongs to the log alone.
            partitions: fixed for the life of the log.
            retention: deletes the oldest messages; None keeps everything.
            capacity_bytes: size of a partition at which appends raise `EventLogFull` instead of anything
                being deleted: for a spool, which must not lose what it has acknowledged.
            append_timeout: seconds to wait for another process that holds the file.
            max_message_bytes: bodies over this are refused.
            clock: seconds since the epoch, for the age of messages.

        Raises:
            PartitionCountMismatch: the log exists with another number of partitions.
            EventLogUnavailable: the folder cannot be written.
            EventLogCorrupt: a file of the log is damaged.
        """
        settings = WriterSettings(retention or Retention(), capacity_bytes, clock)
        event_log = cls(folder, partitions, settings, timeout=append_timeout, limit=max_message_bytes)
        try:
            await event_log._in_thread(event_log._create)
        except BaseException:
            await event_log.close()
            raise
        return event_log

    def _path(self, partition: int) -> Path:
        return self._folder / f"partition-{partition}.sqlite3"

    def _opener(self, partition: int) -> Callable[[], PartitionFile]:
        return lambda: PartitionFile(self._path(partition), timeout=self._timeout)

    def _create(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            recorded = record_log(self._folder, self._partitions)
            if recorded.partitions != self._partitions:
                raise PartitionCountMismatch(
                    f"the event log in {self._folder}", recorded.partitions, self._partitions
                )
            self._log_id = recorded.log_id
            for partition in range(self._partitions):
                self._opener(partition)().close()
            _sync_folder(self._folder)
        except OSError as error:
            raise EventLogUnavailable(f"{self._folder}: {error}") from error

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    @property
    def partitions(self) -> int:
        """The number of partitions."""
        return self._partitions

    @property
    def log_id(self) -> int:
        """Which log this is."""
        return self._log_id

    async def append(self, partition: int, body: bytes) -> None:
        """Store one message, fsynced. See the port.

        Raises:
            EventLogFull: the partition has its `capacity_bytes`.
        """
        check_partition(partition, self._partitions)
        check_size(body, self._max_message_bytes)
        await self._writers[partition].submit(body)

    def read(self, partition: int, from_offset: int) -> AsyncGenerator[Message, None]:
        """Yield messages from an offset on. See the port."""
        check_partition(partition, self._partitions)
        return self._read(partition, from_offset)

    async def _read(self, partition: int, from_offset: int) -> AsyncGenerator[Message, None]:
        self._check_open()
        file = await self._in_thread(self._opener(partition))
        expected, pause = from_offset, _POLL_SECONDS
        try:
            while True:
                messages = await self._in_thread(partial(_fetch, file, expected))
                for message in messages:
                    self._check_open()
                    expected = message.offset + 1
                    yield message
                # Full pages follow each other; after another one, more is worth waiting a moment for.
                if (
                    len(messages) < _FETCH_MESSAGES
                    and sum(len(each.body) for each in messages) < _FETCH_BYTES
                ):
                    pause = _POLL_SECONDS if messages else min(pause * 2, _MOST_POLL_SECONDS)
                    await self._pause(pause)
                self._check_open()
        finally:
            # Closing may checkpoint, and a fetch that was cancelled may still be running.
            await asyncio.to_thread(file.close)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return

    async def end(self, partition: int) -> int:
        """Return the offset one past the last message. Exact."""
        return (await self._look(partition, PartitionFile.bounds)).end

    async def oldest(self, partition: int) -> int:
        """Return the offset of the oldest message that is kept, or the end if none is."""
        bounds = await self._look(partition, PartitionFile.bounds)
        return bounds.end if bounds.oldest is None else bounds.oldest

    async def size_bytes(self, partition: int) -> int:
        """Return the bytes that a partition's messages take up in its file."""
        return await self._look(partition, PartitionFile.used_bytes)

    async def trim(self, partition: int, before: int) -> None:
        """Delete the messages with offsets below `before`: a spool that was drained so far."""
        await self._look(partition, lambda file: file.trim(before))

    async def _look(self, partition: int, question: Callable[[PartitionFile], T]) -> T:
        check_partition(partition, self._partitions)
        self._check_open()

        def ask() -> T:
            file = self._opener(partition)()
            try:
                return question(file)
            finally:
                file.close()

        return await self._in_thread(ask)

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise EventLogClosed

    async def check(self) -> None:
        """Return if the log answers."""
        await self.end(0)

    async def close(self) -> None:
        """Store what is queued, end the threads; readers raise `EventLogClosed`."""
        if self._closed.is_set():
            return
        self._closed.set()
        await asyncio.gather(*(asyncio.to_thread(writer.close) for writer in self._writers))
        self._threads.shutdown(wait=False)


def _fetch(file: PartitionFile, from_offset: int) -> list[Message]:
    return file.fetch(from_offset, max_messages=_FETCH_MESSAGES, max_bytes=_FETCH_BYTES)


class LogRecord(NamedTuple):
    """What is fixed when a log is created."""

    partitions: int
    log_id: int


def record_log(folder: Path, partitions: int) -> LogRecord:
    """Record the number of partitions and a new log's number if the folder has none yet.

    The record appears whole or not at all, also when two processes create the log at once.

    Returns:
        What is recorded now.

    Raises:
        EventLogCorrupt: the record cannot be read.
    """
    record = folder / "log.json"
    if not record.exists():
        descriptor, name = tempfile.mkstemp(dir=folder, prefix="log.json.")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump({"format": 1, "partitions": partitions, "log_id": new_log_id()}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(record).hardlink_to(name)
        except FileExistsError:
            pass  # the other process was first; its record counts
        finally:
            Path(name).unlink()
        _sync_folder(folder)
    try:
        recorded = json.loads(record.read_text())
        return LogRecord(int(recorded["partitions"]), int(recorded["log_id"]))
    except (ValueError, KeyError, TypeError) as error:
        raise EventLogCorrupt(
            f'{record} is damaged: write {{"format": 1, "partitions": N, "log_id": I}} into it, '
            "where N is the number of partition-*.sqlite3 files beside it and I is the log_id that "
            "table sink_positions has"
        ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
