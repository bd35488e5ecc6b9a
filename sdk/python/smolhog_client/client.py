"""The client for asyncio programs."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, Unpack

from smolhog_client.endpoint import parse_endpoint
from smolhog_client.engine import Engine
from smolhog_client.errors import ClientError
from smolhog_client.event import Event
from smolhog_client.identity import (
    Named,
    alias_event,
    group_event,
    identify_event,
    page_event,
    screen_event,
)
from smolhog_client.options import Options, Settings
from smolhog_client.overflow import Drops
from smolhog_client.packing import Packer
from smolhog_client.queued import Submission
from smolhog_client.results import BatchResult

_log = logging.getLogger("smolhog_client")

SDK = "smolhog-client-python/0.1.0"
"""How this client calls itself to gateways."""


class Client:
    """Sends events to a SmolHog gateway: pipelined, acknowledged, with bounded memory.

    Use it with ``async with``, or call :meth:`open` and :meth:`close`. It belongs to one event loop.
    What waits is kept in memory, or on disk with ``disk_queue``, and sent again over reconnects,
    until it is acknowledged.

    Args:
        url: of the gateway, e.g. ``wss://events.example.com``.
        write_key: of the project that the events belong to.
        options: :class:`~smolhog_client.options.Options`.
    """

    def __init__(
        self, url: str = "ws://127.0.0.1:8400", *, write_key: str, **options: Unpack[Options]
    ) -> None:
        settings = Settings(**options)
        self._drops = Drops(settings.on_dropped)
        self._packer = Packer(settings.event_ids, settings.now, settings.super_properties)
        self._engine = Engine(parse_endpoint(url, write_key, SDK, settings), settings, self._drops)

    @property
    def connected(self) -> bool:
        """Whether the gateway has accepted the key and the connection stands."""
        return self._engine.connected

    @property
    def is_http(self) -> bool:
        """Whether events go over HTTP now, because no WebSocket comes through."""
        return self._engine.is_http

    @property
    def pending(self) -> int:
        """Events that are neither acknowledged nor rejected."""
        return self._engine.pending

    @property
    def dropped(self) -> int:
        """Events thrown away for want of room."""
        return self._drops.count

    @property
    def last_failure(self) -> str | None:
        """Why there is no connection; ``None`` while there is one."""
        return self._engine.last_failure

    async def open(self) -> None:
        """Start to connect, in the background. Events may be handed in at once."""
        self._engine.open()

    async def ready(self) -> None:
        """Wait until the gateway has accepted the key.

        Raises:
            Unauthorized: it does not know the key.
        """
        await self._engine.ready()

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

        Returns at once unless the queue is full (and, with a disk queue, once the event is on disk),
        so it does not tell whether the event was stored: see ``on_rejected`` and :meth:`flush`.

        Returns:
            The event's id.

        Raises:
            InvalidEventError: the event cannot be written as JSON.
            ClientError: the client is closed or was refused; the event was not taken.
        """
        queued = self._packer.tracked(event, distinct_id, properties, timestamp, event_id, session_id)
        if not self._engine.join(queued):
            await self._engine.take([queued])
        return queued.event_id

    async def identify(
        self,
        distinct_id: str,
        properties: Mapping[str, Any] | None = None,
        *,
        set_once: Mapping[str, Any] | None = None,
        anonymous_id: str | None = None,
    ) -> str:
        """Say who somebody is.

        Args:
            distinct_id: known now, e.g. after a login.
            properties: of the person; they replace earlier ones of the same name.
            set_once: of the person; they stand only where there are none of the same name.
            anonymous_id: what the same person's events were sent under before.
        """
        return await self._track_named(identify_event(distinct_id, properties, set_once, anonymous_id))

    async def alias(self, distinct_id: str, alias: str) -> str:
        """Say that two ids are one person."""
        return await self._track_named(alias_event(distinct_id, alias))

    async def group(
        self, distinct_id: str, group_type: str, group_key: str, properties: Mapping[str, Any] | None = None
    ) -> str:
        """Say that somebody belongs to a group, e.g. ``company``, and what is known of the group."""
        return await self._track_named(group_event(distinct_id, group_type, group_key, properties))

    async def page(self, distinct_id: str, url: str, properties: Mapping[str, Any] | None = None) -> str:
        """Say that somebody saw a page."""
        return await self._track_named(page_event(distinct_id, url, properties))

    async def screen(self, distinct_id: str, name: str, properties: Mapping[str, Any] | None = None) -> str:
        """Say that somebody saw a screen of an app."""
        return await self._track_named(screen_event(distinct_id, name, properties))

    def register(self, properties: Mapping[str, Any]) -> None:
        """Add properties to every event tracked from now on; the event's own come first."""
        self._packer.register(properties)

    def unregister(self, name: str) -> None:
        """Add such a property no more."""
        self._packer.unregister(name)

    async def send_batch(self, events: Sequence[Event]) -> BatchResult:
        """Hand in events as they are, at once and in this order, and wait for their verdicts.

        Any number of calls may wait side by side; that is what fills the pipeline. When cancelled,
        events already handed in are still sent. A dropped event's verdict is ``dropped``.

        Raises:
            ClientError: the client was closed or refused before all verdicts came.
        """
        submission = Submission(len(events))
        queued, unwritable = self._packer.prebuilt(events, submission)
        if unwritable:
            self._engine.rejections.report(unwritable)
        if queued:
            await self._engine.submit(queued, submission)
        return submission.result()

    async def flush(self) -> None:
        """Wait until everything handed in before this call is acknowledged or rejected.

        Raises:
            ClientError: the client was closed or refused before that.
        """
        await self._engine.flush()

    async def close(self) -> None:
        """Flush within ``close_timeout`` seconds, then close. Calling it again does nothing.

        Raises:
            UndeliveredError: events were left over, and there is no disk queue that keeps them.
            GatewayRefusedError: they were, because the gateway refused us.
        """
        await self._engine.close()

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

    async def _track_named(self, named: Named) -> str:
        return await self.track(*named)
