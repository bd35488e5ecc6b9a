"""A lock on a file, which dies with its holder however that ends, and says who holds it."""

import fcntl
import os
import time
from pathlib import Path

_POLL_SECONDS = 0.05


class FileLocked(Exception):  # noqa: N818 - names the fact
    """Another process holds the lock.

    Attributes:
        holder: its pid, if it wrote one.
    """

    def __init__(self, file: Path, holder: int | None) -> None:
        super().__init__(f"{file} is locked by process {holder if holder is not None else 'unknown'}")
        self.holder = holder


class FileLock:
    """An exclusive `flock` on a file that holds the holder's pid. The file stays when it is released.

    A child may inherit the descriptor, and then holds the lock, too.

    Args:
        file: made if it is missing, in an existing folder.
        patience: seconds to wait for the children of a holder that has itself died; a living one is not
            waited for.

    Raises:
        FileLocked: another process holds it.
        OSError: the file cannot be opened.
    """

    def __init__(self, file: Path, *, patience: float = 0.0) -> None:
        self.descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        while not _taken(self.descriptor):
            holder = read_holder(file)
            if time.monotonic() >= deadline or (holder is not None and _is_alive(holder)):
                os.close(self.descriptor)
                raise FileLocked(file, holder)
            time.sleep(_POLL_SECONDS)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give it back. Removing the file would let two processes lock two files."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def read_holder(file: Path) -> int | None:
    """Return the pid in a lock file, or ``None`` when there is none to read."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def is_held(file: Path) -> bool:
    """Whether a live process holds the lock now, not just the leftovers of one. Creates nothing."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if _taken(descriptor):
            return False
        holder = read_holder(file)
        return holder is None or _is_alive(holder)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        # No such process, or no /proc: then ask the kernel.
        return not Path("/proc/self").exists() and _answers(pid)
    # A killed process that its parent has not collected yet holds nothing any more.
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
