"""The folder that holds all of a partition's state: its id, its lock, the dedup index, the recovery store."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from dataflows.recovery import create_recovery_store
from sinks.errors import PartitionOwned
from smolhog.file_lock import FileLock, FileLocked
from smolhog.whole_files import write_whole


class PartitionFolder:
    """One partition's folder, held by this process.

    Args:
        path: where it is.

    Attributes:
        path: likewise.
        id: made with the folder; moves with it.
        dedup: folder of the dedup index.
        recovery: folder of the recovery store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dedup = path / "dedup"
        self.recovery = path / "recovery"
        self._begun = path / "begun"
        self._has_begun = self._begun.exists()
        if self.recovery.exists() and not (path / "id").exists():
            # Of a version that gave folders no id.
            self.note_state()
        self.id = _id_of(path / "id")

    @property
    def place(self) -> str:
        """Machine and path, for people."""
        return f"{socket.gethostname()}:{self.path.absolute()}"

    @property
    def has_state(self) -> bool:
        """Whether a dataflow has kept anything in it: one that waits for its log has not."""
        return self._has_begun

    def note_state(self) -> None:
        """Say that there is state, once there is."""
        if not self._has_begun:
            write_whole(self._begun, "")
            self._has_begun = True

    def create_recovery_store(self) -> None:
        """Create the store whole or not at all, unless it is there."""
        if not self.recovery.exists():
            create_recovery_store(self.recovery)


@contextmanager
def owned(path: Path) -> Iterator[PartitionFolder]:
    """Hold a partition's folder, made if it is missing; the system lets go of it however this process ends.

    Raises:
        PartitionOwned: another process holds it.
    """
    path.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path / "lock")
    except FileLocked as error:
        raise PartitionOwned(f"another process on this machine uses {path} (pid {error.holder})") from error
    try:
        yield PartitionFolder(path)
    finally:
        lock.release()


def _id_of(file: Path) -> str:
    """Read the folder's id; make one where there is none."""
    if not file.exists():
        write_whole(file, f"{uuid4().hex}\n")
    return file.read_text().strip()
