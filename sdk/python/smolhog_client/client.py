"""The client that programs use."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec

from smolhog_client.backoff import Backoff, FullJitter
from smolhog_client.connection import Clocks, Connection, ConnectionSettings
from smolhog_client.delivery import Delivery, DeliverySettings, QueuedEvent, Settlement, Submission
from smolhog_client.errors import (
    ClientClosedError,
    ClientError,
    InvalidEventError,
    UndeliveredError,
)
from smolhog_client.event import Event, encode_event
from smolhog_client.event_ids import EventIds
from smolhog_client.results import BatchResult, RejectedEvent

_log = logging.getLogger("smolhog_client")

_SDK = "smolhog-client-python/0.1.0"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Client:
    """Sends events to a SmolHog gateway: pipelined, acknowledged, with bounded memory.

    Use it with ``async with``, or call :meth:`open` and :meth:`close`. It belongs to one event loop.
    What waits is kept in memory and sent again over reconnects, until it is acknowledged.

    Args:
        url: of the gateway, e.g. ``wss://events.example.com``.
        write_key: of the project that the events belong to.
        max_in_flight: batches that may wait for their ack at once.
        batch_events: most events in one batch.
        linger_ms: how long a tracked event may wait for company before it is sent.
        queue_events: events held, waiting and in flight together; at this number callers wait.
        queue_bytes: the same in bytes of JSON.
        on_rejected: called with each event that the gateway will not store.
        backoff: how long to wait between attempts to connect, and after ``retry`` verdicts.
        ack_timeout: seconds after which a batch without ack is sent over another connection.
        keepalive: seconds between pings, and until an unanswered one ends the connection.
        close_timeout: seconds that ``close`` waits for what is still on its way.
        proxy: URL of an HTTP or SOCKS proxy.
        event_ids: makes the ids of events that have none.
        now: the wall clock, with its zone.
        sleep: waits between attempts to connect.
    """

    def __init__(
        self,
        url: str = "ws://127.0.0.1:8400",
        *,
        write_key: str,
        max_in_flight: int = 16,
        batch_events: int = 500,
        linger_ms: float = 20,
        queue_events: int = 20_000,
        queue_bytes: int = 64 * 1024 * 1024,
        on_rejected: Callable[[RejectedEvent], None] | None = None,
        backoff: Backoff | None = None,
        ack_timeout: float = 60.0,
        keepalive: float = 30.0,
        close_timeout: float = 10.0,
        proxy: str | None = None,
        event_ids: Callable[[], str] | None = None,
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        if min(max_in_flight, batch_events, queue_events, queue_bytes) < 1:
            raise ValueError("max_in_flight, batch_events, queue_events and queue_bytes must be at least 1")
        self._delivery = Delivery(
            DeliverySettings(batch_events, linger_ms / 1000, max_in_flight, queue_events, queue_bytes)
        )
        self._connection_settings = ConnectionSettings(
            _stream_url(url), write_key, _SDK, ack_timeout, keepalive, proxy
        )
        self._backoff = backoff or FullJitter()
        self._on_rejected = on_rejected
        self._close_timeout = close_timeout
        self._event_ids = event_ids or EventIds()
        self._now = now
        self._sleep = sleep
        self._intake = asyncio.Lock()
        self._progress = asyncio.Event()
        self._waiting: dict[Submission, asyncio.Future[None]] = {}
        self._connection: Connection | None = None
        self._runner: asyncio.Task[None] | None = None
        self._stopped: ClientError | None = ClientClosedError("the client is not open yet")
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the gateway has accepted the key and the connection stands."""
        return self._connected

    @property
    def pending(self) -> int:
        """Events that are neither acknowledged nor rejected."""
        return self._delivery.pending

    @property
    def last_failure(self) -> str | None:
        """Why the last attempt to connect failed; ``None`` after one that did not."""
        return None if self._connection is None else self._connection.last_failure

    async def open(self) -> None:
        """Start to connect, in the background. Events may be handed in at once."""
        if self._runner is not None:
            raise ClientClosedError("a client opens once; make another one")
        loop = asyncio.get_running_loop()
        self._connection = Connection(
            self._connection_settings,
            self._delivery,
            self,
            backoff=self._backoff,
            clocks=Clocks(loop.time, self._now, self._sleep),
        )
        self._stopped = None
        self._runner = loop.create_task(self._run(self._connection))

    async def ready(self) -> None:
        """Wait until the gateway has accepted the key.

        Raises:
            Unauthorized: it does not know the key.
        """
        while not self._connected:
            await self._wait_for_progress()

    async def track(
        self,
        event: str,
        distinct_id: str,
        properties: Mapping[str, Any] | None = None,
        *,
        timestamp: datetime | None = None,
        event_id: str | None = None,
        session_id: str | None = None,
    ) -> str:
        """Hand in one event; it is sent soon, together with others.

        Returns at once unless the queue is full, so it does not tell whether the event was stored:
        see ``on_rejected`` and :meth:`flush`.

        Returns:
            The event's id.

        Raises:
            InvalidEventError: the event cannot be written as JSON.
            ClientError: the client is closed or was refused; the event was not taken.
        """
        event_id = event_id or self._event_ids()
        built = Event(
            event=event,
            distinct_id=distinct_id,
            properties={} if properties is None else dict(properties),
            timestamp=timestamp or self._now(),
            event_id=event_id,
            session_id=session_id,
        )
        await self._hand_in([QueuedEvent(event_id, encode_event(built))])
        return event_id

    async def send_batch(self, events: Sequence[Event]) -> BatchResult:
        """Hand in events, at once and in this order, and wait for their verdicts.

        Any number of calls may wait side by side; that is what fills the pipeline. When cancelled,
        events already handed in are still sent.

        Raises:
            ClientError: the client was closed or refused before all verdicts came.
        """
        submission = Submission(len(events))
        queued = self._pack(events, submission)
        if not queued:
            return submission.result()
        self._raise_if_stopped()
        verdicts = asyncio.get_running_loop().create_future()
        self._waiting[submission] = verdicts
        try:
            await self._hand_in(queued)
            self._flush_linger()
            await verdicts
        finally:
            del self._waiting[submission]
        if submission.remaining:
            self._raise_if_stopped()
        return submission.result()

    async def flush(self) -> None:
        """Wait until everything handed in before this call is acknowledged or rejected.

        Raises:
            ClientError: the client was closed or refused before that.
        """
        epoch = self._flush_linger()
        while not self._delivery.is_settled(epoch):
            await self._wait_for_progress()

    async def close(self) -> None:
        """Flush within ``close_timeout`` seconds, then close. Calling it again does nothing.

        Raises:
            UndeliveredError: events were left over.
            GatewayRefusedError: they were, because the gateway refused us.
        """
        if self._runner is None or isinstance(self._stopped, ClientClosedError):
            return
        refusal: ClientError | None = None
        try:
            async with asyncio.timeout(self._close_timeout):
                await self.flush()
        except TimeoutError:
            _log.warning("smolhog: closing with %d events undelivered", self._delivery.pending)
        except ClientError as error:
            refusal = error
        finally:
            self._stop(ClientClosedError("the client is closed"))
            self._runner.cancel()
            await asyncio.wait([self._runner])
        if refusal is not None:
            raise refusal
        if self._delivery.pending:
            why = self.last_failure or f"no ack within {self._close_timeout:g} s"
            raise UndeliveredError(self._delivery.pending, why)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except ClientError as left_over:
            if error is None:
                raise
            # The body's own error is what its caller must see.
            _log.warning("smolhog: %s", left_over)

    def on_settlement(self, settlement: Settlement) -> None:
        """Hear from the connection that events were settled. Not for programs."""
        for submission in settlement.finished:
            self._release(submission)
        if settlement.rejected:
            self._report(settlement.rejected)
        self._progress.set()

    def on_connected(self, *, connected: bool) -> None:
        """Hear from the connection that it stands or fell. Not for programs."""
        self._connected = connected
        self._progress.set()

    def _pack(self, events: Sequence[Event], submission: Submission) -> list[QueuedEvent]:
        """Encode events; those that cannot be are rejected here, and their neighbours go on."""
        queued = []
        unwritable = []
        for index, event in enumerate(events):
            event_id = event.event_id
            if event_id is None:
                event_id = self._event_ids()
                event = msgspec.structs.replace(event, event_id=event_id)  # noqa: PLW2901 - never the caller's own
            try:
                queued.append(QueuedEvent(event_id, encode_event(event), submission, index))
            except InvalidEventError as error:
                unwritable.append(RejectedEvent(index, event_id, error.code, str(error)))
        if unwritable:
            submission.remaining -= len(unwritable)
            submission.rejected += unwritable
            self._report(unwritable)
        return queued

    async def _hand_in(self, events: Sequence[QueuedEvent]) -> None:
        # The lock keeps callers in line while they wait for room.
        async with self._intake:
            start = 0
            while start < len(events):
                self._raise_if_stopped()
                room = self._delivery.room
                if room <= 0:
                    await self._wait_for_progress()
                    continue
                taken = events[start : start + room]
                start += len(taken)
                now = asyncio.get_running_loop().time()
                self.on_settlement(self._delivery.hand_in(taken, now))
                self._wake()

    async def _wait_for_progress(self) -> None:
        self._raise_if_stopped()
        self._progress.clear()
        await self._progress.wait()

    def _flush_linger(self) -> int:
        epoch = self._delivery.flush()
        self._wake()
        return epoch

    def _wake(self) -> None:
        if self._connection is not None:
            self._connection.wake()

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            # A new object: one exception raised in many tasks would mix their tracebacks.
            raise _copy_of(self._stopped)

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        except ClientError as error:
            _log.error("smolhog: the gateway refused this client: %s", error)
            self._stop(error)
        except Exception as error:  # noqa: BLE001 - logged whole, and raised to every caller
            # Our own fault, not the network's: callers must hear of it instead of waiting for ever.
            _log.exception("smolhog: the client failed")
            self._stop(ClientClosedError(f"the client failed: {error!r}"))

    def _stop(self, why: ClientError) -> None:
        self._stopped = why
        for submission in list(self._waiting):
            self._release(submission)
        self._progress.set()

    def _release(self, submission: Submission) -> None:
        verdicts = self._waiting.get(submission)
        if verdicts is not None and not verdicts.done():
            verdicts.set_result(None)

    def _report(self, rejected: Sequence[RejectedEvent]) -> None:
        if self._on_rejected is None:
            _log.warning("smolhog: %d events rejected, the first: %s", len(rejected), rejected[0].message)
            return
        for event in rejected:
            try:
                self._on_rejected(event)
            except Exception:  # noqa: BLE001 - logged whole; it is the program's, and anything
                # A program's callback must not end the delivery of everything else.
                _log.exception("smolhog: on_rejected failed")


def _copy_of(error: ClientError) -> ClientError:
    copy = type(error).__new__(type(error), *error.args)
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    return copy


def _stream_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"url must be like ws://host:8400 or wss://host, not {url!r}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + "/v1/stream", "", ""))
