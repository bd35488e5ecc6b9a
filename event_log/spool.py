"""An event log that goes on taking messages while its broker is away.

SDKs give up after seconds, brokers restart for minutes. While the broker does not take a message, it
is appended to an embedded log on the gateway's own disk, fsynced, and so as durable as an append has
to be. Once the broker is back the spool is drained in order, and only then do new messages go
straight to it again: those of one partition keep their order.

A message whose confirmation got lost may go to the broker and to the spool; deduplication tells.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Self

import structlog

from event_log.errors import EventLogError, EventLogRefused, EventLogUnavailable
from event_log.port import EventLog, Message
from event_log.sqlite import SQLiteEventLog
from smolhog.file_lock import FileLock, FileLocked
from smolhog.metrics import SPOOL_BYTES, SPOOL_CAPACITY_BYTES, SPOOL_DRAINED, SPOOL_MESSAGES, SPOOLED

_log = structlog.get_logger()
_RETRY_SECONDS = 0.5
_MEASURE_SECONDS = 5.0
_TRIM_AGAIN_SECONDS = 1.0
# Deleting is a transaction; after a kill what was not deleted is sent again.
_TRIM_EVERY = 64


class SpooledEventLog:
    """An :class:`event_log.port.EventLog` in front of a broker's. Made by :meth:`open`.

    One process at a time may use a spool's folder.
    """

    def __init__(
        self, open_broker: Callable[[], Awaitable[EventLog]], spool: SQLiteEventLog, lock: FileLock
    ) -> None:
        self._open_broker = open_broker
        self._spool = spool
        self._lock = lock
        self._broker: EventLog | None = None
        self._opening = asyncio.Lock()
        self._pending = [0] * spool.partitions
        """Messages of each partition that are in the spool, or on their way into it."""
        self._next = [0] * spool.partitions
        """Offset of each partition's message in the spool that is sent next."""
        self._trimmed = [0] * spool.partitions
        """Offset below which each partition's messages were deleted."""
        self._spooled = [asyncio.Event() for _ in self._pending]
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        open_broker: Callable[[], Awaitable[EventLog]],
        folder: Path,
        *,
        partitions: int,
        capacity_bytes: int,
    ) -> Self:
        """Open the spool, and the broker in the background: it may be away.

        Args:
            open_broker: opens the broker's log; raises EventLogUnavailable while it is away.
            folder: of the spool; made if it is missing.
            partitions: of the broker's log.
            capacity_bytes: of the whole spool; beyond it appends raise EventLogFull.

        Raises:
            EventLogUnavailable: the folder cannot be written.
            EventLogRefused: another process uses the spool.
            EventLogCorrupt: the spool is damaged.
            PartitionCountMismatch: the spool is of a log with another number of partitions.
        """
        spool = await SQLiteEventLog.open(
            folder, partitions=partitions, capacity_bytes=capacity_bytes // partitions
        )
        try:
            lock = await asyncio.to_thread(FileLock, folder / "lock")
        except FileLocked as error:
            await spool.close()
            raise EventLogRefused(f"another gateway (pid {error.holder}) uses the spool {folder}") from error
        except OSError as error:
            await spool.close()
            raise EventLogUnavailable(f"{folder / 'lock'}: {error.strerror}") from error
        log = cls(open_broker, spool, lock)
        for partition in range(partitions):
            log._next[partition] = log._trimmed[partition] = await spool.oldest(partition)
            log._pending[partition] = await spool.end(partition) - log._next[partition]
            if log._pending[partition]:
                log._spooled[partition].set()
            log._tasks.append(asyncio.create_task(log._drain_forever(partition)))
            SPOOL_CAPACITY_BYTES.labels(str(partition)).set(capacity_bytes // partitions)
        log._tasks.append(asyncio.create_task(log._measure_forever()))
        SPOOL_MESSAGES.set(log.pending)
        return log

    @property
    def partitions(self) -> int:
        """The number of partitions."""
        return self._spool.partitions

    @property
    def log_id(self) -> int:
        """Which log this is: the broker's."""
        if self._broker is None:
            raise EventLogUnavailable("the broker was not reached yet")
        return self._broker.log_id

    @property
    def pending(self) -> int:
        """Messages that wait for the broker."""
        return sum(self._pending)

    async def append(self, partition: int, body: bytes) -> None:
        """Make a message durable, at the broker or in the spool.

        Raises:
            EventLogFull: the broker is away and the spool is full.
            EventLogUnavailable: the broker is away and the disk does not take it, either.
            MessageTooLarge: this body will never be taken.
        """
        if self._broker is not None and not self._pending[partition]:
            try:
                await self._broker.append(partition, body)
            except EventLogUnavailable as error:
                if not self._pending[partition]:
                    _log.warning("broker away, spooling", partition=partition, reason=str(error))
            else:
                return
        self._pending[partition] += 1
        try:
            await self._spool.append(partition, body)
        except BaseException:
            self._pending[partition] = max(0, self._pending[partition] - 1)
            self._spooled[partition].set()  # it may be in the spool all the same
            raise
        SPOOLED.inc()
        SPOOL_MESSAGES.set(self.pending)
        self._spooled[partition].set()

    def read(self, partition: int, from_offset: int) -> AsyncGenerator[Message, None]:
        """Read from the broker; what is spooled has no place in the log yet."""
        return self._reach_broker().read(partition, from_offset)

    async def end(self, partition: int) -> int:
        """Return the end of the broker's partition."""
        return await self._reach_broker().end(partition)

    async def oldest(self, partition: int) -> int:
        """Return the oldest message that the broker keeps of a partition."""
        return await self._reach_broker().oldest(partition)

    async def check(self) -> None:
        """Return if the broker answers, or else the disk does."""
        try:
            await self._reach_broker().check()
        except EventLogUnavailable:
            await self._spool.check()

    async def close(self) -> None:
        """Stop draining; what is spooled waits for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._spool.close()
        self._lock.release()
        if self._broker is not None:
            await self._broker.close()

    def _reach_broker(self) -> EventLog:
        if self._broker is None:
            raise EventLogUnavailable("the broker was not reached yet")
        return self._broker

    async def _opened_broker(self) -> EventLog:
        async with self._opening:
            while self._broker is None:
                try:
                    self._broker = await self._open_broker()
                except EventLogUnavailable as error:
                    _log.warning("broker away", reason=str(error))
                    await asyncio.sleep(_RETRY_SECONDS)
            return self._broker

    async def _measure_forever(self) -> None:
        while True:
            for partition in range(self.partitions):
                with contextlib.suppress(EventLogUnavailable):  # appends fail too, and say so
                    SPOOL_BYTES.labels(str(partition)).set(await self._spool.size_bytes(partition))
            await asyncio.sleep(_MEASURE_SECONDS)

    async def _drain_forever(self, partition: int) -> None:
        spooled = self._spooled[partition]
        try:
            broker = await self._opened_broker()
            while True:
                await spooled.wait()
                _log.info("draining spool", partition=partition, messages=self._pending[partition])
                while spooled.is_set():
                    await self._drain(broker, partition)
                _log.info("spool drained", partition=partition)
                await self._trim_later(partition)
        except EventLogError as error:
            _log.error("spool is not drained any more", partition=partition, reason=str(error))
            raise

    async def _drain(self, broker: EventLog, partition: int) -> None:
        """Send what is in the spool by now, in order; whatever comes meanwhile sets the event again."""
        self._spooled[partition].clear()
        try:
            end = await self._spool.end(partition)
            # A message whose append failed or was given up may be there, uncounted.
            self._pending[partition] = max(self._pending[partition], end - self._next[partition])
            async with contextlib.aclosing(self._spool.read(partition, self._next[partition])) as messages:
                while self._next[partition] < end:
                    message = await anext(messages)
                    await self._send(broker, partition, message)
                    self._next[partition] = message.offset + 1
                    if self._next[partition] % _TRIM_EVERY == 0 or self._next[partition] == end:
                        await self._trim(partition)
                    self._pending[partition] = max(0, self._pending[partition] - 1)
                    SPOOL_DRAINED.inc()
                    SPOOL_MESSAGES.set(self.pending)
        except EventLogUnavailable as error:
            # Not the broker, which is waited for, but the spool's own disk.
            _log.warning("spool cannot be read", partition=partition, reason=str(error))
            self._spooled[partition].set()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _trim(self, partition: int) -> None:
        """Delete what was sent, unless the disk is full: deleting takes room at first."""
        try:
            await self._spool.trim(partition, self._next[partition])
        except EventLogUnavailable as error:
            _log.warning("spool cannot be trimmed", partition=partition, reason=str(error))
        else:
            self._trimmed[partition] = self._next[partition]

    async def _trim_later(self, partition: int) -> None:
        """Try again until it is done, or until there is something to drain.

        What is left in the spool would be sent again after a restart.
        """
        spooled = self._spooled[partition]
        while self._trimmed[partition] < self._next[partition] and not spooled.is_set():
            try:
                async with asyncio.timeout(_TRIM_AGAIN_SECONDS):
                    await spooled.wait()
            except TimeoutError:
                await self._trim(partition)

    @staticmethod
    async def _send(broker: EventLog, partition: int, message: Message) -> None:
        while True:
            try:
                await broker.append(partition, message.body)
            except EventLogUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
