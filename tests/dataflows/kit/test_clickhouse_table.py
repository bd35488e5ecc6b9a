"""Rows into a table of ClickHouse: the same whatever machine writes them."""

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from dataflows.kit import ClickHouseTable, Flow, LogSource, Rows
from dataflows.kit.migrations import migrate_flow
from dataflows.kit.sink import SinkContext
from sinks.clickhouse.cluster import Cluster
from sinks.clickhouse.connect import connect, connection_arguments
from sinks.errors import MigrationError
from sinks.migrate import migrate_stores
from tests.fixtures_clickhouse import ClickHouseServer
from tests.sharded_clickhouse import CLUSTER, FLOW_TABLE, FLOW_TABLE_ORDER


def test_a_time_without_a_zone_is_utc_wherever_the_flow_runs(
    clickhouse_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PostgreSQL has it; one with a zone is that instant."""
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    times = [noon.replace(tzinfo=None), noon, noon.astimezone(timezone(timedelta(hours=-4)))]

    async def no_log(name: str, partitions: int) -> Any:
        raise AssertionError(name, partitions)

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        with (
            clickhouse_server.database() as database,
            clickhouse_connect.get_client(
                **connection_arguments(f"{clickhouse_server.url}/{database}")
            ) as client,
        ):
            client.command(
                "CREATE TABLE times (log_id Int64, log_partition String, log_offset Int64, log_index UInt32, "
                "at DateTime('UTC')) ENGINE = ReplacingMergeTree ORDER BY (log_offset, log_index)"
            )
            url = f"{clickhouse_server.url}/{database}"
            writer = ClickHouseTable("times").open(SinkContext("shop", 1, "out", 5, ("0",), "", url, no_log))
            writer.write([Rows("0", 1, 0.0, [{"at": at} for at in times])])
            writer.close()
            found = client.query("SELECT toUnixTimestamp(at) FROM times ORDER BY log_index").result_rows
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [(int(noon.timestamp()),)] * 3


def test_a_table_of_a_flow_is_spread_over_shards(
    postgres_database: str, clickhouse_shards: ClickHouseServer, tmp_path: Path
) -> None:
    """The flow's file is written for one server; a row that comes again replaces itself on the shard where it is."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "0001_rows.clickhouse.sql").write_text(
        f"CREATE TABLE IF NOT EXISTS {FLOW_TABLE} (n UInt64, log_id Int64, log_partition String, log_offset Int64, "
        f"log_index UInt32) ENGINE = ReplacingMergeTree\nORDER BY {FLOW_TABLE_ORDER};\n"
    )
    flow = Flow("shop", source=LogSource(), migrations=str(tmp_path / "tables"))

    async def no_log(name: str, partitions: int) -> Any:
        raise AssertionError(name, partitions)

    with clickhouse_shards.database() as database:
        url = f"{clickhouse_shards.url}/{database}"
        migrate_stores(postgres_database, url, CLUSTER)
        assert migrate_flow(flow, postgres_database, url) == ["0001_rows.clickhouse.sql"]
        context = SinkContext("shop", 1, "out", 5, ("0",), "", url, no_log)
        for _ in range(2):
            writer = ClickHouseTable(FLOW_TABLE).open(context)
            writer.write([Rows("0", 1, 0.0, [{"n": n} for n in range(50)])])
            writer.close()
        with connect(url) as client:
            found = client.query(f"SELECT shardNum(), count(), sum(n) FROM {FLOW_TABLE} FINAL GROUP BY 1")
        assert {shard for shard, *_ in found.result_rows} == {1, 2}
        assert [sum(column) for column in zip(*found.result_rows, strict=True)][1:] == [50, 49 * 25]


def test_a_table_without_an_order_has_no_place_on_shards() -> None:
    """Nobody could say on which shard a row of it is; the migration says so."""
    with pytest.raises(MigrationError, match="ORDER BY"):
        Cluster("main", "smolhog").statements("CREATE TABLE rows AS other")
