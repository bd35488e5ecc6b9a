"""What both clients are made of: events in, verdicts out, on one event loop."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from smolhog_client.connection import Connection
from smolhog_client.delivery import Delivery
from smolhog_client.disk_intake import DiskIntake
from smolhog_client.disk_queue import DiskQueue
from smolhog_client.endpoint import Endpoint
from smolhog_client.errors import ClientClosedError, ClientError, UndeliveredError, copy_of
from smolhog_client.intake import Intake, MemoryIntake, Way
from smolhog_client.options import Settings
from smolhog_client.outlet import Clocks, Outlet
from smolhog_client.overflow import Drops
from smolhog_client.queued import QueuedEvent, Settlement, Submission
from smolhog_client.rejections import Rejections

_log = logging.getLogger("smolhog_client")


class Engine:
    """Takes encoded events and delivers them. Opens once; belongs to the loop that opens it."""

    def __init__(self, endpoint: Endpoint, settings: Settings, drops: Drops) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._drops = drops
        self.rejections = Rejections(settings.on_rejected)
        """Tells the program of events that will not be stored."""
        self._delivery = Delivery(settings.delivery)
        self._progress = asyncio.Event()
        self._waiting: dict[Submission, asyncio.Future[None]] = {}
        self._outlet: Outlet
        self._connection: Connection | None = None
        self._intake: Intake
        self._disk: DiskIntake | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped: ClientError | None = ClientClosedError("the client is not open yet")
        self.connected = False
        """Whether the gateway has accepted the key and the connection stands."""

    @property
    def pending(self) -> int:
        """Events that are neither acknowledged nor rejected."""
        return self._delivery.pending + (0 if self._disk is None else self._disk.waiting)

    @property
    def in_line(self) -> int:
        """Events whose callers wait for room."""
        return 0 if self._connection is None else self._intake.in_line

    @property
    def is_http(self) -> bool:
        """Whether events go over HTTP now."""
        return self._connection is not None and self._connection.is_http

    @property
    def last_failure(self) -> str | None:
        """Why there is no connection, if there is none."""
        return None if self._connection is None or self.connected else self._connection.last_failure

    def file_descriptors(self) -> list[int]:
        """Tell which sockets are open, for a forked child to let go of."""
        return [] if self._connection is None else self._connection.file_descriptors()

    def leave_to_parent(self) -> None:
        """Forget the disk queue in a forked child."""
        if self._disk is not None:
            self._disk.leave_to_parent()

    def open(self) -> None:
        """Start to connect, in the background. Called on the loop.

        Raises:
            DiskQueueError: the disk queue cannot be opened.
        """
        if self._connection is not None:
            raise ClientClosedError("a client opens once; make another one")
        loop = asyncio.get_running_loop()
        settings = self._settings
        way = Way(self._delivery, self._drops, self.on_settlement, self._wait_for_progress, loop.time)
        if settings.disk_queue is None:
            self._intake = MemoryIntake(way, settings.overflow)
        else:
            path = Path(settings.disk_queue)
            queue = DiskQueue(path, settings.disk_events, settings.disk_bytes)
            self._intake = self._disk = DiskIntake(way, settings.overflow, queue)
        self._outlet = Outlet(
            self._delivery,
            self,
            settings.backoff,
            Clocks(loop.time, settings.now, settings.sleep),
            settings.ack_timeout,
        )
        self._connection = Connection(
            self._endpoint, self._outlet, backoff=settings.backoff, transport=settings.transport
        )
        self._stopped = None
        self._tasks = [loop.create_task(self._run(self._connection.run()))]
        if self._disk is not None:
            self._tasks.append(loop.create_task(self._run(self._disk.run())))

    def join(self, event: QueuedEvent) -> bool:
        """Take one event at once, if it only joins others that wait to be sent; the connection sleeps on.

        Where it is not taken, ``take`` takes it.
        """
        return self._stopped is None and self._intake.join(event)

    async def take(self, events: Sequence[QueuedEvent]) -> None:
        """Take events as soon as there is room.

        Raises:
            ClientError: the client is closed or was refused; they were not taken.
        """
        self._raise_if_stopped()
        await self._intake.take(events)

    async def submit(self, events: Sequence[QueuedEvent], submission: Submission) -> None:
        """Take events that belong to ``submission``, and wait until nothing of it remains.

        Raises:
            ClientError: the client was closed or refused before all verdicts came.
        """
        self._raise_if_stopped()
        verdicts = asyncio.get_running_loop().create_future()
        self._waiting[submission] = verdicts
        try:
            await self._intake.take(events)
            self._end_linger()
            await verdicts
        finally:
            del self._waiting[submission]
        if submission.remaining:
            self._raise_if_stopped()

    async def ready(self) -> None:
        """Wait until the gateway has accepted the key."""
        while not self.connected:
            await self._wait_for_progress()

    async def flush(self) -> None:
        """Wait until everything taken before this call is acknowledged, rejected or dropped."""
        if self._connection is not None:
            await self._intake.hand_over()
        epoch = self._end_linger()
        while not self._delivery.is_settled(epoch):
            await self._wait_for_progress()

    async def close(self, within: float | None = None) -> None:
        """Flush within ``within`` seconds, or else ``close_timeout``, then close; again, it does nothing.

        Raises:
            UndeliveredError: events were left over, and in memory only.
            GatewayRefusedError: they were, because the gateway refused us.
        """
        if not self._tasks or isinstance(self._stopped, ClientClosedError):
            return
        refusal: ClientError | None = None
        seconds = self._settings.close_timeout if within is None else within
        try:
            async with asyncio.timeout(seconds):
                await self.flush()
        except TimeoutError:
            _log.warning("smolhog: closing with %d events undelivered", self.pending)
        except ClientError as error:
            refusal = error
        finally:
            self._stop(ClientClosedError("the client is closed"))
            await self._end_tasks()
        if refusal is not None:
            raise refusal
        if self._disk is None and self._delivery.pending:
            why = self._connection.last_failure if self._connection else None
            why = why or f"no ack within {seconds:g} s"
            raise UndeliveredError(self._delivery.pending, why)

    def on_settlement(self, settlement: Settlement) -> None:
        """Hear that events were settled or taken."""
        for submission in settlement.finished:
            self._release(submission)
        if settlement.rejected:
            self.rejections.report(settlement.rejected)
        if settlement.rows:
            self._intake.settled(settlement.rows)
        self._progress.set()
        self._outlet.wake()

    def on_connected(self, *, connected: bool) -> None:
        """Hear that the connection stands or fell."""
        self.connected = connected
        self._progress.set()

    async def _wait_for_progress(self) -> None:
        self._raise_if_stopped()
        self._progress.clear()
        await self._progress.wait()
        self._raise_if_stopped()

    def _end_linger(self) -> int:
        epoch = self._delivery.flush()
        if self._connection is not None:
            self._outlet.wake()
        return epoch

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            # A new object: one exception raised in many tasks would mix their tracebacks.
            raise copy_of(self._stopped)

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ClientError as error:
            _log.error("smolhog: this client cannot go on: %s", error)
            self._stop(error)
        except Exception as error:  # noqa: BLE001 - logged whole, and raised to every caller
            # Our own fault, not the network's: callers must hear of it instead of waiting for ever.
            _log.exception("smolhog: the client failed")
            self._stop(ClientClosedError(f"the client failed: {error!r}"))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._disk is not None:
            await self._disk.close()
            if self.pending:
                _log.info("smolhog: %d events wait on disk for the next process", self.pending)

    def _stop(self, why: ClientError) -> None:
        self._stopped = why
        for submission in list(self._waiting):
            self._release(submission)
        self._progress.set()

    def _release(self, submission: Submission) -> None:
        verdicts = self._waiting.get(submission)
        if verdicts is not None and not verdicts.done():
            verdicts.set_result(None)
