"""One child process: started, watched until it is ready, started again when it ends, stopped."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from smolhog.child_output import ChildOutput, OutputPipe, RotatingLog
from smolhog.errors import StartFailed
from smolhog.restarts import RestartCounter, RestartPolicy

READY_POLL_SECONDS = 0.05
# A probe that hangs must not keep a child from ever becoming ready.
PROBE_SECONDS = 5.0
LAST_OUTPUT_SECONDS = 2.0
# The C library would keep freed memory for each of a process's threads, 40 MiB over all of them.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run and how to tell that it is up."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]
    """Asked again and again after each start until it returns true; an OSError counts as false."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's own environment."""
    slow_after_seconds: float = 30.0
    """A child that is not ready by then is reported as slow, once, and waited for."""
    stop_timeout_seconds: float = 15.0
    """From SIGTERM to SIGKILL."""
    fails_after: int | None = None
    """Quick crashes without ever having been ready after which the start as a whole fails: for what
    nobody else can put right meanwhile. ``None`` for never."""
    niceness: int = 0
    """How far it stands back, by up to 19, while there is not enough processor time for all."""


class NoticeKind(StrEnum):
    """What happened to a child."""

    STARTING = "starting"
    READY = "ready"
    SLOW = "slow"
    ENDED = "ended"
    STUCK = "stuck"
    KILLED = "killed"
    STOPPED = "stopped"
    LINE = "line"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a child that a person may want to know, as a sentence without its name."""

    kind: NoticeKind
    child: str
    text: str
    lines: tuple[str, ...] = ()
    """The child's last output, when that is where to look."""


class Registry(Protocol):
    """Is told which process groups live, see :mod:`smolhog.watchdog`."""

    def add(self, pid: int) -> None:
        """A group leader was started."""

    def remove(self, pid: int) -> None:
        """It has ended."""


class Child:
    """Keeps one process running until :meth:`stop`.

    Args:
        spec: what to run.
        log: where its output goes; closed at the end of :meth:`run`.
        notify: called on the event loop with whatever happens.
        registry: told of each start and end.
        policy: when to start it again.
        verbose: pass all of its output on, not only errors.
    """

    def __init__(
        self,
        spec: ChildSpec,
        log: RotatingLog,
        notify: Callable[[Notice], None],
        registry: Registry,
        policy: RestartPolicy,
        *,
        verbose: bool,
    ) -> None:
        self.spec = spec
        self.ready = asyncio.Event()
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done at the first readiness; raises StartFailed where ``spec.fails_after`` says so."""
        self._log = log
        self._notify_all = notify
        self._registry = registry
        self._restarts = RestartCounter(policy)
        self._output = ChildOutput(log, self._on_line, verbose=verbose)
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Start the process, and start it again whenever it ends, until :meth:`stop` is called."""
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                code = await self._run_once(started)
                if self._stopping.is_set():
                    break
                await self._wait_to_restart(code, time.monotonic() - started)
        finally:
            self._log.close()

    async def stop(self) -> None:
        """Ask the process to end, kill its group when it takes too long. Returns when it is gone."""
        self._stopping.set()
        if not self.started.cancel() and not self.started.cancelled():
            self.started.exception()  # seen: who waited for another child's start did not ask for this one's
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.spec.stop_timeout_seconds):
                await process.wait()
        except TimeoutError:
            self._notify(
                NoticeKind.KILLED,
                f"did not stop within {self.spec.stop_timeout_seconds:.0f} s and was killed",
            )
            self.kill()
            await process.wait()
        else:
            self._notify(NoticeKind.STOPPED, "stopped")

    def kill(self) -> None:
        """Kill the process and everything that it started, now."""
        self._stopping.set()
        if self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)

    async def _run_once(self, started: float) -> int:
        self._notify(NoticeKind.STARTING, "starting")
        self._output.begin()
        pipe = await OutputPipe.open()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                env={**_FEW_ARENAS, **os.environ, **self.spec.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe.child_end,
                stderr=asyncio.subprocess.STDOUT,
                # A session of its own: Ctrl-C at the terminal reaches the supervisor only, which
                # stops the children in order.
                start_new_session=True,
            )
        except OSError as error:
            # A program that is missing now may be there after an upgrade has finished.
            self._on_line(f"cannot be started: {error}", is_error=True)
            pipe.close()
            return 127
        finally:
            pipe.close_child_end()
        self._process = process
        self._registry.add(process.pid)
        if self.spec.niceness:
            # At once: what it starts stands back as far as it does.
            own = os.getpriority(os.PRIO_PROCESS, 0)
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, min(19, own + self.spec.niceness))
        if self._stopping.is_set():
            # stop() came while the process was being made and had nobody to signal.
            self._signal(signal.SIGTERM)
        pump = asyncio.create_task(self._output.pump(pipe.reader))
        probe = asyncio.create_task(self._probe(started))
        try:
            code = await process.wait()
        finally:
            self.ready.clear()
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)
        self._end_group(process.pid)
        # What left the group (a PostgreSQL backend) notices soon that its parent has gone.
        await asyncio.wait({pump}, timeout=LAST_OUTPUT_SECONDS)
        pump.cancel()
        pipe.close()
        self._registry.remove(process.pid)
        return code

    def _end_group(self, pid: int) -> None:
        """Kill what the process left behind: it would hold the port or folder of the next one."""
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # the usual case: nobody is left (macOS says so with EPERM)

    async def _probe(self, started: float) -> None:
        slow = False
        while not await self._is_ready():
            waited = time.monotonic() - started
            if not slow and waited >= self.spec.slow_after_seconds:
                slow = True
                self._notify(
                    NoticeKind.SLOW,
                    f"is not ready after {waited:.0f} s; still waiting, see {self._log.file}",
                    self._output.last_lines,
                )
            await asyncio.sleep(READY_POLL_SECONDS)
        self.ready.set()
        if not self.started.done():
            self.started.set_result(None)
        self._notify(NoticeKind.READY, f"ready after {time.monotonic() - started:.1f} s")

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await self.spec.ready()
        except OSError:  # TimeoutError is one
            return False

    async def _wait_to_restart(self, code: int, ran_seconds: float) -> None:
        restart = self._restarts.on_exit(ran_seconds)
        limit = self.spec.fails_after
        if limit is not None and restart.quick_crashes >= limit and not self.started.done():
            self.started.set_exception(
                StartFailed(self.spec.name, describe_exit(code), self._output.last_lines, self._log.file)
            )
            await self._stopping.wait()
            return
        when = "now" if restart.delay_seconds == 0 else f"in {restart.delay_seconds:.3g} s"
        ended = f"ended after {ran_seconds:.1f} s ({describe_exit(code)}); starting it again {when}"
        if restart.report:
            self._notify(
                NoticeKind.STUCK,
                f"{ended}. It ended {restart.quick_crashes} times in a row; its last lines, "
                f"from {self._log.file}, should say why",
                self._output.last_lines,
            )
        else:
            self._notify(NoticeKind.ENDED, ended, self._output.last_lines[-3:])
        try:
            async with asyncio.timeout(restart.delay_seconds):
                await self._stopping.wait()
        except TimeoutError:
            return  # the delay has passed and nobody called stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _on_line(self, text: str, is_error: bool) -> None:  # noqa: FBT001 - the shape that ChildOutput calls
        self._notify(NoticeKind.ERROR if is_error else NoticeKind.LINE, text)

    def _notify(self, kind: NoticeKind, text: str, lines: tuple[str, ...] = ()) -> None:
        self._notify_all(Notice(kind, self.spec.name, text, lines))


def describe_exit(code: int) -> str:
    """Say an exit code in words: ``exit code 1``, ``killed by SIGKILL``.

    >>> describe_exit(-9), describe_exit(2)
    ('killed by SIGKILL', 'exit code 2')
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
