"""How rows of the rollups are written to ClickHouse."""

from datetime import UTC, datetime
from functools import lru_cache

from schemas.rollup import Interval, RollupRows
from schemas.rows import escape_text, format_time

ROLLUP_TABLES = {Interval.MINUTE: "rollup_minute", Interval.HOUR: "rollup_hour"}
ROLLUP_COLUMNS = (
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
INSERT_SETTINGS = {
    # A client may send any past time: one write may touch many months.
    "max_partitions_per_insert_block": 0,
    "input_format_null_as_default": 1,
    # Rows come in whole batches already.
    "async_insert": 0,
    "input_format_parallel_parsing": 0,
}

REPLACED_VERSION = 2**64 - 1
"""Version of a row that a rebuild has replaced: no replay of the log has a higher one."""

LIVE_VERSIONS_END = 2**63
"""Versions below this are offsets of the log."""


def format_rollup_rows(rows: RollupRows, log_id: int) -> bytes:
    """Format each cell as a line of tab-separated text."""
    group = rows.group
    dimension, event = escape_text(group.dimension), escape_text(group.event)
    head = f"{group.project_id}\t{dimension}\t{event}\t{_format_bucket(group.bucket)}\t"
    tail = f"\t{log_id}\t{rows.partition}\t{rows.segment}\t{rows.version}\t"
    lines = [f"{head}{escape_text(value)}{tail}{total}\n" for value, total in rows.totals.items()]
    return "".join(lines).encode()


@lru_cache(maxsize=10_000)
def _format_bucket(seconds: int) -> str:
    # ClickHouse misreads small numbers of seconds, and clocks that are wrong end up in 1970.
    return format_time(datetime.fromtimestamp(seconds, UTC))
