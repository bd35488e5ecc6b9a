"""Ends the supervisor's children when the supervisor is killed and cannot do it itself.

A small process of its own, started by the supervisor with a pipe as standard input, on which the
supervisor says which process groups live: ``+PID`` and ``-PID``, a line each. The end of the pipe
means that the supervisor has gone, by SIGKILL or the out-of-memory killer too: then each leader is
asked to stop, and its whole group is killed after a grace time.

Linux has ``PR_SET_PDEATHSIG`` for this, but it is cleared when a process changes its user (as the
embedded PostgreSQL does under root), knows nothing of grandchildren, and exists nowhere else.

Run by path with ``python -I -S``, so it may import nothing but the standard library.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

GRACE_SECONDS = 5.0


def follow(lines: Iterable[bytes]) -> set[int]:
    """Read what the supervisor says until it has gone; return the process groups that are left."""
    groups: set[int] = set()
    for line in lines:
        sign, pid = line[:1], line[1:].strip()
        if sign == b"+":
            groups.add(int(pid))
        else:
            groups.discard(int(pid))
    return groups


def end_groups(groups: set[int], grace_seconds: float) -> None:
    """Ask the leaders to stop, wait a little, then kill what is left of their groups."""
    left = {pid for pid in groups if _signal(os.kill, pid, signal.SIGTERM)}
    deadline = time.monotonic() + grace_seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {pid for pid in left if _signal(os.killpg, pid, 0)}
    for pid in groups:
        _signal(os.killpg, pid, signal.SIGKILL)


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Send a signal; returns whether there was anybody to get it."""
    try:
        send(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Watch until the supervisor has gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_groups(follow(sys.stdin.buffer), GRACE_SECONDS)


if __name__ == "__main__":
    main()
