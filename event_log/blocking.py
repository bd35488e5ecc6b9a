"""Reading the event log from code that has no event loop, and that must never wait.

Bytewax calls its sources in turn from a thread that sinks block for seconds; an AMQP client there
would miss its heartbeats. So one background thread runs the log and its own loop, and each reader
takes what has arrived from a queue. The queue is bounded in bytes: when it is full the background
thread stops taking messages, and the log holds them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError as FutureCancelledError
from typing import Any, Self, TypeVar

import structlog

from event_log.errors import EventLogClosed, EventLogUnavailable
from event_log.port import EventLog, Message

log = structlog.get_logger()

T = TypeVar("T")

DEFAULT_QUEUE_BYTES = 16 * 1024 * 1024
_REOPEN_SECONDS = 0.5


class BlockingReader:
    """Messages of one partition, waiting to be polled. Made by `BlockingLog.reader`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, partition: int, from_offset: int, max_bytes: int
    ) -> None:
        self.partition = partition
        self._loop = loop
        self._position = from_offset
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._error: BaseException | None = None
        self._room = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._closed = False

    def poll(self, max_messages: int = 1_000, max_bytes: int | None = None) -> list[Message]:
        """Return what has arrived, in order, possibly nothing. Never waits.

        Args:
            max_messages: at most this many.
            max_bytes: stop before the message that would make it more, but return at least one.

        Raises:
            EventLogError: what ended the reading, once everything that came before it was polled.
        """
        taken: list[Message] = []
        size = 0
        with self._lock:
            while self._messages and len(taken) < max_messages:
                length = len(self._messages[0].body)
                if taken and max_bytes is not None and size + length > max_bytes:
                    break
                size += length
                taken.append(self._messages.popleft())
            was_full = self._bytes >= self._max_bytes
            self._bytes -= size
            has_room = self._bytes < self._max_bytes
            error = self._error
        if taken:
            if was_full and has_room:
                self._call(self._room.set)
            return taken
        if self._closed:
            raise EventLogClosed
        if error is not None:
            raise error
        return taken

    @property
    def queued_bytes(self) -> int:
        """Bytes that arrived and were not polled yet."""
        with self._lock:
            return self._bytes

    def close(self) -> None:
        """Stop reading; what was not polled is forgotten. May be called twice."""
        self._closed = True
        with self._lock:
            self._messages.clear()
            self._bytes = 0
        self._call(self._cancel)

    def _call(self, callback: Callable[[], object]) -> None:
        """Run something on the log's loop, unless the log was closed and nothing is left to run."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def pump(self, event_log: Callable[[], Awaitable[EventLog]]) -> None:
        """Move messages from the log to the queue. Runs on the log's loop until closed."""
        try:
            messages = (await event_log()).read(self.partition, self._position)
            try:
                async for message in messages:
                    with self._lock:
                        self._messages.append(message)
                        self._bytes += len(message.body)
                    while self.queued_bytes >= self._max_bytes:
                        self._room.clear()  # a poll from now on sets it again, behind this task's back
                        await self._room.wait()
            finally:
                await messages.aclose()
        except Exception as error:  # noqa: BLE001 - poll raises it in the thread that can act on it
            with self._lock:
                self._error = error


class BlockingLog:
    """One event log on a thread of its own; its readers share it, and its connections.

    Args:
        open_log: opens the log, on the background thread's loop, when it is first needed. While it
            raises `EventLogUnavailable` it is called again, and readers just have nothing yet.
    """

    def __init__(self, open_log: Callable[[], Awaitable[EventLog]]) -> None:
        self._open_log = open_log
        self._event_log: asyncio.Task[EventLog] | None = None
        self._readers: list[BlockingReader] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="event-log-reader", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reader(
        self, partition: int, from_offset: int, max_bytes: int = DEFAULT_QUEUE_BYTES
    ) -> BlockingReader:
        """Start reading a partition; returns at once.

        Args:
            partition: which one.
            from_offset: where to begin.
            max_bytes: of messages that wait to be polled; one more message may be on top.
        """
        reader = BlockingReader(self._loop, partition, from_offset, max_bytes)
        self._readers.append(reader)

        def start() -> None:
            reader.task = self._loop.create_task(reader.pump(self._opened))

        self._loop.call_soon_threadsafe(start)
        return reader

    def end(self, partition: int, *, timeout: float = 10.0) -> int:
        """Return the offset one past the last message. Waits for the answer, up to `timeout` seconds.

        Raises:
            EventLogUnavailable: no answer in time.
        """
        return self._ask(lambda log: log.end(partition), f"the end of partition {partition}", timeout)

    def oldest(self, partition: int, *, timeout: float = 10.0) -> int:
        """Return the offset of the oldest message that is kept, as :meth:`end` does."""
        return self._ask(
            lambda log: log.oldest(partition), f"the beginning of partition {partition}", timeout
        )

    def append(self, partition: int, body: bytes, *, timeout: float = 10.0) -> None:
        """Store one message; returns when it is durable.

        Raises:
            EventLogError: see :meth:`event_log.port.EventLog.append`.
        """
        self._ask(lambda log: log.append(partition, body), f"an append to partition {partition}", timeout)

    def first_message(self, partition: int, from_offset: int, *, timeout: float = 10.0) -> Message:
        """Return the first message at or after an offset; waits for it, up to `timeout` seconds.

        Raises:
            EventLogUnavailable: none came in time.
        """

        async def first(log: EventLog) -> Message:
            messages = log.read(partition, from_offset)
            try:
                return await anext(messages)
            finally:
                await messages.aclose()

        return self._ask(first, f"a message of partition {partition}", timeout)

    def _ask(self, question: Callable[[EventLog], Awaitable[T]], what: str, timeout: float) -> T:
        async def ask() -> T:
            async with asyncio.timeout(timeout):
                return await question(await self._opened())

        try:
            return asyncio.run_coroutine_threadsafe(ask(), self._loop).result()
        except (TimeoutError, FutureCancelledError) as error:
            raise EventLogUnavailable(f"{what} did not come in {timeout} s") from error

    def log_id(self) -> int:
        """Return which log this is. Waits for as long as it takes to open it."""

        async def ask() -> int:
            return (await self._opened()).log_id

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result()

    async def _opened(self) -> EventLog:
        if self._event_log is None:
            self._event_log = self._loop.create_task(self._open())
        return await asyncio.shield(self._event_log)

    async def _open(self) -> EventLog:
        warned = False
        while True:
            try:
                return await self._open_log()
            except EventLogUnavailable as error:
                if not warned:
                    log.warning("event_log.waiting_to_open", reason=str(error))
                warned = True
                await asyncio.sleep(_REOPEN_SECONDS)

    def close(self) -> None:
        """Close the readers, the log and the thread. May be called twice."""
        if not self._thread.is_alive():
            return
        for reader in self._readers:
            reader.close()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _close(self) -> None:
        tasks: list[asyncio.Task[Any]] = [reader.task for reader in self._readers if reader.task is not None]
        if self._event_log is not None and not self._event_log.done():
            self._event_log.cancel()
            tasks.append(self._event_log)
        await asyncio.gather(*tasks, return_exceptions=True)
        if (
            self._event_log is not None
            and not self._event_log.cancelled()
            and self._event_log.exception() is None
        ):
            await self._event_log.result().close()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()
