"""Writes batches of one partition of the log to PostgreSQL, each event once.

The position reached is moved in the transaction that stores the rows, so a batch that was stored
before is recognised by its offsets and skipped. What remains can meet a row of its own id only if
that id is older than the dedup window; such a batch alone takes the slower way over a staging table.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
import structlog
from psycopg import errors

from schemas.stored import EVENT_COLUMNS, MessageRows, StoredBatch, StoredRejection
from sinks.errors import PartitionOwned, SinkRejectedWrite, SinkUnavailable
from sinks.postgres.deleted_people import read_deleted
from sinks.postgres.partition_folders import RecordedFolder, read_folder, record_folder
from sinks.postgres.partitions import DayPartitions
from sinks.postgres.retryable import RETRYABLE
from sinks.report import WriteReport

_log = structlog.get_logger()
_Answer = TypeVar("_Answer")

_COLUMNS = ", ".join(EVENT_COLUMNS)
_COPY = f"COPY events ({_COLUMNS}) FROM STDIN"
_CREATE_STAGE = f"CREATE TEMP TABLE stage ON COMMIT DROP AS SELECT {_COLUMNS} FROM events WITH NO DATA"
_COPY_STAGE = f"COPY stage ({_COLUMNS}) FROM STDIN"
_INSERT_STAGED = f"INSERT INTO events ({_COLUMNS}) SELECT {_COLUMNS} FROM stage ON CONFLICT DO NOTHING"
_INSERT_REJECTED = """
INSERT INTO rejected_events (
    log_id, log_partition, log_offset, log_index, project_id, received_at, event_id, reason, message,
    payload, source, rejected_by
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_READ_POSITION = "SELECT next_offset, log_time FROM sink_positions WHERE log_id = %s AND log_partition = %s"
_MOVE_POSITION = """
INSERT INTO sink_positions (log_id, log_partition, next_offset, log_time) VALUES (%s, %s, %s, %s)
ON CONFLICT (log_id, log_partition) DO UPDATE
SET next_offset = excluded.next_offset,
    log_time = greatest(sink_positions.log_time, excluded.log_time),
    updated_at = now()
"""
_LOCK_HOLDER = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = %s::bigint::oid AND objid = %s::bigint::oid AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# Any number that no other program is likely to pair with ours.
_LOCK_SPACE = 0x5340_0000_0000


class PostgresWriter:
    """The one writer of a partition: a second one is refused while the first lives.

    Args:
        dsn: where PostgreSQL is.
        log_id: which event log the offsets belong to.
        partition: which partition of it.
    """

    def __init__(self, dsn: str, log_id: int, partition: int) -> None:
        self._dsn = dsn
        self._log_id = log_id
        self._partition = partition
        self._connection: psycopg.Connection | None = None
        self._backend: int | None = None
        self._partitions = DayPartitions()
        self._next_offset = 0
        self._log_time: datetime | None = None

    def position(self) -> int:
        """Return the offset up to which everything is stored.

        Raises:
            SinkUnavailable: PostgreSQL is away.
            PartitionOwned: another process writes this partition.
        """
        self._connected()
        return self._next_offset

    def log_time(self) -> datetime | None:
        """Return log time at :meth:`position`, when the connection was made; raises the same."""
        self._connected()
        return self._log_time

    def deleted_people(self) -> list[tuple[int, bytes, int]]:
        """Return project, digest and offset of all who were deleted; raises as :meth:`position`."""
        return self._asked(lambda connection: read_deleted(connection, self._log_id, self._partition))

    def folder(self) -> RecordedFolder | None:
        """Return the folder whose state alone may go on, if there is one; raises as :meth:`position`."""
        return self._asked(lambda connection: read_folder(connection, self._log_id, self._partition))

    def record_folder(self, folder_id: str, place: str) -> None:
        """Remember that from now on this folder's state alone may go on; raises as :meth:`position`."""
        self._asked(
            lambda connection: record_folder(connection, self._log_id, self._partition, folder_id, place)
        )

    def _asked(self, ask: Callable[[psycopg.Connection], _Answer]) -> _Answer:
        try:
            return ask(self._connected())
        except RETRYABLE as error:
            self.close()
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Store consecutive batches in one transaction; returns once it is committed.

        Raises:
            SinkUnavailable: nothing is known to be stored; write the same again.
            SinkRejectedWrite: PostgreSQL refuses these rows for good.
            PartitionOwned: another process writes this partition.
        """
        connection = self._connected()
        messages = [
            message for batch in batches for message in batch.messages if message.offset >= self._next_offset
        ]
        next_offset = batches[-1].next_offset
        if next_offset <= self._next_offset:
            return WriteReport(0, 0)
        days = frozenset[int]().union(*(batch.days for batch in batches))
        log_times = [batch.log_time for batch in batches if batch.log_time is not None]
        log_time = max(log_times, default=None)
        try:
            self._partitions.ensure(connection, days, datetime.now(UTC).date())
            try:
                self._store(connection, messages, next_offset, log_time, staged=False)
            except errors.UniqueViolation:
                _log.info("event ids older than the dedup window", partition=self._partition)
                self._store(connection, messages, next_offset, log_time, staged=True)
        except RETRYABLE as error:
            self.close()
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
        except psycopg.Error as error:
            self.close()
            which = f"messages {messages[0].offset} to {messages[-1].offset}" if messages else "the position"
            raise SinkRejectedWrite(
                f"PostgreSQL refused {which} of partition {self._partition}: {error}".strip()
            ) from error
        self._next_offset = next_offset
        return WriteReport(
            sum(message.events for message in messages), sum(len(message.rejected) for message in messages)
        )

    def close(self) -> None:
        """Let go of the connection, and with it of the partition."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None:
            return self._connection
        try:
            connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=5,
                application_name=f"smolhog-sink-{self._partition}",
                # The server, too, is to notice within seconds that this process is gone for good.
                options="-c timezone=UTC -c lock_timeout=10s -c tcp_keepalives_idle=5 "
                "-c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=10_000,
            )
        except RETRYABLE as error:
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
        try:
            self._own_partition(connection)
            row = connection.execute(_READ_POSITION, [self._log_id, self._partition]).fetchone()
        except RETRYABLE as error:
            connection.close()
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
        except (PartitionOwned, SinkUnavailable):
            connection.close()
            raise
        # Read anew on each connection: the commit before the connection broke may have gone through.
        self._next_offset, self._log_time = row if row is not None else (0, None)
        self._connection = connection
        return connection

    def _own_partition(self, connection: psycopg.Connection) -> None:
        lock = _LOCK_SPACE ^ self._log_id ^ (self._partition << 16)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
        if row is not None and row[0]:
            self._backend = connection.info.backend_pid
            return
        holder = connection.execute(_LOCK_HOLDER, [lock >> 32, lock & 0xFFFF_FFFF]).fetchone()
        if holder is None or holder[0] == self._backend:
            # The server goes on with a commit whose connection broke, and lets go after that.
            raise SinkUnavailable("PostgreSQL: the connection before has not ended yet")
        raise PartitionOwned(
            f"another process writes partition {self._partition}; each partition has one dataflow"
        )

    def _store(
        self,
        connection: psycopg.Connection,
        messages: list[MessageRows],
        next_offset: int,
        log_time: datetime | None,
        *,
        staged: bool,
    ) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            if staged:
                cursor.execute(_CREATE_STAGE)
            with cursor.copy(_COPY_STAGE if staged else _COPY) as copy:
                for message in messages:
                    copy.write(message.rows)
            if staged:
                cursor.execute(_INSERT_STAGED)
            rejected = list(self._rejected_rows(messages))
            if rejected:
                cursor.executemany(_INSERT_REJECTED, rejected)
            cursor.execute(_MOVE_POSITION, [self._log_id, self._partition, next_offset, log_time])

    def _rejected_rows(self, messages: list[MessageRows]) -> Iterable[tuple[object, ...]]:
        for message in messages:
            for rejection in message.rejected:
                yield self._rejected_row(message.offset, rejection)

    def _rejected_row(self, offset: int, rejection: StoredRejection) -> tuple[object, ...]:
        return (
            self._log_id,
            self._partition,
            offset,
            rejection.place,
            rejection.project_id,
            rejection.received_at,
            _storable(rejection.event_id),
            rejection.reason.value,
            _storable(rejection.message),
            rejection.payload,
            rejection.source,
            rejection.rejected_by,
        )


def _storable(text: str | None) -> str | None:
    """Drop what PostgreSQL's text cannot hold; the payload keeps the original bytes."""
    if text is None:
        return None
    return text.replace("\0", "").encode("utf-8", "replace").decode()
