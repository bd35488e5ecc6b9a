"""The schema for one server, turned into that for a cluster: what SQL comes out, and that ClickHouse can read it."""

import re

import clickhouse_connect
import pytest

from sinks.clickhouse.cluster import database_on_cluster, on_cluster
from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.errors import MigrationError
from sinks.migrations import read_migrations
from tests.fixtures_clickhouse import ClickHouseServer

STATEMENTS = [
    statement for migration in read_migrations("sinks.clickhouse") for statement in migration.statements
]


def test_one_server_takes_statements_as_they_are() -> None:
    """Nothing changes where no cluster is named."""
    assert [on_cluster(statement, None) for statement in STATEMENTS] == STATEMENTS


def test_every_table_is_made_on_all_servers_and_replicated() -> None:
    """Whatever a migration makes or changes names the cluster; no engine that keeps rows stays by itself."""
    for statement in STATEMENTS:
        turned = on_cluster(statement, "main")
        first = turned.strip().splitlines()[0]
        if first.startswith("INSERT"):
            assert turned == statement
            continue
        assert re.match(
            r"(CREATE TABLE|CREATE MATERIALIZED VIEW|DROP TABLE IF EXISTS) \w+ ON CLUSTER `main`", first
        ), first
        engines = re.findall(r"ENGINE = (\w+)", turned)
        assert len(engines) == statement.count("ENGINE =")
        for engine in engines:
            assert engine == "Null" or engine.startswith("Replicated"), turned
        # A rebuild writes rows again that it has deleted: they may not be taken for a repetition.
        kept = [engine for engine in engines if engine != "Null"]
        assert len(re.findall(r"\breplicated_deduplication_window = 0", turned)) == len(kept)


def test_a_table_in_full() -> None:
    """Settings that are there stay, in one clause."""
    statement = (
        "CREATE TABLE a (b UInt8) ENGINE = AggregatingMergeTree\nORDER BY b\nSETTINGS index_granularity = 64"
    )
    assert on_cluster(statement, "{cluster}") == (
        "CREATE TABLE a ON CLUSTER `{cluster}` (b UInt8) ENGINE = ReplicatedAggregatingMergeTree\nORDER BY b\n"
        "SETTINGS replicated_deduplication_window = 0, index_granularity = 64"
    )
    assert on_cluster("ALTER TABLE a ADD COLUMN c UInt8", "main") == (
        "ALTER TABLE a ON CLUSTER `main` ADD COLUMN c UInt8"
    )


def test_clickhouse_can_read_all_of_it(clickhouse_server: ClickHouseServer) -> None:
    """Its own parser takes every statement; to run them takes servers with a keeper, which are not here."""
    with clickhouse_connect.get_client(host="127.0.0.1", port=clickhouse_server.port) as client:
        for statement in [*(on_cluster(each, "main") for each in STATEMENTS), *_databases()]:
            formatted = client.query(
                "SELECT formatQuery({q:String})", parameters={"q": statement}
            ).result_rows
            assert ("ON CLUSTER" in str(formatted[0][0])) == ("ON CLUSTER" in statement)


def _databases() -> list[str]:
    return [database_on_cluster(cluster).replace("{name:Identifier}", "d") for cluster in (None, "main")]


def test_tables_of_one_server_are_not_mixed_with_replicated_ones(clickhouse_server: ClickHouseServer) -> None:
    """Somebody who names a cluster later is told, before anything changes."""
    with clickhouse_server.database() as database:
        url = f"{clickhouse_server.url}/{database}"
        assert migrate_clickhouse(url)
        with pytest.raises(MigrationError, match="those of one server"):
            _migrate_as_if_there_were_a_cluster(url)
        assert migrate_clickhouse(url) == []


def _migrate_as_if_there_were_a_cluster(url: str) -> None:
    """The embedded engine knows no clusters; all that it is asked before the check exists already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sinks.clickhouse.migrate.database_on_cluster", lambda _: database_on_cluster(None))
        patch.setattr("sinks.clickhouse.migrate.on_cluster", lambda statement, _: statement)
        migrate_clickhouse(url, "main")
