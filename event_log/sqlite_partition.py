"""One partition of the embedded log: one SQLite file, every call blocking.

Called from threads only, never from the event loop. Each caller opens its own connection.
"""

import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from event_log.errors import (
    EventLogClosed,
    EventLogCorrupt,
    EventLogError,
    EventLogFull,
    EventLogUnavailable,
    OffsetBeyondEnd,
    OffsetGone,
)
from event_log.port import Message

# A 64 KiB body in pages of 4 KiB is a chain of 17 pages; in pages of 16 KiB, of 5.
_PAGE_BYTES = 16 * 1024
# AUTOINCREMENT remembers the last offset in sqlite_sequence, so a partition that retention or
# `trim` emptied goes on where it was instead of starting at 0 again.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
    appended_at REAL NOT NULL,
    body BLOB NOT NULL
)
"""
_NEXT = "SELECT coalesce((SELECT seq + 1 FROM sqlite_sequence WHERE name = 'message'), 0)"
_INSERT = 'INSERT INTO message ("offset", appended_at, body) VALUES (?, ?, ?)'
_FETCH = 'SELECT "offset", body FROM message WHERE "offset" >= ? ORDER BY "offset" LIMIT ?'
_BOUNDS = f'SELECT (SELECT min("offset") FROM message), ({_NEXT})'
_OLDEST = 'SELECT "offset", appended_at, length(body) FROM message ORDER BY "offset"'
_DELETE_BEFORE = 'DELETE FROM message WHERE "offset" < ?'

_PERMANENT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# Opening a file takes 32 KiB beside it for SQLite's shared memory; without them it says "disk I/O error".
_FULL_BELOW_BYTES = 64 * 1024


class Bounds(NamedTuple):
    """`oldest` is the first kept offset, None when nothing is kept; `end` is one past the last ever."""

    oldest: int | None
    end: int


class PartitionFile:
    """A connection to the file of one partition.

    Used by one thread at a time, except that any thread may close it: a call that is running then
    ends first, a later one raises `EventLogClosed`.

    Args:
        path: the SQLite file; created if missing.
        timeout: seconds to wait for another process that is writing.
    """

    def __init__(self, path: Path, *, timeout: float) -> None:
        self._path = path
        # SQLite frees its memory on close, whoever is inside: a call on another thread would crash the process.
        self._busy = threading.RLock()
        self._closed = False
        with self._typed_errors():
            self._connection = sqlite3.connect(
                path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # fsync at every commit: an append is durable
        connection.execute("PRAGMA journal_size_limit = 33554432")
        connection.execute(_SCHEMA)

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except EventLogError:
            raise
        except sqlite3.Error as error:
            # The low byte of an extended result code is the code itself.
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & 0xFF in _PERMANENT:
                raise EventLogCorrupt(
                    f"{self._path} is damaged ({error}). Stop what uses it, keep a copy, and either recover it with "
                    f"`sqlite3 {self._path.name} .recover` or move it away: the messages in it are then missing"
                ) from error
            raise EventLogUnavailable(f"{self._path}: {self._why(code, error)}") from error

    def _why(self, code: int | None, error: sqlite3.Error) -> str:
        primary = None if code is None else code & 0xFF
        if primary in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
            free = shutil.disk_usage(self._path.parent).free
            if primary == sqlite3.SQLITE_FULL or free < _FULL_BELOW_BYTES:
                return f"the disk is full, {free // 1024} KiB are left ({error})"
        return str(error)

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Keep the connection open until the block ends."""
        with self._busy, self._typed_errors():
            if self._closed:
                raise EventLogClosed
            yield

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One immediate transaction: its caller is the only writer until it ends."""
        with self._using():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite itself has rolled back already when the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def append(self, bodies: Sequence[bytes], *, now: float, capacity_bytes: int | None = None) -> None:
        """Store bodies in order in one transaction; durable on return.

        Raises:
            EventLogFull: the file already uses `capacity_bytes`, or would with these; none is stored.
            EventLogUnavailable: disk full, file locked; none is stored.
        """
        with self._transaction():
            if capacity_bytes is not None and self.used_bytes() + sum(map(len, bodies)) > capacity_bytes:
                raise EventLogFull(f"{self._path.name} has reached its capacity of {capacity_bytes} bytes")
            (first,) = self._connection.execute(_NEXT).fetchone()
            rows = ((first + index, now, body) for index, body in enumerate(bodies))
            self._connection.executemany(_INSERT, rows)

    def fetch(self, from_offset: int, *, max_messages: int, max_bytes: int) -> list[Message]:
        """Return the next messages, at least one if there is any; empty when the end is reached.

        Raises:
            OffsetGone: messages from `from_offset` on were deleted.
            OffsetBeyondEnd: the partition ends before `from_offset`.
        """
        messages: list[Message] = []
        size = 0
        with self._using():
            for offset, body in self._connection.execute(_FETCH, (from_offset, max_messages)):
                messages.append(Message(offset, body))
                size += len(body)
                if size >= max_bytes:
                    break
            if not messages or messages[0].offset != from_offset:
                self._check_offset(from_offset)
        return messages

    def _check_offset(self, asked: int) -> None:
        partition = int(self._path.stem.rsplit("-", 1)[-1])
        oldest, end = self.bounds()
        if asked > end:
            raise OffsetBeyondEnd(partition, asked, end)
        first_kept = end if oldest is None else oldest
        if asked < first_kept:
            raise OffsetGone(partition, asked, first_kept)

    def bounds(self) -> Bounds:
        """Return where the partition begins and ends."""
        with self._using():
            return Bounds(*self._connection.execute(_BOUNDS).fetchone())

    def used_bytes(self) -> int:
        """Return the bytes in pages that hold something; deleted messages leave free pages that are reused."""
        with self._using():
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int(pages - free) * int(page_bytes)

    def trim(self, before: int) -> None:
        """Delete the messages with offsets below `before`."""
        with self._transaction():
            self._connection.execute(_DELETE_BEFORE, (before,))

    def enforce(self, *, max_bytes: int | None, oldest_time: float | None) -> int | None:
        """Delete the oldest messages over `max_bytes` in all, and those appended before `oldest_time`.

        Returns:
            The offset below which all were deleted, None if nothing was.
        """
        excess = 0 if max_bytes is None else self.used_bytes() - max_bytes
        if excess <= 0 and oldest_time is None:
            return None
        with self._transaction():
            cut: int | None = None
            for offset, appended_at, size in self._connection.execute(_OLDEST):
                if excess <= 0 and (oldest_time is None or appended_at >= oldest_time):
                    break
                excess -= size
                cut = offset + 1
            if cut is not None:
                self._connection.execute(_DELETE_BEFORE, (cut,))
        return cut

    def close(self) -> None:
        """Close the connection once the running call is over; closing twice is fine."""
        with self._busy, self._typed_errors():
            self._closed = True
            self._connection.close()
