"""Twins of the sinks, in memory: they keep what the real ones keep, and know a repeat by the same rule."""

from collections.abc import Callable
from typing import Any, Protocol

from dataflows.kit.sink import FlowSink, Item, SinkContext
from dataflows.kit.sinks.clickhouse_table import ClickHouseTable, identified_rows
from dataflows.kit.sinks.postgres_table import PostgresTable
from dataflows.kit.sinks.row_columns import columns_of, rows_of

Row = dict[str, Any]
_PLACE = ("log_id", "log_partition", "log_offset", "log_index", "segment", "version")


class Twin(Protocol):
    """A sink in memory, which outlives crashes."""

    def write(self, items: list[Item]) -> None:
        """Store items as the real sink does."""
        ...

    def rows(self) -> list[Row]:
        """Return what a reader of the real sink finds."""
        ...


class PostgresTwin:
    """Keeps rows and the positions that they reach."""

    def __init__(self, table: PostgresTable) -> None:
        self._table = table
        self._positions: dict[str, int] = {}
        self._rows: dict[Any, Row] = {}

    def write(self, items: list[Item]) -> None:
        """Store items that are not stored yet."""
        new = [item for item in items if item.offset >= self._positions.get(item.partition, item.offset)]
        for row in self._table.rows(new, 1):
            self._put(row)
        self._positions |= {item.partition: item.offset + 1 for item in new}

    def _put(self, row: Row) -> None:
        key = (
            tuple(row[name] for name in self._table.key) if self._table.mode != "insert" else len(self._rows)
        )
        known = self._rows.get(key)
        if known is not None and self._table.mode == "add":
            row = {name: v if name in self._table.key else known[name] + v for name, v in row.items()}
        self._rows[key] = row if known is None else known | row

    def rows(self) -> list[Row]:
        """Return the rows of the table."""
        return list(self._rows.values())


class ClickHouseTwin:
    """Keeps the newest version of each row."""

    def __init__(self) -> None:
        self._rows: dict[Any, Row] = {}

    def write(self, items: list[Item]) -> None:
        """Store rows, in the place of older versions."""
        for row in identified_rows(items, 1):
            if "version" in row:
                # Numbers of a window come between its start and its place.
                names = list(row)
                key = tuple(row[name] for name in names[: names.index("window_start") + 1])
                identity: Any = (key, row["log_partition"], row["segment"])
            else:
                identity = (row["log_partition"], row["log_offset"], row["log_index"])
            known = self._rows.get(identity)
            if known is None or row.get("version", 0) >= known.get("version", 0):
                self._rows[identity] = row

    def rows(self) -> list[Row]:
        """Return the rows as ``FINAL`` shows them, without their places."""
        return [
            {name: value for name, value in row.items() if name not in _PLACE} for row in self._rows.values()
        ]


class PlaceTwin:
    """Keeps one row for each place: what a reader who knows repeats by their id finds."""

    def __init__(self) -> None:
        self._rows: dict[Any, Row] = {}

    def write(self, items: list[Item]) -> None:
        """Store rows that are not known."""
        for item in items:
            for index, row in enumerate(rows_of(item)):
                self._rows.setdefault((item.partition, item.offset, index), columns_of(row))

    def rows(self) -> list[Row]:
        """Return what was delivered, each once."""
        return list(self._rows.values())


def twin_of(declared: FlowSink, context: SinkContext) -> Twin:
    """Return the twin of a sink."""
    del context
    for kind, make in _TWINS.items():
        if isinstance(declared, kind):
            return make(declared)
    return PlaceTwin()


_TWINS: dict[type, Callable[[Any], Twin]] = {
    PostgresTable: PostgresTwin,
    ClickHouseTable: lambda _: ClickHouseTwin(),
}
