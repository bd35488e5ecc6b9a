"""Asks tables of PostgreSQL that change slowly, and writes down what they said.

What a table says at the moment is not in the log, so a replay might be told otherwise. So every answer is written
down before anything comes of it, by the offset of the message that it was for; a replay of that message is given
the same. Answers are kept for days, on the flow's own disk.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import psycopg
import stamina
from psycopg import errors

from dataflows.dedup import DedupIndex
from dataflows.kit.errors import LookupRefused
from sinks.errors import SinkUnavailable
from sinks.postgres.retryable import RETRYABLE

Answer = list[Any] | None
"""A row's columns; ``None`` if the table has no such row."""

_OTHER_TYPE = (errors.UndefinedFunction, errors.CannotCoerce, errors.DatatypeMismatch)
"""What PostgreSQL says to an array of keys that the query's column cannot be compared with."""
_SAMPLES: list[Hashable] = ["", "0", "00000000-0000-0000-0000-000000000000", "2000-01-01", 0, 0.5, False]
"""Keys of all types that a query may take."""

_encode = msgspec.msgpack.Encoder(enc_hook=str).encode
_decode = msgspec.msgpack.Decoder(list[tuple[Any, Answer]]).decode


class Lookup(Protocol):
    """Asks a table about many keys at once."""

    def ask(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        """Return the row of each key."""
        ...


class PostgresLookup:
    """Asks PostgreSQL, and remembers for a time.

    Args:
        dsn: PostgreSQL.
        query: see :func:`join_table`.
        refresh: seconds for which an answer is good.
        most: answers that are remembered.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        dsn: str,
        query: str,
        refresh: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dsn = dsn
        self._query = query
        self._refresh = refresh
        self._most = most
        self._clock = clock
        self._known: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()
        self._has_answered = False
        self._connection: psycopg.Connection | None = None

    def ask(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        """Return the row of each key; waits while PostgreSQL is away.

        Raises:
            LookupRefused: PostgreSQL refuses the query for good.
        """
        now = self._clock()
        unknown = [key for key in keys if self._known.get(key, (0.0, None))[0] <= now]
        if unknown:
            found = self._rows(unknown)
            for key in unknown:
                self._known[key] = (now + self._refresh, found.get(key))
                self._known.move_to_end(key)
        answers = {key: self._known[key][1] for key in keys}
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return answers

    def close(self) -> None:
        """Let go of the connection; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        """Ask for keys of each type by themselves: an array has one type."""
        by_type: dict[type, list[Hashable]] = {}
        for key in keys:
            by_type.setdefault(type(key), []).append(key)
        found: dict[Hashable, Answer] = {}
        for alike in by_type.values():
            found |= self._rows_alike(alike)
        return found

    def _rows_alike(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        """Ask for keys of one type. Whoever sends events chooses them, so one that the table cannot have has no row."""
        try:
            return self._asked(keys)
        except psycopg.DataError as error:
            if len(keys) > 1:
                half = len(keys) // 2
                return self._rows_alike(keys[:half]) | self._rows_alike(keys[half:])
            reason: psycopg.Error = error
        except _OTHER_TYPE as error:
            reason = error
        if not self._takes_any():
            raise LookupRefused(f"PostgreSQL refuses the query of a join: {reason}".strip()) from reason
        return {}

    def _takes_any(self) -> bool:
        """Whether it is for the keys, and not for the query, that PostgreSQL refuses it."""
        for key in _SAMPLES:
            if self._has_answered:
                break
            with suppress(psycopg.DataError, *_OTHER_TYPE):
                self._asked([key])
        return self._has_answered

    def _asked(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        """Ask until PostgreSQL answers. A function that is decorated to be tried again has its arguments logged."""
        found: dict[Hashable, Answer] = {}
        for attempt in stamina.retry_context(on=SinkUnavailable, attempts=None, timeout=None, wait_max=5.0):
            with attempt:
                found = self._asked_once(keys)
        return found

    def _asked_once(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._dsn, autocommit=True, connect_timeout=5, options="-c timezone=UTC"
                )
            rows = self._connection.execute(self._query.encode(), [keys]).fetchall()
        except RETRYABLE as error:
            self.close()
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
        except (psycopg.DataError, *_OTHER_TYPE):
            raise
        except psycopg.Error as error:
            self.close()
            raise LookupRefused(f"PostgreSQL refuses the query of a join: {error}".strip()) from error
        self._has_answered = True
        return {key: list(columns) for key, *columns in rows}


class RecordedLookup:
    """Asks a lookup once for each message, whatever is replayed. The one of one partition.

    Args:
        lookup: is asked.
        record: keeps answers, on disk.
    """

    def __init__(self, lookup: Lookup, record: DedupIndex) -> None:
        self._lookup = lookup
        self._record = record

    def ask(self, offset: int, keys: list[Hashable]) -> dict[Hashable, Answer]:
        """Return the row of each key as it was when the message was first seen."""
        place = (offset % 2**64).to_bytes(8, "big")
        (recorded,) = self._record.get([place])
        if recorded is not None:
            return dict(_decode(recorded))
        answers = self._lookup.ask(keys)
        encoded = _encode(list(answers.items()))
        self._record.put({place: encoded})
        # As it comes back from the record: times as text.
        return dict(_decode(encoded))
