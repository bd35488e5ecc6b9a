"""Moves the batches of a :class:`~smolhog_client.delivery.Delivery` over WebSockets, one after another.

The rules are the delivery's; here are only sockets, clocks and the order of frames.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from smolhog_client.backoff import Backoff
from smolhog_client.delivery import Delivery, Settlement
from smolhog_client.errors import GatewayRefusedError, Unauthorized
from smolhog_client.frames import (
    Ack,
    Error,
    ServerFrame,
    SlowDown,
    Welcome,
    decode_server_frame,
    encode_batch,
    encode_hello,
)

_log = logging.getLogger("smolhog_client")

_UNAUTHORIZED = 4401
_FINAL_CLOSE_CODES = {
    1007: "invalid_utf8",
    1009: "frame_too_large",
    4400: "protocol_error",
}
"""Close codes after which the same frames would only close the next connection too."""
_LONGEST_PAUSE = 60.0
"""Seconds. A gateway that asks for more gets asked again after this."""


class AckOverdueError(Exception):
    """The gateway answers pings but does not acknowledge; another connection may fare better."""


class Listener(Protocol):
    """What the client wants to hear of its connection."""

    def on_settlement(self, settlement: Settlement) -> None:
        """Events were accepted, rejected or put back."""

    def on_connected(self, *, connected: bool) -> None:
        """The gateway has welcomed us, or is gone."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Where to connect, and how patient to be; times in seconds."""

    url: str
    """Of the stream itself, e.g. ``wss://events.example.com/v1/stream``."""
    write_key: str
    sdk: str
    ack_timeout: float
    keepalive: float
    """Between two pings, and until a missing pong ends the connection."""
    proxy: str | None
    open_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time as the connection needs it; tests give their own."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[Any]]


class Connection:
    """Keeps one WebSocket to the gateway and reconnects until it is cancelled or refused."""

    def __init__(
        self,
        settings: ConnectionSettings,
        delivery: Delivery,
        listener: Listener,
        *,
        backoff: Backoff,
        clocks: Clocks,
    ) -> None:
        self._settings = settings
        self._delivery = delivery
        self._listener = listener
        self._backoff = backoff
        self._clocks = clocks
        self._wake = asyncio.Event()
        self._acknowledged = False
        self._parting: Error | None = None
        self.last_failure: str | None = None
        """Why the last connection, or the last attempt at one, ended."""

    def wake(self) -> None:
        """Look at the delivery again: something was handed in or flushed."""
        self._wake.set()

    async def run(self) -> None:
        """Connect, deliver, reconnect; ends only by cancellation or refusal.

        Raises:
            GatewayRefusedError: the gateway will not take what we send, now or later.
            Unauthorized: it does not know the key.
        """
        attempt = 0
        while True:
            self._acknowledged, self._parting = False, None
            try:
                await self._run_once()
            except (OSError, WebSocketException, AckOverdueError) as error:
                refusal = _refusal_of(error, self._parting)
                if refusal is not None:
                    raise refusal from error
                self.last_failure = self._words_for(error)
            finally:
                self._delivery.disconnect()
                self._listener.on_connected(connected=False)
            # Only an ack proves that the gateway works; a welcome alone may come before each crash.
            attempt = 0 if self._acknowledged else attempt + 1
            delay = self._backoff.delay(attempt)
            _log.warning(
                "smolhog: connection lost, %d events wait, next try in %.1f s (%s)",
                self._delivery.pending,
                delay,
                self.last_failure,
            )
            await self._clocks.sleep(delay)

    def _words_for(self, error: Exception) -> str:
        return self._parting.message if self._parting else f"{type(error).__name__}: {error}"

    async def _run_once(self) -> None:
        settings = self._settings
        async with connect(
            settings.url,
            # Events are compressed in bulk further on; here it would cost more than the network.
            compression=None,
            open_timeout=settings.open_timeout,
            ping_interval=settings.keepalive,
            ping_timeout=settings.keepalive,
            close_timeout=1,
            proxy=settings.proxy,
            user_agent_header=settings.sdk,
        ) as socket:
            await socket.send(encode_hello(settings.write_key, settings.sdk), text=True)
            async with asyncio.timeout(settings.open_timeout):
                await self._receive_welcome(socket)
            try:
                await _first_failure(self._send(socket), self._receive(socket))
            except asyncio.CancelledError:
                # We leave in peace; left to itself the library would close with "internal error".
                await socket.close()
                raise

    async def _receive_welcome(self, socket: ClientConnection) -> None:
        while not self._handle(await socket.recv(decode=False)):
            pass

    async def _receive(self, socket: ClientConnection) -> None:
        while True:
            self._handle(await socket.recv(decode=False))

    async def _send(self, socket: ClientConnection) -> None:
        delivery, clocks = self._delivery, self._clocks
        while True:
            self._wake.clear()
            batch = delivery.next_batch(clocks.monotonic())
            if batch is None:
                await self._wait_for_work()
                continue
            frame = encode_batch(batch.batch_id, clocks.now(), [event.body for event in batch.events])
            await socket.send(frame, text=True)

    async def _wait_for_work(self) -> None:
        """Wait for input, or for the next time at which there may be a batch or an overdue ack."""
        now = self._clocks.monotonic()
        wake_at, oldest = self._delivery.wake_at(), self._delivery.oldest_sent
        if oldest is not None:
            overdue_at = oldest + self._settings.ack_timeout
            if now >= overdue_at:
                raise AckOverdueError(f"no ack within {self._settings.ack_timeout:g} s")
            wake_at = overdue_at if wake_at is None else min(wake_at, overdue_at)
        try:
            async with asyncio.timeout(None if wake_at is None else max(0.0, wake_at - now)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _handle(self, data: bytes) -> bool:
        """Act on one frame; tells whether it was the welcome."""
        try:
            frame = decode_server_frame(data)
        except msgspec.MsgspecError as error:
            # A newer gateway may say more than we understand; what we need, we would miss by timeout.
            _log.warning("smolhog: passed over a frame of the gateway: %s", error)
            return False
        if isinstance(frame, Ack):
            self._settled(self._delivery.acknowledge(frame.id, frame.results), frame)
        elif isinstance(frame, Welcome):
            self._settled(self._delivery.connect(frame.limits), frame)
            self.last_failure = None
            self._listener.on_connected(connected=True)
            return True
        elif isinstance(frame, SlowDown):
            self._pause(frame.retry_after_ms / 1000)
        elif isinstance(frame, Error):
            self._handle_error(frame)
        return False

    def _handle_error(self, frame: Error) -> None:
        if frame.fatal:
            # The close code that follows tells whether to come back; this says why in words.
            self._parting = frame
        elif frame.id is not None:
            self._settled(self._delivery.refuse(frame.id, frame.code, frame.message), frame)
        else:
            _log.warning("smolhog: the gateway complains: %s (%s)", frame.message, frame.code)

    def _settled(self, settlement: Settlement | None, frame: ServerFrame) -> None:
        if settlement is None:
            _log.warning("smolhog: the gateway speaks of a batch that is not in flight: %r", frame)
            return
        self._acknowledged = self._acknowledged or isinstance(frame, Ack)
        if settlement.retried:
            self._pause(self._backoff.delay(self._delivery.retry_streak - 1))
        self._listener.on_settlement(settlement)
        self._wake.set()

    def _pause(self, seconds: float) -> None:
        self._delivery.pause(self._clocks.monotonic() + min(seconds, _LONGEST_PAUSE))
        self._wake.set()


def _refusal_of(error: Exception, parting: Error | None) -> GatewayRefusedError | None:
    """Tell whether the end of a connection is final, and if so what to raise."""
    if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403):
        return Unauthorized("unauthorised", f"the gateway answered {error.response.status_code}")
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        close = error.rcvd.code
        message = parting.message if parting else error.rcvd.reason or f"closed with code {close}"
        if close == _UNAUTHORIZED:
            return Unauthorized("unauthorised", message)
        if close in _FINAL_CLOSE_CODES:
            return GatewayRefusedError(parting.code if parting else _FINAL_CLOSE_CODES[close], message)
    return None


async def _first_failure(*coroutines: Awaitable[None]) -> None:
    """Run endless coroutines side by side; when one fails, end the others and raise its error."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    # The receiver stands last: of two failures at once, it has the close code.
    for task, result in reversed(list(zip(tasks, results, strict=True))):
        if task in done and isinstance(result, BaseException):
            raise result
