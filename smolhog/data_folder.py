"""The data folder: made private, and held by one supervisor at a time."""

import fcntl
import os
import time
from pathlib import Path

from smolhog.errors import AlreadyRunning, FolderUnusable

LOCK_FILE = "smolhog.lock"
# A supervisor that was killed leaves processes behind that the watchdog is ending, see watchdog.py.
LEFTOVERS_SECONDS = 20.0
_POLL_SECONDS = 0.1


def make_folder(folder: Path) -> Path:
    """Create the data folder, readable by its owner only, and return its absolute path.

    Under root others may pass through it: the embedded PostgreSQL then runs as another user.

    Raises:
        FolderUnusable: it cannot be created or written.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderUnusable(
            f"the data folder {folder} cannot be created: {error.strerror}",
            "Give a folder that you may write with SMOLHOG_DATA or --data.",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderUnusable(
            f"the data folder {folder} cannot be written by this user",
            "Change its owner, or give another folder with SMOLHOG_DATA or --data.",
        )
    return folder


class FolderLock:
    """The lock by which one supervisor owns a data folder; freed by the system however it ends.

    The file descriptor may be inherited by a child, which then holds the lock too. The watchdog
    does, so that the folder is free only when the last leftover process has gone.
    """

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self.descriptor = descriptor

    @classmethod
    def take(cls, folder: Path, *, leftovers_seconds: float = LEFTOVERS_SECONDS) -> "FolderLock":
        """Lock ``folder`` and write this process's pid into the lock file.

        Args:
            folder: an existing folder.
            leftovers_seconds: how long to wait for the processes of a supervisor that was killed.

        Raises:
            AlreadyRunning: another live process holds it.
            FolderUnusable: the lock file cannot be opened.
        """
        file = folder / LOCK_FILE
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnusable(
                f"{file} cannot be opened: {error.strerror}", "Change its owner, or give another data folder."
            ) from error
        deadline = time.monotonic() + leftovers_seconds
        while not _try_lock(descriptor):
            holder = read_holder(folder)
            if (holder is not None and _is_alive(holder)) or time.monotonic() >= deadline:
                os.close(descriptor)
                raise AlreadyRunning(holder, folder)
            time.sleep(_POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(folder, descriptor)

    def release(self) -> None:
        """Give the folder back. The file stays: removing it would let two processes lock two files."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def read_holder(folder: Path) -> int | None:
    """Return the pid in the lock file, or ``None`` when there is none to read."""
    try:
        return int((folder / LOCK_FILE).read_text())
    except (OSError, ValueError):
        return None


def is_held(folder: Path) -> bool:
    """Whether a live supervisor holds ``folder`` now, not just the leftovers of one. Creates nothing."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if _try_lock(descriptor):
            return False
        holder = read_holder(folder)
        return holder is None or _is_alive(holder)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
