"""One WebSocket to the gateway, from hello to its end."""

import asyncio
import logging
from collections.abc import Awaitable

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from smolhog_client.endpoint import Endpoint
from smolhog_client.frames import (
    Ack,
    Error,
    SlowDown,
    Welcome,
    decode_server_frame,
    encode_batch,
    encode_hello,
)
from smolhog_client.outlet import Outlet

_log = logging.getLogger("smolhog_client")


class StreamSession:
    """Sends the outlet's batches over a WebSocket until that ends."""

    def __init__(self, endpoint: Endpoint, outlet: Outlet) -> None:
        self._endpoint = endpoint
        self._outlet = outlet
        self._socket: ClientConnection | None = None
        self.parting: Error | None = None
        """The gateway's words before it ended the connection."""

    def file_descriptors(self) -> list[int]:
        """Tell which sockets are open, for a forked child to let go of."""
        if self._socket is None or self._socket.transport.is_closing():
            return []
        return [self._socket.transport.get_extra_info("socket").fileno()]

    async def run(self) -> None:
        """Connect, deliver, and end by an exception, always.

        Raises:
            WebSocketException: it could not be opened, or was closed.
            OSError: the network.
            AckOverdueError: the gateway acknowledges nothing.
        """
        endpoint = self._endpoint
        async with connect(
            endpoint.stream_url,
            # Events are compressed in bulk further on; here it would cost more than the network.
            compression=None,
            open_timeout=endpoint.open_timeout,
            ping_interval=endpoint.keepalive,
            ping_timeout=endpoint.keepalive,
            close_timeout=1,
            proxy=endpoint.proxy,
            user_agent_header=endpoint.sdk,
        ) as socket:
            self._socket = socket
            await socket.send(encode_hello(endpoint.write_key, endpoint.sdk), text=True)
            async with asyncio.timeout(endpoint.open_timeout):
                while not self._handle(await socket.recv(decode=False)):
                    pass
            try:
                await first_failure(self._send(socket), self._receive(socket))
            except asyncio.CancelledError:
                # We leave in peace; left to itself the library would close with "internal error".
                await socket.close()
                raise

    async def _receive(self, socket: ClientConnection) -> None:
        while True:
            self._handle(await socket.recv(decode=False))

    async def _send(self, socket: ClientConnection) -> None:
        while True:
            batch = await self._outlet.next_batch()
            frame = encode_batch(batch.batch_id, self._outlet.clocks.now(), batch.bodies)
            await socket.send(frame, text=True)

    def _handle(self, data: bytes) -> bool:
        """Act on one frame; tells whether it was the welcome."""
        try:
            frame = decode_server_frame(data)
        except msgspec.MsgspecError as error:
            # A newer gateway may say more than we understand; what we need, we would miss by timeout.
            _log.warning("smolhog: passed over a frame of the gateway: %s", error)
            return False
        if isinstance(frame, Ack):
            if not self._outlet.acknowledge(frame.id, frame.results):
                _log.warning("smolhog: the gateway speaks of a batch that is not in flight: %r", frame)
        elif isinstance(frame, Welcome):
            self._outlet.welcome(frame.limits)
            return True
        elif isinstance(frame, SlowDown):
            self._outlet.pause(frame.retry_after_ms / 1000)
        elif isinstance(frame, Error):
            self._handle_error(frame)
        return False

    def _handle_error(self, frame: Error) -> None:
        if frame.fatal:
            # The close code that follows tells whether to come back; this says why in words.
            self.parting = frame
        elif frame.id is None or not self._outlet.refuse(frame.id, frame.code, frame.message):
            _log.warning("smolhog: the gateway complains: %s (%s)", frame.message, frame.code)


async def first_failure(*coroutines: Awaitable[None]) -> None:
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
