"""The supervisor, with real child processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from smolhog.child import ChildSpec, Notice, NoticeKind
from smolhog.data_folder import FolderLock, is_held
from smolhog.errors import StartFailed
from smolhog.restarts import RestartPolicy
from smolhog.supervisor import StopRequested, Supervisor

FAST = RestartPolicy(first_seconds=0.01, most_seconds=0.05, stable_seconds=60, report_every=3)

# A well-behaved child: says that it is ready, notes its end, ends at SIGTERM.
POLITE = """
import signal, sys, threading
from pathlib import Path
name, folder = sys.argv[1], Path(sys.argv[2])
done = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: done.set())
with (folder / "order").open("a") as order:
    print("start", name, file=order, flush=True)
(folder / f"{name}.ready").touch()
done.wait()
with (folder / "order").open("a") as order:
    print("stop", name, file=order, flush=True)
"""
STUBBORN = """
import signal, subprocess, sys, time
from pathlib import Path
name, folder = sys.argv[1], Path(sys.argv[2])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(folder / "grandchild").write_text(str(grandchild.pid))
(folder / f"{name}.ready").touch()
time.sleep(600)
"""
CRASHING = "import sys; print('the disk is full', flush=True); sys.exit(7)"


def spec(folder: Path, name: str, code: str = POLITE, **options: float) -> ChildSpec:
    """A child that is ready once it has made its file."""
    file = folder / f"{name}.ready"

    async def ready() -> bool:
        return file.exists()

    return ChildSpec(name, (sys.executable, "-c", code, name, str(folder)), ready, **options)  # type: ignore[arg-type]


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Poll until the condition holds; fail the test when it never does."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


@contextmanager
def supervisor(
    folder: Path, notices: list[Notice], policy: RestartPolicy = FAST, *, verbose: bool = False
) -> Iterator[Supervisor]:
    """A supervisor of an empty data folder."""
    data = folder / "data"
    data.mkdir()
    lock = FolderLock.take(data)
    try:
        yield Supervisor(lock, notices.append, policy=policy, verbose=verbose)
    finally:
        lock.release()


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie that nobody reaps counts as ended)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def order(folder: Path) -> list[str]:
    """What the polite children noted."""
    return (folder / "order").read_text().splitlines()


async def test_what_only_has_to_keep_up_stands_back(tmp_path: Path) -> None:
    """A child that says so, and what it starts, get what processor time is left over."""
    own = psutil.Process().nice()
    with supervisor(tmp_path, []) as boss:
        async with boss:
            await boss.start(
                spec(tmp_path, "gateway"),
                spec(tmp_path, "database", STUBBORN, niceness=3, stop_timeout_seconds=0.1),
            )
            gateway, database = (psutil.Process(child.pid) for child in boss.children)
            (started,) = database.children()
            assert (gateway.nice(), database.nice(), started.nice()) == (own, own + 3, own + 3)


@pytest.mark.parametrize("chosen", [None, "7"])
async def test_freed_memory_is_not_kept_for_each_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    """Unless whoever starts the stack says otherwise."""
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    if chosen is not None:
        monkeypatch.setenv("MALLOC_ARENA_MAX", chosen)
    with supervisor(tmp_path, []) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "gateway"))
            assert psutil.Process(boss.children[0].pid).environ()["MALLOC_ARENA_MAX"] == (chosen or "2")


async def test_waves_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    """A child is started when what it needs is ready, and stopped before that."""
    notices: list[Notice] = []
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "database"))
            await boss.start(spec(tmp_path, "gateway"))
            pids = [child.pid for child in boss.children]
        assert order(tmp_path) == ["start database", "start gateway", "stop gateway", "stop database"]
        assert all(pid is not None and gone(pid) for pid in pids)
    assert [notice.child for notice in notices if notice.kind is NoticeKind.READY] == ["database", "gateway"]
    assert not is_held(tmp_path / "data")


async def test_a_killed_child_comes_back(tmp_path: Path) -> None:
    """After SIGKILL the process is started again, under a new pid, and is ready again."""
    notices: list[Notice] = []
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "gateway"))
            child = boss.children[0]
            first = child.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: child.pid not in (first, None) and child.ready.is_set())
    assert any("killed by SIGKILL" in n.text for n in notices if n.kind is NoticeKind.ENDED)


async def test_a_child_that_keeps_crashing_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """It is started again and again; now and then a person learns where to look and what it said."""
    notices: list[Notice] = []
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            starting = asyncio.create_task(boss.start(spec(tmp_path, "gateway", CRASHING)))
            await until(lambda: sum(n.kind is NoticeKind.STUCK for n in notices) >= 2)
            boss.signals.requested.set()
            with pytest.raises(StopRequested):
                await starting
    report = next(n for n in notices if n.kind is NoticeKind.STUCK)
    assert "exit code 7" in report.text
    assert "3 times in a row" in report.text
    assert str(tmp_path / "data" / "logs" / "gateway.log") in report.text
    assert report.lines[-1] == "the disk is full"


async def test_a_start_may_fail_for_good(tmp_path: Path) -> None:
    """Where nobody else can put it right, a few quick crashes end the start, with the last words."""
    hopeless = replace(spec(tmp_path, "database", CRASHING), fails_after=2)
    with supervisor(tmp_path, []) as boss:
        async with boss:
            with pytest.raises(StartFailed) as failed:
                await boss.start(hopeless)
    assert failed.value.message == "database cannot be started (exit code 7); it said:\nthe disk is full"
    assert str(tmp_path / "data" / "logs" / "database.log") in failed.value.advice


async def test_a_program_that_does_not_exist_is_reported_not_raised(tmp_path: Path) -> None:
    """A missing program is an error that a person sees, and one more reason to try again."""
    notices: list[Notice] = []
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            missing = ChildSpec("engine", (str(tmp_path / "none"),), spec(tmp_path, "engine").ready)
            starting = asyncio.create_task(boss.start(missing))
            await until(lambda: any(n.kind is NoticeKind.STUCK for n in notices))
            boss.signals.requested.set()
            with pytest.raises(StopRequested):
                await starting
    assert any("cannot be started" in n.text for n in notices if n.kind is NoticeKind.ERROR)


async def test_a_child_that_will_not_stop_is_killed_with_its_own_children(tmp_path: Path) -> None:
    """After the timeout the whole process group goes."""
    notices: list[Notice] = []
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "stubborn", STUBBORN, stop_timeout_seconds=0.2))
            pid = boss.children[0].pid
            grandchild = int((tmp_path / "grandchild").read_text())
        assert pid is not None
        assert gone(pid)
        await until(lambda: gone(grandchild))
    assert [n.kind for n in notices][-1] is NoticeKind.KILLED


async def test_what_a_crashed_child_left_behind_is_cleared_before_the_next_start(tmp_path: Path) -> None:
    """A grandchild that survived would hold the port or the folder."""
    notices: list[Notice] = []
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "stubborn", STUBBORN, stop_timeout_seconds=0.1))
            child = boss.children[0]
            first, grandchild = child.pid, int((tmp_path / "grandchild").read_text())
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: child.pid not in (first, None))
            await until(lambda: gone(grandchild))


async def test_a_slow_child_is_mentioned_once_and_waited_for(tmp_path: Path) -> None:
    """Not being ready is said, and is no reason to give up."""
    notices: list[Notice] = []
    slow = spec(tmp_path, "slow", "import time; time.sleep(600)", slow_after_seconds=0.05)
    with supervisor(tmp_path, notices) as boss:
        async with boss:
            starting = asyncio.create_task(boss.start(slow))
            await until(lambda: any(n.kind is NoticeKind.SLOW for n in notices))
            (tmp_path / "slow.ready").touch()
            await starting
    assert sum(n.kind is NoticeKind.SLOW for n in notices) == 1


async def test_output_goes_to_a_file_and_when_asked_to_the_terminal(tmp_path: Path) -> None:
    """With verbose every line is passed on, and the file has it in any case."""
    notices: list[Notice] = []
    code = "print('hello', flush=True)\n" + POLITE
    with supervisor(tmp_path, notices, verbose=True) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "talker", code))
    assert (tmp_path / "data" / "logs" / "talker.log").read_text() == "hello\n"
    assert [n.text for n in notices if n.kind is NoticeKind.LINE] == ["hello"]


async def test_a_killed_watchdog_is_replaced(tmp_path: Path) -> None:
    """The next start or end of a child brings a new watchdog, which knows all groups."""
    with supervisor(tmp_path, []) as boss:
        async with boss:
            await boss.start(spec(tmp_path, "one"))
            (first,) = (p for p in psutil.Process().children() if "watchdog.py" in " ".join(p.cmdline()))
            first.kill()
            first.wait(10)
            await boss.start(spec(tmp_path, "two"))
            alive = [
                p
                for p in psutil.Process().children()
                if p.status() != psutil.STATUS_ZOMBIE and "watchdog.py" in " ".join(p.cmdline())
            ]
            assert len(alive) == 1


# A supervisor in a process of its own, for what signals do to it.
ALONE = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.smolhog.test_supervisor import FAST, POLITE, STUBBORN, spec
from smolhog.errors import StartFailed
from smolhog.data_folder import FolderLock
from smolhog.supervisor import Supervisor
folder = Path(sys.argv[1])
async def main():
    lock = FolderLock.take(folder / "data")
    async with Supervisor(lock, lambda notice: None, policy=FAST) as boss:
        await boss.start(spec(folder, "polite"))
        await boss.start(spec(folder, "stubborn", STUBBORN, stop_timeout_seconds=float(sys.argv[2])))
        pids = [child.pid for child in boss.children]
        print(json.dumps(pids), flush=True)
        await boss.signals.requested.wait()
        print("stopping", flush=True)
    lock.release()
asyncio.run(main())
"""


@contextmanager
def alone(folder: Path, stop_timeout: float) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run a supervisor with a polite and a stubborn child; yield it and all pids below it."""
    (folder / "data").mkdir()
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", ALONE.format(root=root), str(folder), str(stop_timeout)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            pids: list[int] = json.loads(process.stdout.readline())
            yield process, [*pids, int((folder / "grandchild").read_text())]
        finally:
            process.kill()


def wait_gone(pids: list[int], seconds: float = 30) -> None:
    """Poll until all of these processes have ended."""
    deadline = time.monotonic() + seconds
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline, [pid for pid in pids if not gone(pid)]
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """The polite child ends by itself, the stubborn one after its timeout, and the exit code is 0."""
    with alone(tmp_path, 0.2) as (process, pids):
        process.send_signal(number)
        assert process.wait(30) == 0
        wait_gone(pids)
    assert order(tmp_path) == ["start polite", "stop polite"]


def test_a_second_interrupt_kills_at_once(tmp_path: Path) -> None:
    """Who presses Ctrl-C twice does not wait for the stubborn child's ten minutes."""
    with alone(tmp_path, 600) as (process, pids):
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signal.SIGINT)
        process.wait(30)
        wait_gone(pids)


def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    """After SIGKILL of the supervisor its watchdog ends the children, grandchildren and itself."""
    with alone(tmp_path, 600) as (process, pids):
        process.kill()
        process.wait(30)
        wait_gone(pids)
        # The folder is free again once everything is gone, which is what the next start waits for.
        FolderLock.take(tmp_path / "data").release()
    assert order(tmp_path) == ["start polite", "stop polite"]
