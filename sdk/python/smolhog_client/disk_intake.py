"""The way of events into the delivery by way of the disk: what was taken survives the process."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from smolhog_client.disk_queue import DiskQueue
from smolhog_client.errors import DiskQueueError
from smolhog_client.intake import Way
from smolhog_client.overflow import Overflow, settle_dropped
from smolhog_client.queued import QueuedEvent, Settlement, Submission
from smolhog_client.worker import Worker

_log = logging.getLogger("smolhog_client")

_READ_AT_ONCE = 2000
_SECONDS_BETWEEN_ADOPTIONS = 10.0


class _Request:
    """Events of one caller, and how far they are."""

    __slots__ = ("done", "events", "start")

    def __init__(self, events: Sequence[QueuedEvent], done: asyncio.Future[None]) -> None:
        self.events = events
        self.start = 0
        self.done = done


class DiskIntake:
    """Stores events, then reads them into the delivery as it has room; deletes them when settled.

    Callers that come at the same time share a transaction. Give :meth:`run` a task.

    Args:
        way: to the delivery.
        overflow: what to do when the disk queue is full.
        queue: open; closed by :meth:`close`.
    """

    def __init__(self, way: Way, overflow: Overflow, queue: DiskQueue) -> None:
        self._way = way
        self._delivery = way.delivery
        self._overflow = overflow
        self._queue = queue
        self._worker = Worker("smolhog-disk")
        self._requests: deque[_Request] = deque()
        self._submissions: dict[int, tuple[Submission, int]] = {}
        self._settled: list[int] = []
        self._work = asyncio.Event()
        self._read_row = 0
        self._unread = 0
        self._is_full = False

    @property
    def waiting(self) -> int:
        """Events on disk that are not in the delivery yet."""
        return self._unread

    @property
    def in_line(self) -> int:
        """Events that are not on disk yet."""
        return sum(len(request.events) - request.start for request in self._requests)

    def join(self, event: QueuedEvent) -> bool:  # noqa: ARG002 - the protocol's
        """Never: the disk must be waited for."""
        return False

    async def take(self, events: Sequence[QueuedEvent]) -> None:
        """Return once the events are on disk, or dropped as the policy says.

        Raises:
            DiskQueueError: the disk is full or broken.
        """
        if not events:
            return
        request = _Request(events, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._work.set()
        await request.done

    async def hand_over(self) -> None:
        """Wait until everything stored so far is in the delivery."""
        last = self._queue.last_row
        while self._read_row < last and self._unread:
            await self._way.progress()

    def settled(self, rows: Sequence[int]) -> None:
        """Delete rows with the next transaction."""
        self._settled += rows
        self._work.set()

    async def run(self) -> None:
        """Store, read and delete until cancelled."""
        adopted_at = float("-inf")
        while True:
            self._work.clear()
            now = self._way.seconds()
            if now >= adopted_at + _SECONDS_BETWEEN_ADOPTIONS:
                adopted_at = now
                self._is_full = False  # Another process may have made room.
                await self._adopt()
            if self._settled or (self._requests and not self._is_full):
                await self._write()
            elif self._unread and self._delivery.room > 0:
                await self._read()
            else:
                await self._wait(adopted_at + _SECONDS_BETWEEN_ADOPTIONS - now)

    async def close(self) -> None:
        """Delete what is settled, and leave the rest to the next process."""
        try:
            settled, self._settled = self._settled, []
            await self._worker.call(lambda: self._queue.write((), settled))
        finally:
            self._stop_requests()
            await self._worker.call(self._queue.close)
            self._worker.stop()

    def leave_to_parent(self) -> None:
        """Forget it all in a forked child."""
        self._queue.leave_to_parent()

    def _stop_requests(self) -> None:
        for request in self._requests:
            if not request.done.done():
                request.done.set_exception(DiskQueueError("the client closed before the event was stored"))
        self._requests.clear()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._work.wait()
        except TimeoutError:
            return

    async def _adopt(self) -> None:
        try:
            count = await self._worker.call(self._queue.adopt)
        except DiskQueueError as error:
            _log.warning("smolhog: %s", error)
            return
        if count:
            _log.info("smolhog: %d events of an earlier process go on their way", count)
            self._unread += count

    async def _write(self) -> None:
        settled, self._settled = self._settled, []
        requests = list(self._requests)
        events = [event for request in requests for event in request.events[request.start :]]
        try:
            rows = await self._worker.call(lambda: self._queue.write(events, settled))
        except DiskQueueError as error:
            _log.error("smolhog: %s", error)
            self._fail(requests, error)
            return
        self._unread += len(rows)
        self._is_full = len(rows) < len(events)
        for event, row in zip(events, rows, strict=False):
            if event.submission is not None:
                self._submissions[row] = (event.submission, event.index)
        self._answer(requests, len(rows))
        if self._is_full and self._overflow != "block":
            await self._drop(len(events) - len(rows))

    def _answer(self, requests: list[_Request], stored: int) -> None:
        """Tell callers whose events are all stored; the others stay in line."""
        for request in requests:
            taken = min(stored, len(request.events) - request.start)
            request.start += taken
            stored -= taken
            if request.start < len(request.events):
                return
            self._requests.popleft()
            if not request.done.done():
                request.done.set_result(None)

    def _fail(self, requests: list[_Request], error: DiskQueueError) -> None:
        for request in requests:
            self._requests.remove(request)
            if not request.done.done():
                request.done.set_exception(DiskQueueError(*error.args))

    async def _drop(self, count: int) -> None:
        """Make room for ``count`` events, or throw that many new ones away."""
        settlement = Settlement()
        if self._overflow == "drop_oldest":
            for event in await self._worker.call(lambda: self._queue.read(self._read_row, count)):
                self._rejoin(event)
                settle_dropped(event, settlement)
                self._read_row = event.row
                self._unread -= 1
        if not settlement.dropped:
            while self._requests:
                request = self._requests.popleft()
                for event in request.events[request.start :]:
                    settle_dropped(event, settlement)
                if not request.done.done():
                    request.done.set_result(None)
        self._is_full = False
        self._way.drops.add(settlement.dropped)
        self._way.on_settlement(settlement)
        self._work.set()

    async def _read(self) -> None:
        after, count = self._read_row, min(self._delivery.room, _READ_AT_ONCE)
        try:
            events = await self._worker.call(lambda: self._queue.read(after, count))
        except DiskQueueError as error:
            _log.error("smolhog: %s", error)
            await self._wait(1.0)
            return
        for event in events:
            self._rejoin(event)
        # Whatever another process did to the file: an empty answer means that nothing is unread.
        self._unread = max(0, self._unread - len(events)) if events else 0
        if events:
            self._read_row = events[-1].row
        self._way.on_settlement(self._delivery.hand_in(events, self._way.seconds()))

    def _rejoin(self, event: QueuedEvent) -> None:
        """Tie an event read from disk to the caller that waits for its verdict, if there is one."""
        event.submission, event.index = self._submissions.pop(event.row, (None, 0))
