"""Runs the processes of a stack: in order, again when they crash, and none longer than itself."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Self

from smolhog import watchdog
from smolhog.child import Child, ChildSpec, Notice
from smolhog.child_output import RotatingLog
from smolhog.data_folder import FolderLock
from smolhog.restarts import RestartPolicy
from smolhog.stopping import StopSignals


class StopRequested(Exception):  # noqa: N818 - a person's wish, not an error
    """A signal asked to stop while the stack was still starting."""


class Supervisor:
    """Owns the children of one data folder.

    Use it as an async context manager: leaving it stops all children in the reverse order of their
    start. :class:`StopSignals` says when somebody asks for that; asked to do it at once, it kills them.

    Args:
        lock: the data folder, held by this process.
        notify: called with whatever happens to a child.
        policy: when to start a crashed child again.
        verbose: pass all output of the children to ``notify``, not only errors.
    """

    def __init__(
        self,
        lock: FolderLock,
        notify: Callable[[Notice], None],
        *,
        policy: RestartPolicy | None = None,
        verbose: bool = False,
    ) -> None:
        self.signals = StopSignals()
        self._lock = lock
        self._notify = notify
        self._policy = policy or RestartPolicy()
        self._verbose = verbose
        self._waves: list[list[Child]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watchdog = Watchdog(lock.descriptor)

    @property
    def logs(self) -> Path:
        """The folder of the children's log files."""
        return self._lock.folder / "logs"

    @property
    def children(self) -> list[Child]:
        """All children, in the order in which they were started."""
        return [child for wave in self._waves for child in wave]

    async def __aenter__(self) -> Self:
        """Start to listen to signals."""
        self.signals.__enter__()
        self._killer = asyncio.create_task(self._kill_when_asked())
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop everything, last started first."""
        try:
            for wave in reversed(self._waves):
                await asyncio.gather(*(child.stop() for child in wave))
            await asyncio.gather(*self._tasks)
        finally:
            self._killer.cancel()
            self._watchdog.close()
            self.signals.__exit__(None, None, None)

    async def start(self, *specs: ChildSpec) -> None:
        """Start these children side by side and wait until all of them are ready.

        A child that crashes before it is ready is started again like any other, so this waits for
        as long as it takes, unless ``ChildSpec.fails_after`` sets a limit.

        Raises:
            StartFailed: one of them reached its limit.
            StopRequested: a signal asked to stop meanwhile.
        """
        if self.signals.requested.is_set():
            raise StopRequested
        wave = self.launch(*specs)
        stop: asyncio.Future[Any] = asyncio.create_task(self.signals.requested.wait())
        waiting: set[asyncio.Future[Any]] = {child.started for child in wave}
        try:
            while waiting:
                done, _ = await asyncio.wait({stop, *waiting}, return_when=asyncio.FIRST_COMPLETED)
                if stop in done:
                    raise StopRequested
                for started in done & waiting:
                    started.result()
                    waiting.discard(started)
        finally:
            stop.cancel()

    def launch(self, *specs: ChildSpec) -> list[Child]:
        """Start these children and wait for none of them: nobody else needs them to be ready."""
        wave = [
            Child(
                spec,
                RotatingLog(self.logs / f"{spec.name}.log"),
                self._notify,
                self._watchdog,
                self._policy,
                verbose=self._verbose,
            )
            for spec in specs
        ]
        self._waves.append(wave)
        self._tasks += [asyncio.create_task(child.run(), name=child.spec.name) for child in wave]
        return wave

    async def _kill_when_asked(self) -> None:
        await self.signals.at_once.wait()
        for child in self.children:
            child.kill()


class Watchdog:
    """The supervisor's end of :mod:`smolhog.watchdog`; started with the first child.

    Args:
        lock: descriptor of the data folder's lock, which the watchdog holds too.
    """

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._groups: set[int] = set()
        self._process: Popen[bytes] | None = None

    def add(self, pid: int) -> None:
        """A group leader was started."""
        self._groups.add(pid)
        self._say(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """It has ended."""
        self._groups.discard(pid)
        self._say(f"-{pid}\n")

    def close(self) -> None:
        """End the watchdog; it ends whatever group is still registered."""
        if self._process is not None:
            with self._process:  # closes its standard input and waits for its end
                pass

    def _say(self, line: str) -> None:
        if self._process is None or self._process.poll() is not None:
            # The first child, or somebody killed the watchdog: a new one learns of all groups.
            self.close()
            self._process = self._start()
            line = "".join(f"+{pid}\n" for pid in sorted(self._groups))
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # killed just now: the next call starts another
            self._process.stdin.write(line.encode())

    def _start(self) -> Popen[bytes]:
        return Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=PIPE,
            bufsize=0,
            pass_fds=[self._lock],
            start_new_session=True,
        )
