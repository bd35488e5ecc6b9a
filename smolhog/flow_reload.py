"""Starts a program again whenever the files that it is made of change: for people who write a flow."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 0.3
_STOP_SECONDS = 5.0


def flow_sources(file: Path) -> dict[Path, tuple[int, int]]:
    """Return what a flow is made of: its folder's Python files, and SQL files one folder below; with time and size."""
    found = {}
    for pattern in ("*.py", "*/*.sql"):
        for source in file.parent.glob(pattern):
            try:
                stat = source.stat()
            except FileNotFoundError:
                continue  # editors replace files
            found[source] = (stat.st_mtime_ns, stat.st_size)
    return found


def run_reloading(command: list[str], file: Path, say: Callable[[str], None]) -> None:
    """Run a program until Ctrl-C, and anew after each change; one that ended by itself waits for a change.

    Args:
        command: what to run.
        file: of the flow.
        say: tells a person what happens.

    Raises:
        KeyboardInterrupt: as at the terminal; the program has ended then.
    """
    while True:
        before = flow_sources(file)
        process = subprocess.Popen(command)  # noqa: S603 - our own command
        try:
            ended = False
            while (now := flow_sources(file)) == before:
                if not ended and process.poll() is not None:
                    ended = True
                    say(f"It ended with exit code {process.returncode}; waiting for a change.")
                time.sleep(LOOK_SECONDS)
        finally:
            _stop(process)
        changed = sorted(path.name for path, _ in set(now.items()) ^ set(before.items()))
        say(f"{', '.join(dict.fromkeys(changed))} changed; starting again.")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
