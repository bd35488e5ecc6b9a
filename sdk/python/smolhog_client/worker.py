"""A thread of our own for calls that block: SQLite, sockets of the standard library, name look-up.

Executors of the standard library refuse work while the interpreter shuts down, which is when a
program's last events are flushed.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Worker:
    """One daemon thread that makes calls in the order in which they are asked for."""

    def __init__(self, name: str) -> None:
        self._last: Callable[[], None] | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._is_inline = False
        try:
            self._thread.start()
        except RuntimeError:
            # From Python 3.12 on a process that ends starts no more threads. Its last events are worth
            # a loop that blocks: there is nothing else left for it to do.
            self._is_inline = True

    async def call(self, blocking: Callable[[], _Result]) -> _Result:
        """Make a call on the thread and return what it returns; when cancelled, it still runs."""
        if self._is_inline:
            return blocking()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[_Result] = loop.create_future()
        self._jobs.put((loop, outcome, blocking))
        return await outcome

    def stop(self, last: Callable[[], None] | None = None) -> None:
        """Let the thread end after the calls that were asked for, and after ``last``, which must not fail."""
        self._last = last
        self._jobs.put(None)
        if self._is_inline:
            self._work()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, outcome, blocking = job
            result: Any = None
            failure: BaseException | None = None
            try:
                result = blocking()
            except BaseException as error:  # noqa: BLE001 - raised to whoever waits
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, outcome, result, failure)
        if self._last is not None:
            self._last()


def _settle(outcome: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if outcome.done():  # cancelled meanwhile
        return
    if failure is not None:
        outcome.set_exception(failure)
    else:
        outcome.set_result(result)
