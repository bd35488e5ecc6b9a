"""How far each store has come with each partition of each event log."""

from typing import NamedTuple

import psycopg
from clickhouse_connect.driver.client import Client

_STORED = "SELECT log_id, log_partition, next_offset FROM sink_positions"
_COUNTED = "SELECT log_id, log_partition, next_offset FROM rollup_positions FINAL"


_WHOLE = {"async_insert": 0}


class LogPartition(NamedTuple):
    """One partition of one event log; an installation may have had several logs."""

    log_id: int
    partition: int


Positions = dict[LogPartition, int]
"""Offset before which every message is in a store."""


def read_stored(connection: psycopg.Connection) -> Positions:
    """Return how far PostgreSQL holds the raw events."""
    rows = connection.execute(_STORED).fetchall()
    return {LogPartition(log_id, partition): next_offset for log_id, partition, next_offset in rows}


def read_counted(client: Client) -> Positions:
    """Return how far the rollups in ClickHouse count the log."""
    rows = client.query(_COUNTED).result_rows
    return {LogPartition(log_id, partition): next_offset for log_id, partition, next_offset in rows}


def record_counted(client: Client, positions: Positions) -> None:
    """Say of partitions how far the rollups count them; where that is further already, nothing changes."""
    rows = [[place.log_id, place.partition, next_offset] for place, next_offset in positions.items()]
    if rows:
        client.insert(
            "rollup_positions", rows, column_names=["log_id", "log_partition", "next_offset"], settings=_WHOLE
        )


def behind(positions: Positions, target: Positions) -> Positions:
    """Return the partitions that have not come as far as ``target``, and where they are."""
    return {
        place: positions.get(place, 0)
        for place, next_offset in target.items()
        if positions.get(place, 0) < next_offset
    }
