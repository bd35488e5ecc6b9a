"""Signals that ask to stop: the first in good order, a second Ctrl-C at once."""

import asyncio
import signal
from types import TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Listens to signals while its block runs; belongs to the running event loop of the main thread.

    Attributes:
        requested: set by SIGINT, SIGTERM or SIGHUP (the terminal was closed), or by the program itself.
        at_once: set by a second SIGINT: whoever presses Ctrl-C twice does not want to wait.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.at_once = asyncio.Event()
        self._interrupted = False

    def __enter__(self) -> Self:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        self.requested.set()
        if number == signal.SIGINT:
            if self._interrupted:
                self.at_once.set()
            self._interrupted = True
