"""Keeps a session with the gateway: reconnects, and takes HTTP where no WebSocket comes through."""

import logging

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)

from smolhog_client.backoff import Backoff
from smolhog_client.endpoint import Endpoint
from smolhog_client.errors import GatewayRefusedError, Unauthorized
from smolhog_client.frames import Error
from smolhog_client.http_session import HttpSession
from smolhog_client.options import Transport
from smolhog_client.outlet import AckOverdueError, Outlet
from smolhog_client.stream_session import StreamSession

_log = logging.getLogger("smolhog_client")

_UNAUTHORIZED = 4401
_FINAL_CLOSE_CODES = {
    1007: "invalid_utf8",
    1009: "frame_too_large",
    4400: "protocol_error",
    4403: "origin_refused",
}
"""Close codes after which the same frames would only close the next connection too."""
_FAILURES_BEFORE_HTTP = 2
"""Silence and broken handshakes in a row that may have other causes than a proxy."""


class Connection:
    """One session after another, until it is cancelled or refused."""

    def __init__(self, endpoint: Endpoint, outlet: Outlet, *, backoff: Backoff, transport: Transport) -> None:
        self._endpoint = endpoint
        self._outlet = outlet
        self._backoff = backoff
        self._transport = transport
        self._unopened = 0
        self._session: StreamSession | HttpSession | None = None
        self.last_failure: str | None = None
        """Why the last session, or the last attempt at one, ended."""

    @property
    def is_http(self) -> bool:
        """Whether the session of now goes over HTTP."""
        return isinstance(self._session, HttpSession)

    def file_descriptors(self) -> list[int]:
        """Tell which sockets are open, for a forked child to let go of."""
        return [] if self._session is None else self._session.file_descriptors()

    async def run(self) -> None:
        """Connect, deliver, reconnect; ends only by cancellation or refusal.

        Raises:
            GatewayRefusedError: the gateway will not take what we send, now or later.
            Unauthorized: it does not know the key.
        """
        attempt = 0
        while True:
            session = self._session = self._next_session()
            self._outlet.begin()
            failure: Exception | None = None
            try:
                await session.run()
            except (OSError, WebSocketException, AckOverdueError) as error:
                failure = error
            finally:
                self._outlet.end()
            if failure is None:
                continue  # An HTTP session that has lasted its time.
            parting = session.parting if isinstance(session, StreamSession) else None
            refusal = self._refusal_of(failure, parting)
            if refusal is not None:
                raise refusal from failure
            self.last_failure = parting.message if parting else f"{type(failure).__name__}: {failure}"
            # Only an ack proves that the gateway works; a welcome alone may come before each crash.
            attempt = 0 if self._outlet.was_acknowledged else attempt + 1
            if self._is_kept_from_opening(failure):
                _log.warning(
                    "smolhog: no WebSocket comes through, going on over HTTP (%s)", self.last_failure
                )
                continue
            delay = self._backoff.delay(attempt)
            _log.warning("smolhog: connection lost, next try in %.1f s (%s)", delay, self.last_failure)
            await self._outlet.clocks.sleep(delay)

    def _next_session(self) -> StreamSession | HttpSession:
        if self._transport == "http" or self._unopened >= _FAILURES_BEFORE_HTTP:
            self._unopened = 0
            return HttpSession(self._endpoint, self._outlet, for_ever=self._transport == "http")
        return StreamSession(self._endpoint, self._outlet)

    def _is_kept_from_opening(self, failure: Exception) -> bool:
        """Count what may be the work of a proxy; tells whether HTTP is to be tried at once."""
        if self._transport != "auto" or self.is_http or self._outlet.was_welcomed:
            self._unopened = 0
            return False
        if isinstance(failure, InvalidHandshake) and not isinstance(failure, InvalidMessage):
            self._unopened = _FAILURES_BEFORE_HTTP  # Somebody answers in HTTP, and not with an upgrade.
        elif isinstance(failure, (InvalidMessage, TimeoutError, ConnectionResetError)):
            self._unopened += 1
        elif isinstance(failure, ConnectionClosed):
            self._unopened += failure.rcvd is None  # Without a close frame: it was cut, not ended.
        return self._unopened >= _FAILURES_BEFORE_HTTP

    def _refusal_of(self, error: Exception, parting: Error | None) -> GatewayRefusedError | None:
        """Tell whether the end of a session is final, and if so what to raise."""
        if isinstance(error, InvalidStatus) and self._transport == "websocket":
            if error.response.status_code in (401, 403):
                return Unauthorized("unauthorised", f"the gateway answered {error.response.status_code}")
        elif isinstance(error, ConnectionClosed) and error.rcvd is not None:
            close = error.rcvd.code
            message = parting.message if parting else error.rcvd.reason or f"closed with code {close}"
            if close == _UNAUTHORIZED:
                return Unauthorized("unauthorised", message)
            if close in _FINAL_CLOSE_CODES:
                return GatewayRefusedError(parting.code if parting else _FINAL_CLOSE_CODES[close], message)
        return None
