"""The table engines and functions that the rollups stand on, in the embedded engine."""

import time

from clickhouse_connect.driver.client import Client


def _until(client: Client, sql: str, wanted: object) -> None:
    deadline = time.monotonic() + 90
    while (found := client.command(sql)) != wanted:
        assert time.monotonic() < deadline, f"{sql}: {found!r} instead of {wanted!r}"
        time.sleep(0.2)


def test_replacing_keeps_the_newest_version(client: Client) -> None:
    """FINAL and argMax read the newest version; OPTIMIZE leaves only that."""
    client.command("CREATE TABLE t (k Int8, v Int64, n Int64) ENGINE = ReplacingMergeTree(v) ORDER BY k")
    for version in (1, 3, 2):
        client.insert("t", [[1, version, version * 10]])
    assert client.query("SELECT n FROM t FINAL").result_rows == [(30,)]
    assert client.command("SELECT argMax(n, v) FROM t") == 30
    client.command("OPTIMIZE TABLE t FINAL")
    assert client.query("SELECT n FROM t").result_rows == [(30,)]


def test_merges_and_ttls_happen_by_themselves(client: Client) -> None:
    """Background threads merge parts and drop expired rows; nobody has to run OPTIMIZE."""
    client.command("CREATE TABLE parts (k Int64) ENGINE = MergeTree ORDER BY k")
    client.command("""
        CREATE TABLE expired (k Int64, at DateTime) ENGINE = MergeTree ORDER BY k TTL at + INTERVAL 1 SECOND
        SETTINGS merge_with_ttl_timeout = 0
    """)
    for n in range(12):
        client.command(f"INSERT INTO parts VALUES ({n})")
    client.command("INSERT INTO expired VALUES (1, now() - 60)")
    _until(client, "SELECT count() FROM expired", 0)
    merged = "SELECT count() < 12 FROM system.parts WHERE active AND table = 'parts' AND database = currentDatabase()"
    _until(client, merged, 1)
    assert client.command("SELECT count() FROM parts") == 12


def test_aggregate_states_through_a_materialized_view(client: Client) -> None:
    """uniqCombined64 states merge, and sending ids twice changes nothing."""
    client.command("CREATE TABLE src (k Int8, id UInt64) ENGINE = MergeTree ORDER BY k")
    client.command("""
        CREATE TABLE agg (k Int8, people AggregateFunction(uniqCombined64, UInt64))
        ENGINE = AggregatingMergeTree ORDER BY k
    """)
    client.command("""
        CREATE MATERIALIZED VIEW mv TO agg AS SELECT k, uniqCombined64State(id) AS people FROM src GROUP BY k
    """)
    for _ in range(2):
        client.command("INSERT INTO src SELECT number % 2, number FROM numbers(1000)")
    merged = "SELECT k, uniqCombined64Merge(people) FROM agg GROUP BY k ORDER BY k"
    assert client.query(merged).result_rows == [(0, 500), (1, 500)]
    client.command("INSERT INTO agg SELECT 2, arrayReduce('uniqCombined64State', [toUInt64(7), 7, 8])")
    assert client.query(merged).result_rows[2] == (2, 2)


def test_a_deduplication_token_is_honoured(client: Client) -> None:
    """A retried insert with the same token adds nothing, by INSERT VALUES and by the client's insert."""
    client.command("""
        CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100
    """)
    for token in ("x", "x", "y"):
        client.insert("t", [[1]], settings={"insert_deduplication_token": token})
    assert client.command("SELECT count() FROM t") == 2
    for token in ("x", "z"):
        client.command("INSERT INTO t VALUES (2)", settings={"insert_deduplication_token": token})
    assert client.command("SELECT count() FROM t") == 3


def test_projections_mutations_and_partitions(client: Client) -> None:
    """Features that migrations use."""
    client.command("""
        CREATE TABLE t (day Date, k Int64, n Int64, PROJECTION p (SELECT k, sum(n) GROUP BY k))
        ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY k
        SETTINGS lightweight_mutation_projection_mode = 'rebuild'
    """)
    client.command("INSERT INTO t SELECT '2024-01-01', number % 3, 1 FROM numbers(9)")
    client.command("INSERT INTO t SELECT '2024-02-01', 0, 1 FROM numbers(2)")
    assert client.query("SELECT k, sum(n) FROM t GROUP BY k ORDER BY k").result_rows == [
        (0, 5),
        (1, 3),
        (2, 3),
    ]
    client.command("ALTER TABLE t DROP PARTITION 202402")
    client.command("ALTER TABLE t DELETE WHERE k = 1", settings={"mutations_sync": 1})
    client.command("DELETE FROM t WHERE k = 2")
    client.command("ALTER TABLE t ADD COLUMN extra LowCardinality(String) DEFAULT 'x'")
    assert client.query("SELECT count(), any(extra) FROM t").first_row == (3, "x")


def test_funnels(client: Client) -> None:
    """windowFunnel, retention and sequence functions are in this engine."""
    sql = (
        "SELECT windowFunnel(10)(at, e = 'a', e = 'b') FROM values('at UInt32, e String', (1, 'a'), (5, 'b'))"
    )
    assert client.command(sql) == 2
    assert client.query("SELECT retention(x = 1, x = 2) FROM values('x Int8', 1, 2)").first_row == ([1, 1],)
