"""What processes cost: CPU time and memory, each with all the processes below it."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_NAMES = {
    "postgres": "postgres",
    "clickhouse_server": "clickhouse",
    "gateway": "gateway",
    "query-api": "query-api",
    "dataflow": "dataflow",
    "watchdog.py": "watchdog",
    "beam.smp": "rabbitmq",
    "epmd": "rabbitmq-epmd",
}


def stack_processes() -> dict[str, psutil.Process]:
    """Return the stack's processes by name; each is a direct child of this one."""
    return {_name(child): child for child in psutil.Process().children()}


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    for ending, name in _NAMES.items():
        if any(part.endswith(ending) for part in command):
            return name
    return str(process.pid)


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process and all below it, those that ended included."""
    try:
        times = process.cpu_times()
        below = process.children()
    except psutil.NoSuchProcess:
        return 0.0  # ended just now: its parent has its times
    total = times.user + times.system + times.children_user + times.children_system
    return float(total) + sum(cpu_seconds(child) for child in below)


def resident_bytes(process: psutil.Process) -> int:
    """Resident memory of a process and all below it, shared pages divided among those that share them."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory = member.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return total


def disk_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take on disk."""
    total = 0
    # Databases delete files and folders at any time: os.walk passes over folders that are gone, rglob raises.
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                file = Path(path, name).lstat()
                if stat.S_ISREG(file.st_mode):
                    total += file.st_blocks * 512
    return total


@contextmanager
def profiled(processes: dict[str, psutil.Process], folder: Path | None) -> Iterator[None]:
    """Record where processes spend their time, as ``<folder>/<name>.folded`` for flame graphs.

    Args:
        processes: Python processes by name.
        folder: made if it is not there; ``None`` records nothing.
    """
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    recorders = [
        subprocess.Popen(
            [
                *(str(Path(sys.executable).with_name("py-spy")), "record", "--format", "raw"),
                *("--rate", "200", "--nonblocking", "--threads", "--pid", str(process.pid)),
                *("--output", str(folder / f"{name}.folded")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name, process in processes.items()
    ]
    try:
        yield
    finally:
        for recorder in recorders:
            recorder.send_signal(signal.SIGINT)
        for recorder in recorders:
            recorder.wait()
