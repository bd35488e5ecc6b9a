"""Writes batches to ClickHouse. Everything may be written again: the tables keep one of each.

Rows go in as tab-separated text; for events these are the bytes that PostgreSQL gets, too.
"""

from datetime import UTC, datetime
from functools import lru_cache

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from schemas.rollup import Interval, RollupRow
from schemas.rows import escape_text, format_time
from schemas.stored import EVENT_COLUMNS, StoredBatch
from sinks.clickhouse.connect import connect
from sinks.errors import SinkRejectedWrite, SinkUnavailable
from sinks.report import WriteReport

_ROLLUP_TABLES = {Interval.MINUTE: "rollup_minute", Interval.HOUR: "rollup_hour"}
_ROLLUP_COLUMNS = (
    "project_id",
    "dimension",
    "event",
    "bucket",
    "value",
    "log_id",
    "log_partition",
    "segment",
    "version",
    "total",
)
_SETTINGS = {
    # A client may send any past time: one write may touch many months.
    "max_partitions_per_insert_block": 0,
    "input_format_null_as_default": 1,
    # Rows come in whole batches already.
    "async_insert": 0,
    "input_format_parallel_parsing": 0,
}
# What ClickHouse answers to rows that it will never take: it could not parse them, or the table is
# not what we think. Whatever else it answers (memory, too many parts, read-only, shutting down) may
# pass; stopping for what passes would be worse than trying what does not.
_FINAL_CODES = frozenset(
    {6, 16, 20, 25, 26, 27, 33, 38, 41, 43, 44, 47, 53, 60, 62, 69, 70, 72, 73, 81, 117, 131, 376, 467}
)


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

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Store events first, then rollups; returns once ClickHouse has taken both.

        Raises:
            SinkUnavailable: not all is known to be stored; write the same again.
            SinkRejectedWrite: ClickHouse refuses these rows for good.
        """
        try:
            client = self._connected()
            rows = b"".join(message.rows for batch in batches for message in batch.messages)
            if rows:
                _insert(client, "events", EVENT_COLUMNS, rows)
            for interval, table in _ROLLUP_TABLES.items():
                lines = [
                    self._line(row)
                    for batch in batches
                    for row in batch.rollups
                    if row.key.interval == interval
                ]
                if lines:
                    _insert(client, table, _ROLLUP_COLUMNS, b"".join(lines))
        except DatabaseError as error:
            self.close()
            if error.code in _FINAL_CODES:
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

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._url, timeout_seconds=self._timeout)
        return self._client

    def _line(self, row: RollupRow) -> bytes:
        key = row.key
        return b"%d\t%b\t%b\t%b\t%b\t%d\t%d\t%d\t%d\t%d\n" % (
            key.project_id,
            escape_text(key.dimension),
            escape_text(key.event),
            _format_bucket(key.bucket),
            escape_text(key.value),
            self._log_id,
            row.partition,
            row.segment,
            row.version,
            row.total,
        )


@lru_cache(maxsize=10_000)
def _format_bucket(seconds: int) -> bytes:
    # ClickHouse misreads small numbers of seconds, and clocks that are wrong end up in 1970.
    return format_time(datetime.fromtimestamp(seconds, UTC))


def _insert(client: Client, table: str, columns: tuple[str, ...], rows: bytes) -> None:
    client.raw_insert(table, columns, rows, settings=_SETTINGS, fmt="TabSeparated")
