"""One embedded service per data folder."""

from pathlib import Path

from smolhog.embedded.errors import FolderInUseError
from smolhog.file_lock import FileLock, FileLocked


class FolderLock(FileLock):
    """The lock on `<folder>/lock`.

    Args:
        folder: an existing folder.
        patience: see :class:`smolhog.file_lock.FileLock`.

    Raises:
        FolderInUseError: another process holds it; the message names that process.
    """

    def __init__(self, folder: Path, *, patience: float = 0.0) -> None:
        try:
            super().__init__(folder / "lock", patience=patience)
        except FileLocked as error:
            raise FolderInUseError(
                f"{folder} is in use by another process (pid {error.holder or 'unknown'})"
            ) from error
