"""One AMQP connection with one channel that confirms, opened when needed and again after a failure.

aio-pika's own robust connection also reconnects, but a publish during an outage waits for it
instead of failing, and what a caller of the event log needs is a prompt "unavailable".
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aiormq import Channel
from aiormq.exceptions import AuthenticationError, ProbableAuthenticationError

from event_log.errors import EventLogClosed, EventLogError, EventLogRefused, EventLogUnavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How to reach the broker.

    Attributes:
        url: `amqp://` or `amqps://`, with credentials and virtual host.
        timeout: seconds for one exchange with the broker: a connect, a confirmed publish, a declare.
        reconnect_delay: seconds in which no second connect is tried after one failed.
        heartbeat: seconds; an idle connection whose peer fell silent is given up after about
            three of them.
    """

    url: str
    timeout: float = 5.0
    reconnect_delay: float = 0.25
    heartbeat: int = 10


@contextmanager
def unavailable_on_failure(doing: str) -> Iterator[None]:
    """Turn whatever the AMQP client raises into `EventLogUnavailable`.

    The client rejects calls in flight on a dead connection with the reason of its death, which
    can be any exception, a bare `CancelledError` included although nobody cancelled the caller.
    """
    try:
        yield
    except EventLogError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise EventLogUnavailable(f"{doing}: the connection was closed") from error
    except TimeoutError as error:
        raise EventLogUnavailable(f"{doing}: no answer in time") from error
    except Exception as error:
        raise EventLogUnavailable(f"{doing}: {error!r}") from error


class Link:
    """A connection and its channel, shared by everybody who calls `channel()`."""

    def __init__(self, settings: LinkSettings, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._connecting = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        self._retry_at = 0.0
        self._closed = False
        self._closings: set[asyncio.Task[None]] = set()

    async def channel(self) -> Channel:
        """Return the open channel; connect first if there is none.

        Raises:
            EventLogUnavailable: the broker cannot be reached, or could not a moment ago.
            EventLogRefused: the broker does not take the credentials.
        """
        channel = self._channel
        if channel is not None and not channel.is_closed:
            return channel
        async with self._connecting:
            if self._closed:
                raise EventLogClosed
            if self._channel is not None and not self._channel.is_closed:
                return self._channel
            self.drop(self._channel)
            loop = asyncio.get_running_loop()
            if loop.time() < self._retry_at:
                raise EventLogUnavailable("connecting to the broker failed a moment ago")
            try:
                self._channel = await self._connect()
            except BaseException:
                self._retry_at = loop.time() + self._settings.reconnect_delay
                raise
            return self._channel

    async def _connect(self) -> Channel:
        settings = self._settings
        with unavailable_on_failure("connecting to the broker"):
            try:
                async with asyncio.timeout(settings.timeout):
                    connection = await aio_pika.connect(
                        settings.url,
                        heartbeat=settings.heartbeat,
                        client_properties={"connection_name": self._name},
                    )
                    self._connection = connection
                    channel = connection.channel(publisher_confirms=True, on_return_raises=True)
                    await channel.initialize()
                    underlay = await channel.get_underlay_channel()
                    assert isinstance(underlay, Channel)
                    return underlay
            except (AuthenticationError, ProbableAuthenticationError) as error:
                raise EventLogRefused(f"the broker refused the connection: {error}") from error
            except Exception as error:
                if "Connection.OpenOk" not in repr(error):
                    raise
                # What the client makes of a broker that closes instead of opening: no such virtual
                # host, or one that shuts down. The client hides which, so it counts as retryable.
                raise EventLogUnavailable(
                    "the broker closed the connection at once: check the virtual host"
                ) from error

    def drop(self, channel: Channel | None) -> None:
        """Give up the connection that `channel` belongs to; the next call makes a new one.

        Called with the channel that failed, so that the callers whose appends died together with
        it do not each tear down the connection that one of them has made since.
        """
        if channel is not self._channel:
            return
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            # A peer that fell silent answers no goodbye: nobody waits for one.
            task = asyncio.create_task(self._close_quietly(connection))
            self._closings.add(task)
            task.add_done_callback(self._closings.discard)

    async def _close_quietly(self, connection: AbstractConnection) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout):
                await connection.close()
        except Exception as error:  # noqa: BLE001 - the connection is given up whatever its state was
            log.debug("event_log.connection_close_failed", connection=self._name, error=repr(error))

    async def close(self) -> None:
        """Close the connection for good."""
        self._closed = True
        self.drop(self._channel)
        if self._closings:
            await asyncio.wait(self._closings)
