"""Which process the rows of a disk queue belong to: a lock that the system lets go when it dies."""

import fcntl
import os
import uuid
from pathlib import Path


class Owner:
    """A name among the processes of one file, held until :meth:`release` or the end of the process.

    The lock is a file beside the queue's, because a lock survives neither SIGKILL nor a power cut.
    """

    def __init__(self, queue: Path) -> None:
        self.name = uuid.uuid4().hex
        self._path = _lock_path(queue, self.name)
        self.descriptor = _take(self._path)

    def release(self) -> None:
        """Give the name up; nothing may belong to it any more, or somebody adopts it."""
        self._path.unlink(missing_ok=True)
        os.close(self.descriptor)


class DeadOwner:
    """The right to what a dead process left, while nobody else has it. Use :meth:`find`."""

    def __init__(self, name: str, path: Path, descriptor: int | None) -> None:
        self.name = name
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def find(cls, queue: Path, name: str) -> "DeadOwner | None":
        """Tell whether the process of this name is dead, and nobody takes its rows at this moment."""
        path = _lock_path(queue, name)
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return cls(name, path, None)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(name, path, descriptor)

    def bury(self) -> None:
        """Take the lock's file away, once nothing belongs to the name any more."""
        self._path.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)


def owner_names(queue: Path) -> list[str]:
    """List the owners that have a lock, alive or not."""
    prefix = f"{queue.name}.owner-"
    return [path.name.removeprefix(prefix) for path in queue.parent.glob(f"{prefix}*")]


def _lock_path(queue: Path, name: str) -> Path:
    return queue.with_name(f"{queue.name}.owner-{name}")


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # Somebody took it for a dead one's between the two calls, and away.
        os.close(descriptor)
