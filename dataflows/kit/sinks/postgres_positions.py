"""How far an output has written each partition, kept in PostgreSQL in one transaction with what it wrote."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from dataflows.kit.errors import FlowOwned
from dataflows.kit.sink import Item, SinkContext
from sinks.errors import SinkRejectedWrite, SinkUnavailable
from sinks.postgres.retryable import RETRYABLE

_READ = """
SELECT log_partition, next_offset FROM flow_positions WHERE flow = %s AND version = %s AND step = %s AND log_id = %s
"""
# Moves from where this process knows it to be only: another one that wrote meanwhile is found out.
_MOVE = """
INSERT INTO flow_positions AS kept (flow, version, step, log_id, log_partition, next_offset)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (flow, version, step, log_id, log_partition)
DO UPDATE SET next_offset = excluded.next_offset, updated_at = now() WHERE kept.next_offset = %s
"""


class PostgresPositions:
    """The positions of one output; what lies before them was written, and is skipped when it comes again.

    Args:
        context: of the output.
    """

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._identity = (context.flow, context.version, context.step, context.log_id)
        self._connection: psycopg.Connection | None = None
        self._positions: dict[str, int] = {}

    def unstored(self, items: list[Item]) -> list[Item]:
        """Return the items that were not written yet.

        Raises:
            SinkUnavailable: PostgreSQL is away.
        """
        self._connected()
        return [item for item in items if not self._is_stored(item)]

    def store(self, items: list[Item], store: Callable[[psycopg.Cursor[Any]], None]) -> None:
        """Store something, and say that items were written, in one transaction.

        Args:
            items: each partition's by rising offsets.
            store: stores, with the cursor of the transaction.

        Raises:
            SinkUnavailable: nothing is known to be stored.
            SinkRejectedWrite: PostgreSQL refuses it for good.
            FlowOwned: another process has written meanwhile.
        """
        if not items:
            return
        connection = self._connected()
        reached = {item.partition: item.offset + 1 for item in items}
        try:
            with connection.transaction(), connection.cursor() as cursor:
                store(cursor)
                for partition, offset in reached.items():
                    known = self._positions.get(partition)
                    cursor.execute(_MOVE, [*self._identity, partition, offset, known])
                    if cursor.rowcount != 1:
                        raise FlowOwned(f"another process writes {self._context.stream}")
        except psycopg.Error as error:
            self.close()
            # psycopg counts it among what passes, and a value that is too long for an index never does.
            if isinstance(error, RETRYABLE) and not isinstance(error, errors.ProgramLimitExceeded):
                raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
            raise SinkRejectedWrite(
                f"PostgreSQL refuses the rows of {self._context.stream}: {error}".strip()
            ) from error
        self._positions |= reached

    def close(self) -> None:
        """Let go of the connection; the next use makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_stored(self, item: Item) -> bool:
        position = self._positions.get(item.partition)
        return position is not None and item.offset < position

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None:
            return self._connection
        try:
            connection = psycopg.connect(
                self._context.postgres_dsn,
                autocommit=True,
                connect_timeout=5,
                application_name=f"smolhog-flow-{self._context.flow}",
                options="-c timezone=UTC -c lock_timeout=10s",
            )
            # Read anew on each connection: the commit before the last one broke may have gone through.
            rows = connection.execute(_READ, self._identity).fetchall()
        except RETRYABLE as error:
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
        self._positions = dict(rows)
        self._connection = connection
        return connection
