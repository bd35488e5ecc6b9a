"""Rows into a table of ClickHouse that keeps one of each.

ClickHouse has no transaction to store a position in, so a row may be written again; the table's engine is
``ReplacingMergeTree``, and its order holds what tells rows apart: of a window its key, start, ``log_id``,
``log_partition`` and ``segment`` (and ``version`` is what the engine goes by); of any other row its place.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from dataflows.kit.rows import Window
from dataflows.kit.sink import Item, ItemWriter, SinkContext
from dataflows.kit.sinks.row_columns import columns_of, rows_of, segment_columns
from sinks.clickhouse.connect import connect
from sinks.clickhouse.rollup_rows import INSERT_SETTINGS
from sinks.clickhouse.writer import FINAL_CODES
from sinks.errors import SinkRejectedWrite, SinkUnavailable

_SETTINGS = {**INSERT_SETTINGS, "date_time_input_format": "best_effort"}


@dataclass(frozen=True)
class ClickHouseTable:
    """A table of ClickHouse; read it with ``FINAL``.

    Attributes:
        table: its name.
    """

    table: str

    def describe(self) -> str:
        """Say it in a few words."""
        return f"ClickHouse table {self.table}"

    def open(self, context: SinkContext) -> ItemWriter:
        """Return what writes there."""
        return _Writer(self.table, context)


def identified_rows(items: list[Item], log_id: int) -> list[dict[str, Any]]:
    """Return the rows of some items with the columns that tell them apart."""
    rows = []
    for item in items:
        for index, each in enumerate(rows_of(item)):
            if isinstance(each, Window):
                rows.append(columns_of(each) | segment_columns(each, log_id))
            else:
                place = {"log_id": log_id, "log_partition": item.partition, "log_offset": item.offset}
                rows.append({**columns_of(each), **place, "log_index": index})
    return rows


class _Writer:
    def __init__(self, table: str, context: SinkContext) -> None:
        self._table = table
        self._context = context
        self._client: Client | None = None

    def write(self, items: list[Item]) -> None:
        by_columns: dict[tuple[str, ...], list[bytes]] = {}
        for row in identified_rows(items, self._context.log_id):
            by_columns.setdefault(tuple(row), []).append(_encode({n: _plain(v) for n, v in row.items()}))
        try:
            if self._client is None:
                self._client = connect(self._context.clickhouse_url, timeout_seconds=60)
            for columns, lines in by_columns.items():
                self._client.raw_insert(
                    self._table, columns, b"\n".join(lines), settings=_SETTINGS, fmt="JSONEachRow"
                )
        except DatabaseError as error:
            self.close()
            if error.code in FINAL_CODES:
                raise SinkRejectedWrite(
                    f"ClickHouse refuses the rows of {self._context.stream}: {error}"
                ) from error
            raise SinkUnavailable(f"ClickHouse: {error}") from error
        except (ClickHouseError, HTTPError, OSError) as error:
            self.close()
            raise SinkUnavailable(f"ClickHouse: {error}") from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


_encode = msgspec.json.Encoder().encode


def _plain(value: Any) -> Any:
    """ClickHouse reads times without a zone as UTC, as PostgreSQL does here, and JSON in a column of text as text."""
    if isinstance(value, datetime):
        in_utc = value if value.tzinfo is None else value.astimezone(UTC)
        return in_utc.replace(tzinfo=None).isoformat(" ")
    return _encode(value).decode() if isinstance(value, dict) else value
