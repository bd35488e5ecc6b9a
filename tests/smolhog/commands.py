"""Runs the command line as a person would, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from smolhog.ports import free_ports

ROOT = Path(__file__).parents[2]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others, and our packages on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")}
    path = os.pathsep.join((str(ROOT), str(ROOT / "sdk" / "python")))
    return {**clean, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **settings}


def stack_settings(data: Path) -> dict[str, str]:
    """Settings of a stack on ``data`` that meets no other one's ports."""
    first = free_ports(5)
    names = ("GATEWAY_PORT", "QUERY_PORT", "POSTGRES_PORT", "CLICKHOUSE_PORT", "METRICS_PORT")
    ports = {f"SMOLHOG_{name}": str(first + index) for index, name in enumerate(names)}
    return {"SMOLHOG_DATA": str(data), **ports}


def run_smolhog(
    cwd: Path, *arguments: str, settings: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "smolhog", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment(settings or {}),
        stdin=subprocess.DEVNULL,
        timeout=timeout,
    )


@contextmanager
def started(
    cwd: Path, *arguments: str, settings: Mapping[str, str], until: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a command and read its output until a line begins with ``until``; yield it and the output so far."""
    with subprocess.Popen(
        [sys.executable, "-m", "smolhog", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=cwd,
        env=environment(settings),
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith(until):
                    break
            else:
                raise AssertionError("".join(lines))
            yield process, "".join(lines)
        finally:
            # Killed only if the test did not end it; the watchdog then ends the children.
            process.kill()
