"""Rows into a table of PostgreSQL, in one transaction with the position that they reach.

What lies before the position was stored, so it is skipped when it comes again; that makes even adding safe.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.rows import Window, WindowRows
from dataflows.kit.sink import Item, ItemWriter, SinkContext
from dataflows.kit.sinks.postgres_positions import PostgresPositions
from dataflows.kit.sinks.row_columns import columns_of, rows_of, segment_columns

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
        return _Writer(self, context)

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

    def store(self, cursor: psycopg.Cursor[Any], items: list[Item], log_id: int) -> None:
        """Store the rows of items with the cursor of a transaction."""
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


class _Writer:
    def __init__(self, table: PostgresTable, context: SinkContext) -> None:
        self._table = table
        self._log_id = context.log_id
        self._positions = PostgresPositions(context)

    def write(self, items: list[Item]) -> None:
        new = self._positions.unstored(items)
        self._positions.store(new, lambda cursor: self._table.store(cursor, new, self._log_id))

    def close(self) -> None:
        self._positions.close()


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list | tuple) else value
