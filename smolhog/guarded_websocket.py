"""uvicorn's WebSocket protocol with the limits that it lacks."""

import asyncio
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from smolhog.connection_limits import Doorkeeper
from smolhog.patience import Patience


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket connection whose memory is bounded whatever its client sends and does not read.

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
        self._held = 0
        self._stall: TimerHandle | None = None
        self._abort: TimerHandle | None = None

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over from the HTTP protocol, which has just counted it out."""
        super().connection_made(transport)
        self._is_inside = self._doorkeeper.enter(self._address)
        assert self._is_inside, "its own place was free"

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        if self._is_inside:
            self._is_inside = False
            self._doorkeeper.leave(self._address)
        self._release()
        self._clear_stall()
        if self._abort is not None:
            self._abort.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as all connections together do not hold too much of what is unfinished."""
        if not self._doorkeeper.unfinished.hold(len(data)):
            self._fail("the server holds too much", CloseCode.TRY_AGAIN_LATER)
            return
        self._held += len(data)
        super().data_received(data)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment of a message; empty ones are free of charge for whoever sends them."""
        if len(self.frames) >= self._patience.fragments:
            self._fail("too many fragments")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Queue a message; reading stops after the network's next piece, which may hold thousands."""
        if self.queue.qsize() >= self._patience.messages_at_once:
            self._fail("too many messages at once")
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer; uvicorn has nothing more to do with a ping."""
        super().handle_ping()
        self._release_if_idle()

    def handle_parser_exception(self) -> None:
        """End a connection that is not of the protocol, also where its handshake was not."""
        if self.conn.close_sent is not None:
            super().handle_parser_exception()
        else:
            self.transport.close()
        self._abort_later()

    async def receive(self) -> Any:
        """Return the next message. Whoever does not read is not read from either."""
        message = await super().receive()
        self._release_if_idle()
        if not self.writable.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()
        return message

    def pause_writing(self) -> None:
        """Stop reading too: every ping would add a pong to what the client does not read."""
        super().pause_writing()
        if not self.transport.is_closing():
            self.transport.pause_reading()
        if self._stall is None:
            self._stall = self.loop.call_later(self._patience.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self._clear_stall()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
        super().resume_writing()

    def keepalive_timeout(self) -> None:
        """Give a client up that answers no ping; it is not going to read the close frame either."""
        super().keepalive_timeout()
        self._abort_later()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Let go of the connection when the application is through with it."""
        super().on_task_complete(task)
        self._abort_later()

    def _release_if_idle(self) -> None:
        """Forget what was received once all of it has been handed over; the start of a message may stay uncounted."""
        if self.queue.empty() and not self.frames:
            self._release()

    def _release(self) -> None:
        self._doorkeeper.unfinished.release(self._held)
        self._held = 0

    def _fail(self, reason: str, code: CloseCode = CloseCode.POLICY_VIOLATION) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.frames = []
        self.conn.fail(code, reason)
        super().handle_parser_exception()
        self._abort_later()

    def _abort_later(self) -> None:
        if self._abort is None and not self.disconnected:
            seconds = self._patience.close_seconds + self.close_timeout
            self._abort = self.loop.call_later(seconds, self.transport.abort)

    def _clear_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
