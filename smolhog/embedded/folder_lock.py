"""One process per data folder, enforced by a lock that dies with its holder."""

import fcntl
import os
import time
from pathlib import Path

from smolhog.embedded.errors import FolderInUseError

_POLL_SECONDS = 0.05


class FolderLock:
    """An exclusive `flock` on `<folder>/lock`, held until `release` or until the process ends, however it ends.

    Args:
        folder: an existing folder.
        patience: seconds to wait for the children of a holder that has itself died; a living one is not waited for.

    Raises:
        FolderInUseError: another process holds it; the message names that process.
    """

    def __init__(self, folder: Path, *, patience: float = 0.0) -> None:
        self.descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        while not self._taken():
            holder = os.pread(self.descriptor, 32, 0).decode(errors="replace").strip()
            if time.monotonic() >= deadline or _is_alive(holder):
                os.close(self.descriptor)
                raise FolderInUseError(f"{folder} is in use by another process (pid {holder or 'unknown'})")
            time.sleep(_POLL_SECONDS)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the folder back."""
        os.close(self.descriptor)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        # No such process, or no /proc: then ask the kernel.
        return not Path("/proc/self").exists() and _answers(int(pid))
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
