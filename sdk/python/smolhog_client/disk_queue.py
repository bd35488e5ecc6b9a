"""Events on disk until they are acknowledged: one SQLite file, which several processes may share.

Every process owns its rows; what a dead one left goes to whoever asks first. Should two send the
same event all the same, it counts once, because its id is kept with it.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from smolhog_client.disk_owner import DeadOwner, Owner, owner_names
from smolhog_client.errors import DiskQueueError
from smolhog_client.queued import QueuedEvent

_VERSION = 1
_SCHEMA = f"""
CREATE TABLE events (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX events_by_owner ON events (owner, row);
CREATE TABLE totals (events INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (0, 0);
PRAGMA user_version = {_VERSION};
"""
_BUSY_SECONDS = 30.0
_KEPT_IN_CHILD: list[object] = []
"""Connections of a parent process: a forked child must neither use nor close them."""


class DiskQueue:
    """Blocking, and used by one thread at a time.

    Args:
        path: of the file; made if it is not there. On a disk of this machine, not of the network.
        most_events: bound of all processes' events together.
        most_bytes: the same in bytes of JSON.

    Raises:
        DiskQueueError: the file cannot be opened, or is none of ours.
    """

    def __init__(self, path: Path, most_events: int, most_bytes: int) -> None:
        self._path = path
        self._most_events = most_events
        self._most_bytes = most_bytes
        self.last_row = 0
        """The newest row of this process; 0: there was none."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Events are personal data.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._owner = Owner(path)
        except OSError as error:
            raise DiskQueueError(f"the disk queue {path} cannot be opened: {error}") from error
        try:
            self._database = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._set_up()
        except sqlite3.Error as error:
            self._owner.release()
            raise DiskQueueError(f"the disk queue {path} cannot be opened: {error}") from error

    def _set_up(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        # Each commit is on the disk itself when it returns, not only with the system.
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("BEGIN IMMEDIATE")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                self._database.execute(statement)
        self._database.execute("COMMIT")
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"it is of version {version}, not {_VERSION}")

    def write(self, events: Sequence[QueuedEvent], settled: Sequence[int]) -> list[int]:
        """Delete settled rows and store new events, in one transaction that is on disk afterwards.

        Returns:
            The rows of the first events, as many as there is room for; the others are not stored.

        Raises:
            DiskQueueError: the disk is full or broken; nothing has changed.
        """
        try:
            with _Transaction(self._database):
                self._delete(settled)
                return self._insert(events)
        except sqlite3.Error as error:
            raise DiskQueueError(f"the disk queue {self._path} cannot be written: {error}") from error

    def read(self, after: int, count: int) -> list[QueuedEvent]:
        """Read this process's events whose rows follow ``after``, oldest first."""
        try:
            found = self._database.execute(
                "SELECT row, event_id, body FROM events WHERE owner = ? AND row > ? ORDER BY row LIMIT ?",
                (self._owner.name, after, count),
            ).fetchall()
        except sqlite3.Error as error:
            raise DiskQueueError(f"the disk queue {self._path} cannot be read: {error}") from error
        return [QueuedEvent(event_id, body, row=row) for row, event_id, body in found]

    def adopt(self) -> int:
        """Take over what dead processes left, as if it had just been stored.

        Returns:
            How many events that are.
        """
        try:
            owners = self._database.execute("SELECT DISTINCT owner FROM events").fetchall()
            names = ({name for (name,) in owners} | set(owner_names(self._path))) - {self._owner.name}
            return sum(self._adopt(name) for name in sorted(names))
        except (sqlite3.Error, OSError) as error:
            raise DiskQueueError(f"the disk queue {self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file; what is in it waits for the next process."""
        self._database.close()
        self._owner.release()

    def leave_to_parent(self) -> None:
        """Forget it all in a forked child: file, connection and lock are the parent's."""
        _KEPT_IN_CHILD.append(self._database)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self._owner.descriptor, inheritable=False)
        os.close(nothing)

    def _insert(self, events: Sequence[QueuedEvent]) -> list[int]:
        held, size = self._database.execute("SELECT events, bytes FROM totals").fetchone()
        found = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        first = 1 + (found[0] if found else 0)
        stored: list[tuple[int, str, str, bytes]] = []
        added = 0
        for event in events[: max(0, self._most_events - held)]:
            # One event may pass the bound, so that any event can be stored.
            if size + added >= self._most_bytes:
                break
            added += len(event.body)
            stored.append((first + len(stored), self._owner.name, event.event_id, event.body))
        if stored:
            self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", stored)
            self._database.execute(
                "UPDATE totals SET events = events + ?, bytes = bytes + ?", (len(stored), added)
            )
            self.last_row = stored[-1][0]
        return [row for row, *_ in stored]

    def _delete(self, rows: Sequence[int]) -> None:
        count = size = 0
        for row in rows:
            for (length,) in self._database.execute(
                "DELETE FROM events WHERE row = ? RETURNING length(body)", (row,)
            ):
                count += 1
                size += length
        if count:
            self._database.execute("UPDATE totals SET events = events - ?, bytes = bytes - ?", (count, size))

    def _adopt(self, name: str) -> int:
        dead = DeadOwner.find(self._path, name)
        if dead is None:
            return 0
        with _Transaction(self._database):
            # New rows, so that they follow what this process has read already.
            taken = self._database.execute(
                "INSERT INTO events (owner, event_id, body)"
                " SELECT ?, event_id, body FROM events WHERE owner = ? ORDER BY row",
                (self._owner.name, name),
            )
            if taken.rowcount > 0 and taken.lastrowid is not None:
                self._database.execute("DELETE FROM events WHERE owner = ?", (name,))
                self.last_row = taken.lastrowid
        dead.bury()
        return max(0, taken.rowcount)


class _Transaction:
    """``BEGIN IMMEDIATE`` to ``COMMIT``, or ``ROLLBACK`` after an error."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._database.execute("COMMIT")
        elif self._database.in_transaction:
            self._database.execute("ROLLBACK")
