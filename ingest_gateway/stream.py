"""``GET /v1/stream``: the edge that gives WebSocket sessions their I/O, clock and keys.

Each connection has a reader (the request's own task) and a writer. The reader stops reading, which
is back-pressure on the client's TCP connection, while the gateway's buffer is full or while too many
of the connection's batches are unanswered, or its answers unread, and while its key has sent its share.
"""

import asyncio
from collections import deque
from dataclasses import replace
from math import ceil

import structlog
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ingest_gateway.errors import Refusal
from ingest_gateway.gather import Gatherer
from ingest_gateway.intake import Intake, Peer, Pending
from ingest_gateway.native import NativeDecoder
from ingest_gateway.peer import bearer_key, peer_of
from ingest_gateway.rate import KeyRates
from ingest_gateway.session import Action, Authorise, Close, CloseCode, Send, Session, State, Store
from projects.keys import Key, KeyKind, KeyRing
from schemas.limits import Limits
from schemas.wire import Error
from smolhog import metrics
from smolhog.connection_limits import ConnectionLimits, Tally

log = structlog.get_logger()

SOURCE = "ws.v1"
HELLO_SECONDS = 10.0
REVOCATION_SECONDS = 2.0
"""Time between two looks at the keys of idle connections; a busy one's is looked at with each frame."""
DRAIN_SECONDS = 10.0
"""Longest that a closing connection waits for what it still has to answer."""
BATCHES_IN_FLIGHT = 64
UNREAD_BYTES = 256 * 1024
"""Answers that wait for a client to read them before no more is read from it."""
LONGEST_PAUSE = 5.0
"""Seconds between two looks at the rate of a key; its other connections may have used it up meanwhile."""
RETRY_AFTER_MS = 500


class Streams:
    """All WebSocket connections of one gateway."""

    def __init__(
        self,
        *,
        decoder: NativeDecoder,
        limits: Limits,
        keys: KeyRing,
        gatherer: Gatherer,
        intake: Intake,
        rates: KeyRates,
        connections: ConnectionLimits,
    ) -> None:
        self.decoder = decoder
        self.limits = limits
        self.keys = keys
        self.gatherer = gatherer
        self.intake = intake
        self.rates = rates
        self.of_key = Tally(connections.per_key)
        self.hello_seconds = HELLO_SECONDS
        self._of_address = Tally(connections.per_address)
        self._open: set[Connection] = set()
        self._stopping = False

    async def endpoint(self, websocket: WebSocket) -> None:
        """Serve one connection for as long as it lasts."""
        if self._stopping:
            await websocket.close(CloseCode.RESTART)
            return
        # Behind a trusted proxy this is the client's; the server itself can only count the proxy's.
        address = websocket.client.host if websocket.client is not None else None
        if not self._of_address.enter(address):
            metrics.FRAMES_REFUSED.labels(SOURCE, Refusal.OVERLOADED.value).inc()
            await websocket.send_denial_response(Response(status_code=503, headers={"Retry-After": "1"}))
            return
        connection = Connection(self, websocket)
        self._open.add(connection)
        metrics.CONNECTIONS.inc()
        try:
            await connection.run()
        finally:
            metrics.CONNECTIONS.dec()
            self._open.discard(connection)
            self._of_address.leave(address)

    async def watch_keys(self) -> None:
        """Close connections whose key was revoked, until cancelled."""
        while True:
            await asyncio.sleep(REVOCATION_SECONDS)
            for connection in list(self._open):
                connection.check_key()

    async def drain(self) -> None:
        """Stop reading, answer what is under way, close every connection with 1012."""
        self._stopping = True
        for connection in list(self._open):
            connection.stop()
        await asyncio.gather(*(connection.finished.wait() for connection in list(self._open)))


class Connection:
    """One WebSocket connection: does what its :class:`Session` says."""

    def __init__(self, streams: Streams, websocket: WebSocket) -> None:
        self._streams = streams
        self._websocket = websocket
        secret = bearer_key(websocket.headers)
        self._session = Session(streams.decoder, streams.limits, secret)
        # A connection lives for hours: each of its batches is a trace of its own.
        self._peer: Peer = replace(peer_of(websocket), trace=None)
        self._secret: str | None = None
        self._key: Key | None = None
        self._outbox: deque[tuple[str | bytes, bool]] = deque()
        self._outbox_filled = asyncio.Event()
        self._unread = 0
        self._unanswered = 0
        self._owed_verdicts = 0
        self._origin = websocket.headers.get("origin")
        self._window = asyncio.Event()
        self._window.set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._close: Close | None = None
        self._peer_is_gone = False
        self._is_counted = False
        self._batches = 0
        self._reader: asyncio.Task[None] | None = None
        self.finished = asyncio.Event()

    async def run(self) -> None:
        """Read and write until one side ends the connection."""
        writer: asyncio.Task[None] | None = None
        try:
            await self._websocket.accept()
            writer = asyncio.create_task(self._write())
            self._reader = asyncio.create_task(self._read())
            await asyncio.wait([self._reader])
            if not self._reader.cancelled():
                self._reader.result()
            await self._finish()
        except WebSocketDisconnect:
            self._peer_is_gone = True
        finally:
            for task in (self._reader, writer):
                if task is not None:
                    task.cancel()
            if self._is_counted and self._key is not None:
                self._streams.of_key.leave(self._key.key_id)
            self.finished.set()
            log.info(
                "stream.closed",
                project=self._key.project_id if self._key is not None else None,
                sdk=self._session.sdk,
                client=self._peer.address,
                batches=self._batches,
                reason=self._close.reason if self._close is not None else "client",
            )

    def stop(self) -> None:
        """End the connection because the gateway stops."""
        self._end(self._session.stop())

    def check_key(self) -> None:
        """End the connection if its key is no longer live, or its project takes no events."""
        if self._session.state is State.OPEN and (actions := self._objections()):
            self._end(actions)

    def _end(self, actions: list[Action]) -> None:
        self._perform(actions)
        if self._reader is not None:
            self._reader.cancel()

    def _objections(self) -> list[Action]:
        secret = self._secret
        key = None if secret is None else self._streams.keys.find(secret, KeyKind.WRITE)
        if key is None:
            return self._session.revoke()
        return self._session.pause() if key.is_paused else []

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._streams.hello_seconds):
                message = await self._receive()
        except TimeoutError:
            self._perform(self._session.hello_is_late())
            return
        gatherer = self._streams.gatherer
        while message is not None:
            self._perform(self._session.receive(message))
            if self._close is not None:
                return
            await self._window.wait()
            if gatherer.is_full:
                metrics.SLOW_DOWNS.labels(SOURCE).inc()
                self._perform([self._session.slow_down(RETRY_AFTER_MS)])
                await gatherer.room()
            await self._wait_for_its_turn()
            message = await self._receive()
            if objections := self._objections():
                self._perform(objections)
                return

    async def _wait_for_its_turn(self) -> None:
        """Wait while the key is over its rate. What was read by then is stored, whatever it adds up to."""
        assert self._key is not None
        wait = self._streams.rates.wait(self._key.key_id)
        if wait > 0:
            metrics.SLOW_DOWNS.labels(SOURCE).inc()
            self._perform([self._session.slow_down(ceil(wait * 1000))])
        while wait > 0:
            await asyncio.sleep(min(wait, LONGEST_PAUSE))
            wait = self._streams.rates.wait(self._key.key_id)

    async def _receive(self) -> str | bytes | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self._peer_is_gone = True
            return None
        text: str | None = message.get("text")
        content: str | bytes = message["bytes"] if text is None else text
        return content

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Store):
                self._store(action)
            elif isinstance(action, Send):
                self._post(action.message, answers=False)
            elif isinstance(action, Authorise):
                self._perform(self._authorise(action.secret))
            else:
                self._close = action
                if action.code is not CloseCode.RESTART:
                    metrics.FRAMES_REFUSED.labels(SOURCE, action.reason).inc()

    def _authorise(self, secret: str | None) -> list[Action]:
        self._secret = secret
        if secret is not None:
            self._key = self._streams.keys.find(secret, KeyKind.WRITE)
        if self._key is not None:
            if not self._key.allows(self._origin):
                return self._session.refuse_origin()
            if self._key.is_paused:
                return self._session.pause()
            self._is_counted = self._streams.of_key.enter(self._key.key_id)
            if not self._is_counted:
                return self._session.refuse_for_now()
        return self._session.admit(self._key)

    def _store(self, store: Store) -> None:
        assert self._key is not None
        self._batches += 1
        self._unanswered += 1
        self._owed_verdicts += len(store.batch.verdicts)
        self._quiet.clear()
        self._look_at_window()
        self._streams.rates.take(self._key.key_id, len(store.batch.events) + len(store.batch.rejected))
        if store.error is not None and not store.error.fatal:
            metrics.FRAMES_REFUSED.labels(SOURCE, store.error.code).inc()
        pending = self._streams.intake.submit(self._key.project_id, SOURCE, self._peer, store.batch)
        error = store.error  # All of the store that is remembered: its batch is encoded by now.
        pending.done.add_done_callback(lambda _: self._answer(pending, error))

    def _answer(self, pending: Pending, error: Error | None) -> None:
        outcome = self._streams.intake.outcome(pending)
        self._owed_verdicts -= len(pending.verdicts)
        if error is not None:
            send = self._session.say(error)
        else:
            assert pending.id is not None
            send = self._session.ack(pending.id, outcome.accepted, outcome.results)
        self._post(send.message, answers=True)

    def _post(self, message: str | bytes, *, answers: bool) -> None:
        self._outbox.append((message, answers))
        self._outbox_filled.set()
        self._quiet.clear()
        self._unread += len(message)
        self._look_at_window()

    def _look_at_window(self) -> None:
        """Let the reader go on while little enough of what it caused is still to be answered and read."""
        if self._peer_is_gone or (
            self._unanswered < BATCHES_IN_FLIGHT
            and self._unread < UNREAD_BYTES
            and self._owed_verdicts < 2 * self._streams.limits.batch_events
        ):
            self._window.set()
        else:
            self._window.clear()

    async def _write(self) -> None:
        while True:
            await self._outbox_filled.wait()
            self._outbox_filled.clear()
            while self._outbox:
                message, answers = self._outbox.popleft()
                try:
                    if isinstance(message, str):
                        await self._websocket.send({"type": "websocket.send", "text": message})
                    else:
                        await self._websocket.send({"type": "websocket.send", "bytes": message})
                except WebSocketDisconnect:
                    # What the client does not hear of it sends again; the ids tell that it is a repeat.
                    self._peer_is_gone = True
                    self._quiet.set()
                    self._window.set()
                    return
                self._unread -= len(message)
                self._unanswered -= answers
                self._look_at_window()
            if self._unanswered == 0:
                self._quiet.set()

    async def _finish(self) -> None:
        if self._peer_is_gone or self._close is None:
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._quiet.wait()
        except TimeoutError:
            log.warning("stream.unanswered", batches=self._unanswered)
        if not self._peer_is_gone:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._websocket.close(self._close.code, self._close.reason)
            except TimeoutError:
                log.warning("stream.never_read", client=self._peer.address)
