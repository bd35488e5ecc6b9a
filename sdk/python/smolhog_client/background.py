"""An event loop on a daemon thread, with an engine in it."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from smolhog_client.engine import Engine
from smolhog_client.worker import Worker

_Result = TypeVar("_Result")


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up on a thread of ours: asyncio's refuse work while the interpreter shuts down."""

    _names: Worker | None = None

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Look a host's name up."""
        if self._names is None:
            self._names = Worker("smolhog-names")
        return await self._names.call(lambda: socket.getaddrinfo(host, port, family, type, proto, flags))

    def close(self) -> None:
        """Close, and let the thread end."""
        if self._names is not None:
            self._names.stop()
            self._names = None
        super().close()


_PARENTS: "list[Background]" = []


class Background:
    """Opens an engine on a thread of its own.

    Args:
        make_engine: called on the thread.
        serve: runs on the loop beside the engine, until it is cancelled.

    Raises:
        ClientError: the engine cannot be opened.
    """

    def __init__(
        self, make_engine: Callable[[], Engine], serve: Callable[[Engine], Coroutine[Any, Any, None]]
    ) -> None:
        self.loop = _Loop()
        self.engine: Engine
        self._make_engine = make_engine
        self._serve = serve
        self._opened = threading.Event()
        self._failures: list[Exception] = []
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=self._work, name="smolhog", daemon=True)
        self._thread.start()
        self._opened.wait()
        if self._failures:
            self._thread.join()
            raise self._failures[0]

    def may_wait(self) -> bool:
        """Tell whether the caller is on another thread: waiting for the loop on its own would never end."""
        return threading.current_thread() is not self._thread

    def run(self, work: Coroutine[Any, Any, _Result], timeout: float | None = None) -> _Result:
        """Run a coroutine on the loop and wait for it.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds; it was cancelled.
        """
        if not self.may_wait():
            work.close()
            raise RuntimeError("a callback of the client cannot wait for the client")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def close(self, timeout: float) -> None:
        """Close the engine within ``timeout`` seconds, and end the thread.

        Raises:
            ClientError: as ``Engine.close``.
        """
        try:
            self.run(self.engine.close(timeout))
        finally:
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def leave_to_parent(self) -> None:
        """Let go of the parent's sockets in a forked child, without a word on the wire.

        The descriptors go on to exist, but lead nowhere: the objects that hold them are not to be
        touched, since the loop's epoll is shared with the parent.
        """
        # Never collected: its objects would close what the parent still uses.
        _PARENTS.append(self)
        self.engine.leave_to_parent()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in self.engine.file_descriptors():
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live())
        finally:
            self._opened.set()
            self.loop.close()

    async def _live(self) -> None:
        self._stop = asyncio.Event()
        try:
            self.engine = self._make_engine()
            self.engine.open()
        except Exception as error:  # noqa: BLE001 - raised to whoever made us
            self._failures.append(error)
            return
        serving = self.loop.create_task(self._serve(self.engine))
        self._opened.set()
        await self._stop.wait()
        serving.cancel()
        await asyncio.wait([serving])
