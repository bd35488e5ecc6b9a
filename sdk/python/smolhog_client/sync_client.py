"""The client for programs without asyncio: any thread, any forked process."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, Unpack

from smolhog_client import forks
from smolhog_client.background import Background
from smolhog_client.client import SDK
from smolhog_client.endpoint import parse_endpoint
from smolhog_client.engine import Engine
from smolhog_client.errors import ClientClosedError, ClientError, UndeliveredError, copy_of
from smolhog_client.event import Event
from smolhog_client.inbox import Inbox
from smolhog_client.named_calls import NamedCalls
from smolhog_client.options import Options, Settings
from smolhog_client.overflow import Drops
from smolhog_client.packing import Packer
from smolhog_client.queued import Submission
from smolhog_client.results import BatchResult

_log = logging.getLogger("smolhog_client")

_GATHER_SECONDS = 0.005
"""How long events gather before the loop takes them: waking it for each would cost more than the event."""


class SyncClient(NamedCalls):
    """Sends events from any thread, by a background thread that starts with the first event.

    Use it with ``with``, or call :meth:`close`; what is left is flushed at exit. After a fork the
    child begins with an empty queue and a connection of its own; the parent sends what it had.

    Args:
        url: of the gateway, e.g. ``https://events.example.com``.
        write_key: of the project that the events belong to.
        options: :class:`~smolhog_client.options.Options`. Callbacks are called on the background thread.
    """

    def __init__(
        self, url: str = "ws://127.0.0.1:8400", *, write_key: str, **options: Unpack[Options]
    ) -> None:
        settings = Settings(**options)
        self._endpoint = parse_endpoint(url, write_key, SDK, settings)
        # Half of the bound for what waits for the loop, half for what waits for the gateway.
        self._settings = settings.halved()
        self._drops = Drops(settings.on_dropped)
        self._packer = Packer(settings.event_ids, settings.now, settings.super_properties)
        self._is_closed = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        settings = self._settings
        self._starting = threading.Lock()
        self._packing = threading.Lock()
        self._background: Background | None = None
        self._arrived = asyncio.Event()
        self._inbox = Inbox(settings.queue_events, settings.queue_bytes, settings.overflow, self._drops)
        self._closed_by: ClientError = ClientClosedError("the client is closed")

    @property
    def connected(self) -> bool:
        """Whether the gateway has accepted the key and the connection stands."""
        return self._background is not None and self._background.engine.connected

    @property
    def is_http(self) -> bool:
        """Whether events go over HTTP now, because no WebSocket comes through."""
        return self._background is not None and self._background.engine.is_http

    @property
    def pending(self) -> int:
        """Events that are neither acknowledged nor rejected, about."""
        return len(self._inbox) + (0 if self._background is None else self._background.engine.pending)

    @property
    def dropped(self) -> int:
        """Events thrown away for want of room."""
        return self._drops.count

    def ready(self, timeout: float | None = None) -> None:
        """Wait until the gateway has accepted the key.

        Raises:
            Unauthorized: it does not know the key.
            TimeoutError: it took longer.
        """
        background = self._started()
        background.run(background.engine.ready(), timeout)

    def track(
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

        Returns at once unless the queue is full (and, with a disk queue, once the event is on disk).

        Returns:
            The event's id.

        Raises:
            InvalidEventError: the event cannot be written as JSON.
            ClientError: the client is closed or was refused; the event was not taken.
        """
        background = self._background or self._started()
        arguments = (event, distinct_id, properties, timestamp, event_id, session_id)
        if self._settings.disk_queue is not None:
            return self._store(background, arguments)
        put = self._inbox.put(self._packer.tracked, arguments, background.may_wait)
        if put is None:
            raise copy_of(self._closed_by)
        queued, was_empty = put
        if was_empty:
            background.loop.call_soon_threadsafe(self._arrived.set)
        return queued.event_id

    def register(self, properties: Mapping[str, Any]) -> None:
        """Add properties to every event tracked from now on; the event's own come first."""
        self._packer.register(properties)

    def unregister(self, name: str) -> None:
        """Add such a property no more."""
        self._packer.unregister(name)

    def send_batch(self, events: Sequence[Event], timeout: float | None = None) -> BatchResult:
        """Hand in events as they are, and wait for their verdicts.

        Raises:
            ClientError: the client was closed or refused before all verdicts came.
            TimeoutError: it took longer; what was handed in is still sent.
        """
        background = self._started()
        submission = Submission(len(events))
        with self._packing:
            queued, unwritable = self._packer.prebuilt(events, submission)
        if unwritable:
            background.engine.rejections.report(unwritable)
        if queued:
            background.run(background.engine.submit(queued, submission), timeout)
        return submission.result()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything handed in before this call is acknowledged, rejected or dropped.

        Raises:
            ClientError: the client was closed or refused before that.
            TimeoutError: it took longer; delivery goes on.
        """
        background = self._started()
        background.run(self._flush(background.engine), timeout)

    def close(self) -> None:
        """Flush within ``close_timeout`` seconds, then close. Calling it again does nothing.

        Raises:
            UndeliveredError: events were left over, and there is no disk queue that keeps them.
            GatewayRefusedError: they were, because the gateway refused us.
        """
        with self._starting:
            background, self._background = self._background, None
            self._is_closed = True
        self._inbox.close()
        if background is None:
            return
        left = 0
        try:
            background.run(self._flush(background.engine), self._settings.close_timeout)
        except TimeoutError:
            left = len(self._inbox) + background.engine.in_line + background.engine.pending
        except ClientError as error:
            _log.warning("smolhog: not flushed: %s", error)
        finally:
            try:
                background.close(0.0 if left else self._settings.close_timeout)
            except UndeliveredError as error:
                raise UndeliveredError(max(left, error.count), error.why) from None

    def leave_to_parent(self) -> None:
        """Begin anew in a forked child; called by :mod:`smolhog_client.forks`."""
        if self._background is not None:
            self._background.leave_to_parent()
        self._packer.restart_ids()
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except ClientError as left_over:
            if error is None:
                raise
            # The body's own error is what its caller must see.
            _log.warning("smolhog: %s", left_over)

    def _started(self) -> Background:
        with self._starting:
            if self._is_closed:
                raise ClientClosedError("the client is closed")
            if self._background is None:
                self._background = Background(
                    lambda: Engine(self._endpoint, self._settings, self._drops), self._serve
                )
            return self._background

    async def _serve(self, engine: Engine) -> None:
        """Carry events from the inbox to the engine, until cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._arrived.clear()
            await self._hand_over(engine)

    async def _hand_over(self, engine: Engine) -> None:
        events = self._inbox.take_all()
        try:
            await engine.take(events)
        except ClientError as error:
            _log.warning("smolhog: %d events were not taken: %s", len(events), error)
            self._closed_by = error
            self._inbox.close()

    async def _flush(self, engine: Engine) -> None:
        # What has left the inbox must reach the engine, also when the caller's time is over.
        await asyncio.shield(asyncio.ensure_future(self._hand_over(engine)))
        await engine.flush()

    def _store(self, background: Background, arguments: tuple[Any, ...]) -> str:
        """Take one event, and return when it is on disk."""
        with self._packing:
            queued = self._packer.tracked(*arguments)
        background.run(background.engine.take([queued]))
        return queued.event_id
