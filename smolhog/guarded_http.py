"""uvicorn's HTTP protocol with the limits that it lacks."""

import asyncio
import json
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from smolhog.connection_limits import Doorkeeper
from smolhog.metrics import CONNECTIONS_REFUSED
from smolhog.patience import Patience


class TooMuchError(Exception):
    """The client went over a bound; the parser turns it into its own error.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class GuardedHttp(HttpToolsProtocol):
    """An HTTP connection that ends when its client is too slow, sends too much, or is one too many.

    ::

        HEADERS ──complete──> BODY ──complete──> (answer) ──next request's first byte──> HEADERS
           └──header_seconds    └──request_seconds    └──idle_seconds, by uvicorn

    Args:
        doorkeeper: counts the connections.
        patience: the bounds.
        arguments: uvicorn's.
    """

    def __init__(self, doorkeeper: Doorkeeper, patience: Patience, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._doorkeeper = doorkeeper
        self._patience = patience
        self._is_inside = False
        self._in_request = False
        self._unparsed = 0
        self._header_bytes = 0
        self._held = 0
        self._deadline: TimerHandle | None = None
        self._stall: TimerHandle | None = None
        self._abort: TimerHandle | None = None
        self._refusal = HTTPStatus.BAD_REQUEST

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in, or answer 503 and close."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._is_inside = self._doorkeeper.enter(self._address)
        if not self._is_inside:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._set_deadline(self._patience.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._leave()
        self._release()
        self._clear_deadline()
        self._clear_stall()
        if self._abort is not None:
            self._abort.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much of what cannot be handed on."""
        if self.transport.is_closing():
            return
        if not self._in_request and self._deadline is None:
            self._set_deadline(self._patience.header_seconds)
        self._unparsed += len(data)
        super().data_received(data)
        # The parser holds the rest of a header itself until it has seen its end.
        if self._unparsed > self._patience.header_bytes and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol, which counts it in again."""
        self._clear_deadline()
        self._leave()
        self._release()
        super().handle_websocket_upgrade()

    # Called by the parser; what they raise comes back out of it as its own error.

    def on_message_begin(self) -> None:
        """A request starts."""
        self._in_request = True
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        self._count_header(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer of the body."""
        self._count_header(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start to answer, or queue the request behind those that came before."""
        self._unparsed = 0
        if len(self.pipeline) >= self._patience.pipelined:
            raise self._too_much(HTTPStatus.SERVICE_UNAVAILABLE)
        self._set_deadline(self._patience.request_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unparsed = 0
        # What nobody is going to read is dropped by uvicorn.
        if not self.cycle.response_complete:
            if not self._doorkeeper.unfinished.hold(len(body)):
                raise self._too_much(HTTPStatus.SERVICE_UNAVAILABLE)
            self._held += len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Forget the body of what has been answered."""
        self._release()
        super().on_response_complete()

    def on_message_complete(self) -> None:
        """A request has been read."""
        self._in_request = False
        self._unparsed = 0
        self._clear_deadline()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or was refused while it was being parsed."""
        del msg
        self._refuse(self._refusal)

    def pause_writing(self) -> None:
        """Wait for the client to read its answer, but not for ever."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self._patience.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        self._clear_stall()
        super().resume_writing()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self._patience.header_bytes or len(self.headers) >= self._patience.headers:
            raise self._too_much(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _too_much(self, status: HTTPStatus) -> TooMuchError:
        self._refusal = status
        return TooMuchError(status)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with a status of our own and close; an answer that is under way is cut off."""
        self._clear_deadline()
        CONNECTIONS_REFUSED.labels(str(status.value)).inc()
        # None before the first request, whatever uvicorn's annotation says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            body = json.dumps({"code": status.name.lower(), "message": status.phrase}).encode()
            retry = b"retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else b""
            self.transport.write(
                b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n%b"
                % (status, status.phrase.encode(), len(body), retry, body)
            )
        self._close()

    def _close(self) -> None:
        """Close, and do not wait for a client that does not read what is left."""
        self.transport.close()
        if self._abort is None:
            self._abort = self.loop.call_later(self._patience.close_seconds, self.transport.abort)

    def _leave(self) -> None:
        if self._is_inside:
            self._is_inside = False
            self._doorkeeper.leave(self._address)

    def _release(self) -> None:
        self._doorkeeper.unfinished.release(self._held)
        self._held = 0

    def _set_deadline(self, seconds: float) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, self._be_out_of_patience)

    def _be_out_of_patience(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _clear_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
