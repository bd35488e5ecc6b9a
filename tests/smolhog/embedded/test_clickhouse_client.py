"""clickhouse-connect, unmodified, against the embedded server: the everyday calls."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import clickhouse_connect
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.summary import QuerySummary

from tests.fixtures_clickhouse import ClickHouseServer


@pytest.fixture
async def async_client(clickhouse_server: ClickHouseServer) -> AsyncIterator[AsyncClient]:
    """An asynchronous client in a database of its own."""
    with clickhouse_server.database() as database:
        client = await clickhouse_connect.get_async_client(
            host=clickhouse_server.host, port=clickhouse_server.port, database=database
        )
        yield client
        await client.close()


def test_ping_and_version(client: Client) -> None:
    """The client finds a live server with a version and UTC."""
    assert client.ping()
    assert str(client.server_version).startswith("26.")
    assert str(client.server_tz) == "UTC"


def test_insert_and_query_every_type(client: Client) -> None:
    """Values of the types that the schema uses come back as they went in."""
    client.command("""
        CREATE TABLE t (
            id UUID, n Nullable(Int64), f Float64, s LowCardinality(String), at DateTime64(6, 'UTC'),
            day Date, tags Array(String), m Map(String, UInt64), ok Bool, tokyo DateTime('Asia/Tokyo')
        ) ENGINE = MergeTree ORDER BY id
    """)
    tokyo = dt.datetime(2024, 2, 29, 12, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    at = dt.datetime(2024, 2, 29, 3, 30, 0, 123456, tzinfo=dt.UTC)
    rows: list[list[Any]] = [
        [uuid.UUID(int=1), None, 0.5, "it's \t\\ é", at, at.date(), ["a", ""], {"x": 2**63}, True, tokyo],
        [uuid.UUID(int=2), -5, -1.0, "", at, at.date(), [], {}, False, tokyo],
    ]
    summary = client.insert("t", rows)
    assert summary.written_rows == 2
    result = client.query("SELECT * FROM t ORDER BY id", tz_mode="aware")
    assert [list(row) for row in result.result_rows] == rows
    assert client.command("SELECT toUnixTimestamp(tokyo) FROM t LIMIT 1") == int(tokyo.timestamp())


def test_parameters_are_bound(client: Client) -> None:
    """Values travel beside the SQL, whatever characters they hold."""
    values = {
        "s": "it's \\ \t\n %",
        "a": ["x'y", "\\"],
        "n": None,
        "at": dt.datetime(2024, 1, 2, 3, 4, 5),  # noqa: DTZ001 - a naive time, as a caller might send
    }
    sql = "SELECT {s:String}, {a:Array(String)}, {n:Nullable(Int8)}, {at:DateTime}"
    assert client.query(sql, parameters=values).first_row == tuple(values.values())


def test_large_parameters_go_by_form(client: Client) -> None:
    """A client that sends the query as a form gets the same answer."""
    client._backend.form_encode_query_params = True  # type: ignore[attr-defined]
    long = ["é" * 50] * 5000
    assert client.query("SELECT length({a:Array(String)})", parameters={"a": long}).first_row == (5000,)


def test_commands_tell_results_from_none(client: Client) -> None:
    """DDL answers with a summary, a scalar with its value, an empty result with nothing."""
    assert isinstance(client.command("CREATE TABLE t (x Int8) ENGINE = MergeTree ORDER BY x"), QuerySummary)
    assert client.command("SELECT count() FROM t") == 0
    assert client.command("SELECT x FROM t") == ""
    assert client.command("EXISTS TABLE t") == 1
    assert isinstance(client.command("INSERT INTO t VALUES (1), (2);"), QuerySummary)
    assert client.query("SELECT x FROM t ORDER BY x").result_rows == [(1,), (2,)]
    assert client.query("SELECT x FROM t LIMIT 0").column_names == ("x",)
    assert client.query("SELECT x FROM t WHERE x > 5").result_rows == []
    assert client.query("SHOW TABLES").result_rows == [("t",)]


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("JSONEachRow", b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n'),
        ("TSV", b"1\tx\n2\ty\n"),
        ("CSV", b'1,"x"\n2,y\n'),
        ("RowBinary", b"\x01\x01x\x02\x01y"),
        ("Values", b"(1,'x'),(2,'y')"),
    ],
)
def test_raw_inserts(client: Client, form: str, data: bytes) -> None:
    """Rows in any of ClickHouse's formats, with the statement in the body or in the URL."""
    client.command("CREATE TABLE t (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
    client.raw_insert("t", ["a", "b"], data, fmt=form)
    client.raw_insert("t", ["a", "b"], (part for part in (data[:3], data[3:])), fmt=form)
    assert client.query("SELECT * FROM t ORDER BY a").result_rows == [(1, "x"), (1, "x"), (2, "y"), (2, "y")]


def test_arrow_and_parquet(client: Client) -> None:
    """Columnar formats in both directions."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    client.command("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    table = pyarrow.table({"a": [1, 2], "b": ["x", "y"]})
    client.insert_arrow("t", table)
    assert client.query_arrow("SELECT * FROM t ORDER BY a", use_strings=True).to_pydict() == table.to_pydict()
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    client.raw_insert("t", None, sink.getvalue().to_pybytes(), fmt="Parquet")
    assert client.command("SELECT count() FROM t") == 4
    many = client.query_arrow("SELECT number FROM numbers(200000)")
    assert many.num_rows == 200_000


def test_data_frames(client: Client) -> None:
    """Pandas in both directions."""
    pandas = pytest.importorskip("pandas")
    client.command("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    client.insert_df("t", frame)
    assert client.query_df("SELECT * FROM t ORDER BY a").to_dict("list") == frame.to_dict("list")


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip", False])
def test_compression(clickhouse_server: ClickHouseServer, coding: str | bool) -> None:  # noqa: FBT001 - as the client takes it
    """Every coding that the client can write, up and down, in many blocks, whole and streamed."""
    with (
        clickhouse_server.database() as database,
        clickhouse_connect.get_client(
            host=clickhouse_server.host, port=clickhouse_server.port, database=database, compress=coding
        ) as client,
    ):
        client.command("CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a")
        client.insert("t", [[n, str(n) * 20] for n in range(150_000)])
        assert client.query("SELECT count(), sum(a) FROM t").first_row == (150_000, sum(range(150_000)))
        with client.query_rows_stream("SELECT a FROM t ORDER BY a") as rows:
            assert [row[0] for row in rows] == list(range(150_000))
        assert client.query("SELECT a FROM t ORDER BY a").result_columns[0][-1] == 149_999


def test_streams_more_than_it_holds(client: Client) -> None:
    """A stream is read block by block, and the next query does not wait for its end."""
    with client.query_column_block_stream("SELECT number FROM numbers(3000000)") as blocks:
        assert sum(len(block[0]) for block in blocks) == 3_000_000
    with client.raw_stream("SELECT number FROM numbers(100000)", fmt="TSV") as stream:
        assert sum(1 for _ in stream) == 100_000
    assert client.raw_query("SELECT 1, 'x'", fmt="JSONEachRow") == b'{"1":1,"\'x\'":"x"}\n'


def test_settings_belong_to_their_query(client: Client) -> None:
    """A setting sent with a query does not outlive it, and neither does SET."""
    sql = "SELECT value FROM system.settings WHERE name = 'max_result_rows'"
    assert client.command(sql, settings={"max_result_rows": 77}) == 77
    client.command("SET max_result_rows = 78")
    assert client.command(sql) == 0


async def test_the_async_client(async_client: AsyncClient) -> None:
    """The same server for asyncio: insert, query, stream, error."""
    await async_client.command(
        "CREATE TABLE t (a Int64, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY a"
    )
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    await async_client.insert("t", [[n, at] for n in range(1000)])
    result = await async_client.query("SELECT sum(a), any(at) FROM t", tz_mode="aware")
    assert result.first_row == (499_500, at)
    async with await async_client.query_rows_stream("SELECT a FROM t ORDER BY a") as rows:
        assert [row[0] async for row in rows] == list(range(1000))
    with pytest.raises(DatabaseError) as raised:
        await async_client.query("SELECT * FROM nowhere")
    assert raised.value.code == 60


async def test_eight_queries_at_once(async_client: AsyncClient) -> None:
    """One client's parallel queries each get their own answer."""
    async_client.set_client_setting("session_id", "")
    sql = "SELECT sum(number), {n:Int64} FROM numbers(3000000)"
    answers = await asyncio.gather(*(async_client.query(sql, parameters={"n": n}) for n in range(8)))
    assert [answer.result_rows[0][1] for answer in answers] == list(range(8))
    assert {answer.result_rows[0][0] for answer in answers} == {sum(range(3_000_000))}


def test_two_inserts_at_once(clickhouse_server: ClickHouseServer) -> None:
    """Writers of one table do not wait for nor disturb each other."""
    with clickhouse_server.database() as database:

        def write(start: int) -> None:
            with clickhouse_connect.get_client(
                host=clickhouse_server.host, port=clickhouse_server.port, database=database
            ) as client:
                for batch in range(5):
                    client.insert("t", [[start + batch * 1000 + n] for n in range(1000)], column_names=["a"])

        with clickhouse_connect.get_client(
            host=clickhouse_server.host, port=clickhouse_server.port, database=database
        ) as client:
            client.command("CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a")
            with ThreadPoolExecutor(2) as writers:
                list(writers.map(write, (0, 5000)))
            assert client.query("SELECT count(), uniqExact(a), max(a) FROM t").first_row == (
                10_000,
                10_000,
                9_999,
            )
