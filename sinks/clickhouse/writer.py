"""Writes batches to ClickHouse. Everything may be written again: the tables keep one of each.

Rows go in as tab-separated text; for events these are the bytes that PostgreSQL gets, too.
"""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from schemas.stored import EVENT_COLUMNS, StoredBatch
from sinks.clickhouse.connect import connect
from sinks.clickhouse.rollup_rows import (
    INSERT_SETTINGS,
    LIVE_VERSIONS_END,
    ROLLUP_COLUMNS,
    ROLLUP_TABLES,
    format_rollup_rows,
)
from sinks.errors import SinkRejectedWrite, SinkUnavailable
from sinks.report import WriteReport

_POSITION_COLUMNS = ("log_id", "log_partition", "next_offset")
_WRITTEN_TO = """
SELECT whole, greatest(whole, counted) FROM
(
    SELECT max(next_offset) AS whole FROM rollup_positions
    WHERE log_id = {log_id:Int64} AND log_partition = {partition:UInt16}
) AS positions,
(
    SELECT max(next_offset) AS counted FROM (
        SELECT ifNull(maxOrNull(version) + 1, 0) AS next_offset FROM rollup_minute
        WHERE log_id = {log_id:Int64} AND log_partition = {partition:UInt16} AND version < {end:UInt64}
        UNION ALL
        SELECT ifNull(maxOrNull(version) + 1, 0) FROM rollup_hour
        WHERE log_id = {log_id:Int64} AND log_partition = {partition:UInt16} AND version < {end:UInt64}
    )
) AS cells
"""
# What ClickHouse answers to rows that it will never take: it could not parse them, or the table is
# not what we think. Whatever else it answers (memory, too many parts, read-only, shutting down) may
# pass; stopping for what passes would be worse than trying what does not.
FINAL_CODES = frozenset(
    {6, 16, 20, 25, 26, 27, 33, 38, 41, 43, 44, 47, 53, 60, 62, 69, 70, 72, 73, 81, 117, 131, 376, 467}
)


class WrittenTo(NamedTuple):
    """Offsets of a partition; 0 for none."""

    whole: int
    """Before it, every message is in all tables."""
    counted: int
    """From it on, no message is in any cell."""


class ClickHouseWriter:
    """Writes the batches of one partition.

    Args:
        url: where ClickHouse is.
        log_id: which event log the offsets belong to.
        timeout_seconds: for one write.
    """

    def __init__(self, url: str, log_id: int, timeout_seconds: float = 60) -> None:
        self._url = url
        self._log_id = log_id
        self._timeout = timeout_seconds
        self._client: Client | None = None

    def written_to(self, partition: int) -> WrittenTo:
        """Return how far a partition is written.

        Raises:
            SinkUnavailable: ClickHouse is away.
        """
        asked = {"log_id": self._log_id, "partition": partition, "end": LIVE_VERSIONS_END}
        try:
            ((whole, counted),) = self._connected().query(_WRITTEN_TO, parameters=asked).result_rows
        except (ClickHouseError, HTTPError, OSError) as error:
            self.close()
            raise SinkUnavailable(f"ClickHouse: {error}") from error
        return WrittenTo(int(whole), int(counted))

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Store rollups, which a live chart waits for, then events; returns once ClickHouse has taken both.

        Raises:
            SinkUnavailable: not all is known to be stored; write the same again.
            SinkRejectedWrite: ClickHouse refuses these rows for good.
        """
        try:
            client = self._connected()
            for interval, table in ROLLUP_TABLES.items():
                lines = [
                    format_rollup_rows(rows, self._log_id)
                    for batch in batches
                    for rows in batch.rollups
                    if rows.group.interval == interval
                ]
                if lines:
                    _insert(client, table, ROLLUP_COLUMNS, b"".join(lines))
            rows = b"".join(message.rows for batch in batches for message in batch.messages)
            if rows:
                _insert(client, "events", EVENT_COLUMNS, rows)
            # Last: they say that all before is there.
            if positions := self._positions(batches):
                _insert(client, "rollup_positions", _POSITION_COLUMNS, positions)
        except DatabaseError as error:
            self.close()
            if error.code in FINAL_CODES:
                raise SinkRejectedWrite(f"ClickHouse: {error}") from error
            raise SinkUnavailable(f"ClickHouse: {error}") from error
        except (ClickHouseError, HTTPError, OSError) as error:
            self.close()
            raise SinkUnavailable(f"ClickHouse: {error}") from error
        return WriteReport(sum(message.events for batch in batches for message in batch.messages), 0)

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _positions(self, batches: list[StoredBatch]) -> bytes:
        """How far these batches count each partition; a row each."""
        counted = dict(batch.counted_to for batch in batches if batch.counted_to is not None)
        return b"".join(b"%d\t%d\t%d\n" % (self._log_id, *position) for position in counted.items())

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._url, timeout_seconds=self._timeout)
        return self._client


def _insert(client: Client, table: str, columns: tuple[str, ...], rows: bytes) -> None:
    client.raw_insert(table, columns, rows, settings=INSERT_SETTINGS, fmt="TabSeparated")
