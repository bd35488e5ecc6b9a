"""The data folder: made private, and held by one supervisor at a time."""

import os
from pathlib import Path

from smolhog import file_lock
from smolhog.errors import AlreadyRunning, FolderUnusable
from smolhog.file_lock import FileLock, FileLocked

LOCK_FILE = "smolhog.lock"
# A supervisor that was killed leaves processes behind that the watchdog is ending, see watchdog.py.
LEFTOVERS_SECONDS = 20.0


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


class FolderLock(FileLock):
    """The lock by which one supervisor owns a data folder.

    The watchdog inherits it, so that the folder is free only when the last leftover process has gone.
    """

    def __init__(self, folder: Path, *, patience: float) -> None:
        super().__init__(folder / LOCK_FILE, patience=patience)
        self.folder = folder

    @classmethod
    def take(cls, folder: Path, *, leftovers_seconds: float = LEFTOVERS_SECONDS) -> "FolderLock":
        """Lock ``folder``.

        Args:
            folder: an existing folder.
            leftovers_seconds: how long to wait for the processes of a supervisor that was killed.

        Raises:
            AlreadyRunning: another live process holds it.
            FolderUnusable: the lock file cannot be opened.
        """
        try:
            return cls(folder, patience=leftovers_seconds)
        except FileLocked as error:
            raise AlreadyRunning(error.holder, folder) from error
        except OSError as error:
            raise FolderUnusable(
                f"{folder / LOCK_FILE} cannot be opened: {error.strerror}",
                "Change its owner, or give another data folder.",
            ) from error


def read_holder(folder: Path) -> int | None:
    """Return the pid of the supervisor that locked ``folder`` last, or ``None``."""
    return file_lock.read_holder(folder / LOCK_FILE)


def is_held(folder: Path) -> bool:
    """Whether a live supervisor holds ``folder`` now. Creates nothing."""
    return file_lock.is_held(folder / LOCK_FILE)
