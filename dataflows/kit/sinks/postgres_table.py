"""Rows into a table of PostgreSQL, in one transaction with the position that they reach.

What lies before the position was stored, so it is skipped when it comes again; that makes even adding safe.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.rows import Window, WindowRows
from dataflows.kit.sink import Item, ItemWriter, SinkContext
from dataflows.kit.sinks.row_columns import columns_of, rows_of, segment_columns
from sinks.errors import SinkRejectedWrite, SinkUnavailable
from sinks.postgres.retryable import RETRYABLE

_READ = """
SELECT log_partition, next_offset FROM flow_positions WHERE flow = %s AND version = %s AND step = %s AND log_id = %s
"""
_MOVE = """
INSERT INTO flow_positions (flow, version, step, log_id, log_partition, next_offset) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (flow, version, step, log_id, log_partition)
DO UPDATE SET next_offset = excluded.next_offset, updated_at = now()
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class PostgresTable:
    """A table of PostgreSQL.

    Attributes:
        table: its name, with or without a schema.
        key: columns that tell its rows apart; it has a unique index over them.
        mode: ``upsert`` puts a row in the place of the one with its key, ``add`` adds its numbers to that one's,
            ``insert`` only ever adds rows. Windows that grow can be ``upsert``-ed only; their key then has
            ``log_id``, ``log_partition`` and ``segment``, too.
    """

    table: str
    key: tuple[str, ...] = ()
    mode: Literal["upsert", "add", "insert"] = "upsert"

    def __post_init__(self) -> None:
        if self.mode != "insert" and not self.key:
            raise FlowInvalid(f"table {self.table}: {self.mode} needs a key")

    def describe(self) -> str:
        """Say it in a few words."""
        return f"PostgreSQL table {self.table} ({self.mode})"

    def open(self, context: SinkContext) -> ItemWriter:
        """Return what writes there."""
        return PostgresPositions(context, lambda cursor, items: self._store(cursor, items, context.log_id))

    def rows(self, items: Iterable[Item], log_id: int) -> list[Row]:
        """Return the rows of some items, at most one for each key.

        Raises:
            FlowInvalid: they do not fit the mode.
        """
        found: dict[tuple[Any, ...] | int, Row] = {}
        for item in items:
            if isinstance(item, WindowRows) and self.mode != "upsert":
                raise FlowInvalid(
                    f"table {self.table}: windows that grow come more than once; use mode 'upsert', "
                    "closed_windows, or window_partials with mode 'add'"
                )
            for each in rows_of(item):
                row = columns_of(each)
                if isinstance(each, Window) and "segment" in self.key:
                    row |= segment_columns(each, log_id)
                self._put(found, row)
        return list(found.values())

    def _put(self, found: dict[tuple[Any, ...] | int, Row], row: Row) -> None:
        if self.mode == "insert":
            found[len(found)] = row
            return
        try:
            key = tuple(row[name] for name in self.key)
        except KeyError as error:
            raise FlowInvalid(
                f"table {self.table}: a row has no column {error}, which is in its key"
            ) from None
        known = found.get(key)
        if known is not None and self.mode == "add":
            row = {name: value if name in self.key else known[name] + value for name, value in row.items()}
        found[key] = row

    def _store(self, cursor: psycopg.Cursor[Any], items: list[Item], log_id: int) -> None:
        by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
        for row in self.rows(items, log_id):
            by_columns.setdefault(tuple(row), []).append(list(map(_adapted, row.values())))
        for columns, values in by_columns.items():
            cursor.executemany(self._statement(columns), values)

    def _statement(self, columns: tuple[str, ...]) -> sql.Composed:
        table = sql.SQL(".").join(map(sql.Identifier, self.table.split(".")))
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        values = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        insert = sql.SQL("INSERT INTO {} AS kept ({}) VALUES ({})").format(table, names, values)
        if self.mode == "insert":
            return insert
        new = "kept.{name} + excluded.{name}" if self.mode == "add" else "excluded.{name}"
        changes = sql.SQL(", ").join(
            sql.SQL("{name} = " + new).format(name=sql.Identifier(name))
            for name in columns
            if name not in self.key
        )
        key = sql.SQL(", ").join(map(sql.Identifier, self.key))
        action = (
            sql.SQL("DO UPDATE SET {}").format(changes)
            if set(columns) - set(self.key)
            else sql.SQL("DO NOTHING")
        )
        return sql.SQL("{} ON CONFLICT ({}) {}").format(insert, key, action)


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list | tuple) else value


class PostgresPositions:
    """Stores items together with the positions that they reach; those that are stored already are skipped.

    Args:
        context: of the output.
        store: stores items with the cursor of a transaction.
    """

    def __init__(
        self, context: SinkContext, store: Callable[[psycopg.Cursor[Any], list[Item]], None]
    ) -> None:
        self._context = context
        self._store = store
        self._connection: psycopg.Connection | None = None
        self._positions: dict[str, int] = {}

    def write(self, items: list[Item]) -> None:
        """Store items in one transaction. See :class:`dataflows.kit.sink.ItemWriter`."""
        try:
            connection = self._connected()
            new = [item for item in items if not self._is_stored(item)]
            reached = {item.partition: item.offset + 1 for item in new}
            with connection.transaction(), connection.cursor() as cursor:
                self._store(cursor, new)
                cursor.executemany(_MOVE, [(*self._identity, *position) for position in reached.items()])
        except RETRYABLE as error:
            self.close()
            raise SinkUnavailable(f"PostgreSQL: {error}".strip()) from error
        except psycopg.Error as error:
            self.close()
            raise SinkRejectedWrite(
                f"PostgreSQL refuses the rows of {self._context.stream}: {error}".strip()
            ) from error
        self._positions |= reached

    def close(self) -> None:
        """Let go of the connection; the next write makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _identity(self) -> tuple[Any, ...]:
        return self._context.flow, self._context.version, self._context.step, self._context.log_id

    def _is_stored(self, item: Item) -> bool:
        position = self._positions.get(item.partition)
        return position is not None and item.offset < position

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            connection = psycopg.connect(
                self._context.postgres_dsn,
                autocommit=True,
                connect_timeout=5,
                application_name=f"smolhog-flow-{self._context.flow}",
                options="-c timezone=UTC -c lock_timeout=10s",
            )
            # Read anew on each connection: the commit before the last one broke may have gone through.
            self._positions = dict(connection.execute(_READ, self._identity).fetchall())
            self._connection = connection
        return self._connection
