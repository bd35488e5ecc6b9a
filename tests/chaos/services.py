"""Services that a run kills, freezes and starves, and that are started again as a supervisor would."""

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import psutil

from tests.fixtures_rabbitmq import RabbitMQ

_POLL_SECONDS = 0.05
_START_SECONDS = 60.0


class Program:
    """A child process, kept alive: whenever it ends without being held down it is started again.

    Args:
        name: for logs.
        command: what to run.
        environment: all of it.
        output: file that gets what it prints.
        answers: whether it is ready; `None` for a program that is as soon as it runs.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        output: Path,
        answers: Callable[[], bool] | None = None,
    ) -> None:
        self.name = name
        self.starts = 0
        self._command = list(command)
        self._environment = environment
        self._output = output
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None
        self._held = False
        self._closing = False
        self._file_bytes: int | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._pumps: list[threading.Thread] = []

    async def start(self) -> None:
        """Start it and keep it alive; returns when it is ready."""
        self._keeper = asyncio.create_task(self._keep())
        await self.ready()

    async def ready(self) -> None:
        """Wait until it runs and answers."""
        deadline = time.monotonic() + _START_SECONDS
        while not (self._runs() and await asyncio.to_thread(self._is_ready)):
            assert time.monotonic() < deadline, f"{self.name} is not ready:\n{self.tail()}"
            await asyncio.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        for process in self.processes():
            _signal(process, signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP it and its children: connections stay open, nobody answers."""
        for process in self.processes():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        for process in self.processes():
            _signal(process, signal.SIGCONT)

    def hold(self) -> None:
        """Keep it down from its next end on."""
        self._held = True

    def release(self) -> None:
        """Let it be started again."""
        self._held = False

    def limit_files(self, size: int | None) -> None:
        """Let it write no file beyond `size` bytes, as if the disk were full there; restarts, too."""
        self._file_bytes = size
        for process in self.processes():
            _limit_files(process, size)

    def processes(self) -> list[psutil.Process]:
        """It and its children."""
        if self._process is None:
            return []
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def close(self) -> None:
        """End it for good, and what keeps it alive."""
        self._closing = True
        if self._keeper is not None:
            await self._keeper
        if self._runs():
            self.thaw()
            self.kill()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
        for pump in self._pumps:
            await asyncio.to_thread(pump.join)

    def tail(self) -> str:
        """The end of what it printed."""
        return self._output.read_text(errors="replace")[-3000:] if self._output.exists() else ""

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _is_ready(self) -> bool:
        return self._answers is None or self._answers()

    async def _keep(self) -> None:
        while not self._closing:
            if not self._held and not self._runs():
                self._spawn()
            await asyncio.sleep(_POLL_SECONDS)

    def _spawn(self) -> None:
        self.starts += 1
        # A pipe, not the file: what it prints must not count as writing to a full disk.
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if self._file_bytes is not None:
            self.limit_files(self._file_bytes)
        assert self._process.stdout is not None
        pump = threading.Thread(target=_copy_output, args=(self._process.stdout, self._output), daemon=True)
        pump.start()
        self._pumps.append(pump)


class PostgresProgram(Program):
    """PostgreSQL under its little parent, which would stop it in order: a kill is for the server itself."""

    def kill(self) -> None:
        """SIGKILL the server; its backends see that and end, and so does the parent."""
        for process in self.processes():
            if process.pid != (self._process.pid if self._process else 0):
                _signal(process, signal.SIGKILL)
                return


class BrokerProgram(Program):
    """A RabbitMQ node of the tests, behind the same handles."""

    def __init__(self, broker: RabbitMQ, folder: Path) -> None:
        super().__init__("rabbitmq", [], {}, folder / "node.log")
        self._broker = broker
        self._starting: asyncio.Task[None] | None = None

    def processes(self) -> list[psutil.Process]:
        """The node."""
        node = self._broker._node
        if node is None or node.poll() is not None:
            return []
        return [psutil.Process(node.pid)]

    def kill(self) -> None:
        """SIGKILL the node, and wait for its end."""
        self.thaw()
        self._broker.kill()

    async def close(self) -> None:
        """End the node and its port mapper."""
        await super().close()
        if self._starting is not None:
            await self._starting
        await asyncio.to_thread(self._broker.close)

    def _runs(self) -> bool:
        return self._starting is not None and self._starting.done() and bool(self.processes())

    def _spawn(self) -> None:
        if self._starting is None or self._starting.done():
            self.starts += 1
            self._starting = asyncio.create_task(asyncio.to_thread(self._start_node))

    def _start_node(self) -> None:
        try:
            self._broker.start()
        except AssertionError as error:
            # Killed while it started; the keeper sees that it does not run.
            with self._output.open("a") as output:
                output.write(f"{error}\n")


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return  # it was quicker


def _limit_files(process: psutil.Process, size: int | None) -> None:
    most = resource.RLIM_INFINITY
    try:
        process.rlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))
    except psutil.NoSuchProcess:
        return  # its successor gets the limit when it starts


def _copy_output(pipe: IO[bytes], output: Path) -> None:
    with pipe, output.open("ab") as file:
        shutil.copyfileobj(pipe, file, 1)


def clean_environment(**added: str) -> dict[str, str]:
    """Return this process's environment without SmolHog's settings, and with those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")}
    return kept | added
