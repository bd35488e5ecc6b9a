"""The schema for one server, turned into that for a cluster: what SQL comes out, and that ClickHouse can read it."""

import re
from uuid import UUID

import clickhouse_connect
import pytest

from sinks.clickhouse.cluster import SPREAD_BY, Cluster
from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.errors import MigrationError
from sinks.migrations import read_migrations
from tests.fixtures_clickhouse import ClickHouseServer
from tests.sharded_clickhouse import CLUSTER
from tests.sinks.batches import NOW

STATEMENTS = [
    statement for migration in read_migrations("sinks.clickhouse") for statement in migration.statements
]
MAIN = Cluster("main", "smolhog")


def test_every_table_is_made_on_all_servers_replicated_and_spread() -> None:
    """Whatever a migration makes or changes names the cluster; no engine that keeps rows stays by itself."""
    for statement in STATEMENTS:
        steps = MAIN.statements(statement)
        if statement.startswith("INSERT"):
            assert steps == [statement]
            continue
        local, *shown = steps
        assert not re.search(rf"\b(FROM|TO|AS) ({'|'.join(SPREAD_BY)})\b(?! *[,\n])", local), local
        assert re.match(
            r"(CREATE TABLE|CREATE VIEW|CREATE MATERIALIZED VIEW|DROP TABLE IF EXISTS) "
            r"`smolhog_shard`\.\w+ ON CLUSTER `main`",
            local,
        ), local
        engines = re.findall(r"ENGINE = (\w+)", local)
        assert len(engines) == statement.count("ENGINE =")
        for engine in engines:
            assert engine == "Null" or engine.startswith("Replicated"), local
        # A rebuild writes rows again that it has deleted: they may not be taken for a repetition.
        kept = [engine for engine in engines if engine != "Null"]
        assert len(re.findall(r"\breplicated_deduplication_window = 0", local)) == len(kept)
        assert len(shown) == (0 if "MATERIALIZED" in statement else 1)


def test_rows_that_replace_each_other_meet() -> None:
    """A table is spread by columns that it is sorted by, so equal rows are on one shard."""
    spread = set()
    for statement in STATEMENTS:
        if found := re.match(r"CREATE TABLE (\w+)", statement):
            table = found[1]
            spread.add(table)
            if order := re.search(r"ORDER BY \((.+)\)", statement):
                for column in SPREAD_BY[table].split(", "):
                    assert re.search(rf"\b{column}\b", order[1]), (table, column)
    assert spread | {"schema_migrations"} == set(SPREAD_BY)


def test_a_table_in_full() -> None:
    """Settings that are there stay, in one clause."""
    statement = "CREATE TABLE people (b UInt8) ENGINE = AggregatingMergeTree\nORDER BY b\nSETTINGS index_granularity = 64"
    assert Cluster("{cluster}", "d").statements(statement) == [
        (
            "CREATE TABLE `d_shard`.people ON CLUSTER `{cluster}` (b UInt8) ENGINE = ReplicatedAggregatingMergeTree\n"
            "ORDER BY b\nSETTINGS replicated_deduplication_window = 0, index_granularity = 64"
        ),
        (
            "CREATE TABLE `d`.people ON CLUSTER `{cluster}` AS `d_shard`.people "
            "ENGINE = Distributed('{cluster}', 'd_shard', 'people', cityHash64(project_id, distinct_id))"
        ),
    ]


def test_a_view_and_a_change() -> None:
    """A view fills the tables of all shards, unless what it fills passes rows on."""
    view = "CREATE MATERIALIZED VIEW v TO {} AS SELECT a FROM events"
    assert MAIN.statements(view.format("sessions")) == [
        (
            "CREATE MATERIALIZED VIEW `smolhog_shard`.v ON CLUSTER `main` TO `smolhog`.sessions AS SELECT a "
            "FROM `smolhog_shard`.events"
        )
    ]
    assert MAIN.statements(view.format("people_feed")) == [
        (
            "CREATE MATERIALIZED VIEW `smolhog_shard`.v ON CLUSTER `main` TO `smolhog_shard`.people_feed "
            "AS SELECT a FROM `smolhog_shard`.events"
        )
    ]
    assert MAIN.statements("ALTER TABLE events ADD COLUMN c UInt8") == [
        "ALTER TABLE `smolhog_shard`.events ON CLUSTER `main` ADD COLUMN c UInt8",
        "ALTER TABLE `smolhog`.events ON CLUSTER `main` ADD COLUMN c UInt8",
    ]


def test_clickhouse_can_read_all_of_it(clickhouse_server: ClickHouseServer) -> None:
    """Its own parser takes every statement; to run them so takes servers with a keeper, which are not here."""
    statements = [step for each in STATEMENTS for step in MAIN.statements(each)]
    with clickhouse_connect.get_client(host="127.0.0.1", port=clickhouse_server.port) as client:
        for statement in [*statements, *MAIN.databases()]:
            formatted = client.query(
                "SELECT formatQuery({q:String})", parameters={"q": statement}
            ).result_rows
            assert ("ON CLUSTER" in str(formatted[0][0])) == (not statement.startswith("INSERT"))


def test_tables_of_one_server_are_not_mixed_with_those_of_a_cluster(
    clickhouse_shards: ClickHouseServer,
) -> None:
    """Somebody who names a cluster later, or forgets it, is told before anything changes."""
    with clickhouse_shards.database() as database:
        url = f"{clickhouse_shards.url}/{database}"
        assert migrate_clickhouse(url)
        with pytest.raises(MigrationError, match="those of one server"):
            migrate_clickhouse(url, CLUSTER)
        assert migrate_clickhouse(url) == []
    with clickhouse_shards.database() as database:
        url = f"{clickhouse_shards.url}/{database}"
        assert migrate_clickhouse(url, CLUSTER)
        with pytest.raises(MigrationError, match="are on a cluster"):
            migrate_clickhouse(url)
        assert migrate_clickhouse(url, CLUSTER) == []


def test_each_row_is_on_one_shard_and_comes_to_the_same_one_again(
    clickhouse_shards: ClickHouseServer,
) -> None:
    """Both shards have some; what is written again replaces itself; what is derived lies where its own key says."""
    with clickhouse_shards.database() as database:
        url = f"{clickhouse_shards.url}/{database}"
        migrate_clickhouse(url, CLUSTER)
        rows = [[1, UUID(int=n), "view", f"user-{n % 40}", NOW, f"session-{n % 7}", "{}"] for n in range(400)]
        columns = ["project_id", "event_id", "event", "distinct_id", "timestamp", "session_id", "properties"]
        with connect(url) as client:
            for _ in range(2):
                client.insert("events", rows, column_names=columns)
            counted = client.query("SELECT shardNum(), count() FROM events FINAL GROUP BY 1").result_rows
            assert {shard for shard, _ in counted} == {1, 2}
            assert sum(int(count) for _, count in counted) == 400
            # The events of a session are on both shards, since it has several people.
            spread = client.query(
                "SELECT session_id, uniq(shard) FROM (SELECT session_id, shardNum() AS shard FROM events) GROUP BY 1"
            ).result_rows
            assert {int(shards) for _, shards in spread} == {2}
            sessions = (
                "SELECT count(), sum(finalizeAggregation(events)), uniq(session_id) FROM sessions FINAL"
            )
            assert client.query(sessions).result_rows == [(7, 400, 7)]
