"""What events take on disk once everything has settled, and what the processes take in memory."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from benchmarks.end_to_end import measure_load
from benchmarks.load import Load
from benchmarks.processes import disk_bytes, resident_bytes
from benchmarks.results import Group, Result
from benchmarks.stack import BenchStack, running_bench_stack
from benchmarks.traffic import encoded_events
from sinks.clickhouse.connect import connect
from sinks.postgres.timelines import index_timelines

_POSTGRES = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('events') WHERE isleaf"
_CLICKHOUSE = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table"
_BY_EVENT = ("events", "sessions")
_BY_TIME = {
    "minute": ("rollup_minute", ("rollup_minute",)),
    "hour": ("rollup_hour", ("rollup_hour", "distinct_users_hour")),
    "day": ("distinct_users_day", ("distinct_users_day",)),
}
"""What is kept by time: where its buckets are counted, and all of its tables."""


async def measure_storage(events: int) -> Result:
    """Send events to a stack of its own, have the stores merge what they hold, and weigh it.

    The numbers of the stores' rollups depend on how many minutes and hours there are, and on what is told apart in
    them, not on how many events there are; so they are given by minute, hour and day.

    Args:
        events: how many.
    """
    async with running_bench_stack(None) as stack:
        load = Load(events)
        result = await measure_load(
            stack, stack.projects[0], load, "storage", "Everything merged", group=Group.STORAGE
        )
        figures = await asyncio.to_thread(_weigh, stack, events)
        for name, process in stack.processes.items():
            figures[f"resident MiB, {name}"] = resident_bytes(process) / 1024**2
    sample = [encoded for encoded, _ in encoded_events(min(events, 10_000), 1)]
    figures["bytes an event, as sent"] = sum(map(len, sample)) / len(sample)
    return replace(result, figures=figures, latencies={}, cpu_microseconds={}, timelines={})


def _weigh(stack: BenchStack, events: int) -> dict[str, float]:
    with psycopg.connect(stack.postgres_url, autocommit=True) as connection:
        # As on the day after, when each day gets its index.
        index_timelines(connection, datetime.now(UTC) + timedelta(days=30))
        connection.execute("CHECKPOINT")
        row = connection.execute(_POSTGRES).fetchone()
    assert row is not None
    with connect(stack.settings.clickhouse_dsn) as client:
        for table in (*_BY_EVENT, *(table for _, tables in _BY_TIME.values() for table in tables)):
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        sizes = {str(table): int(size) for table, size in client.query(_CLICKHOUSE).result_rows}
        buckets = {
            unit: int(str(client.query(f"SELECT uniqExact(bucket) FROM {counted}").result_rows[0][0]))
            for unit, (counted, _) in _BY_TIME.items()
        }
    data = stack.settings.data
    return {
        "bytes an event, PostgreSQL with indexes": int(row[0]) / events,
        "bytes an event, ClickHouse": _sum(sizes, _BY_EVENT) / events,
        **{
            f"bytes for each {unit}, numbers in ClickHouse": _sum(sizes, tables) / buckets[unit]
            for unit, (_, tables) in _BY_TIME.items()
        },
        "bytes an event, event log": disk_bytes(data / "log") / events,
        "bytes an event, dedup index": sum(map(disk_bytes, (data / "dataflow").glob("*/dedup"))) / events,
    }


def _sum(sizes: Mapping[str, int], tables: tuple[str, ...]) -> int:
    return sum(sizes[table] for table in tables)
