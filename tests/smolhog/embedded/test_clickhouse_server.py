"""The embedded ClickHouse server at its edges: errors, refusals, cancelling, dying."""

import http.client
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.fixtures_clickhouse import ClickHouseServer, running_clickhouse

_ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"


def _post(
    port: int, body: bytes = b"", headers: dict[str, str] | None = None, method: str = "POST", **params: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, f"/?{urlencode(params)}", body=body or None, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELEKT 1", 62, 400),
        ("", 62, 400),
        ("SELECT 1; SELECT 2", 62, 400),
        ("SELECT * FROM nowhere", 60, 404),
        ("SELECT nothing", 47, 404),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 82, 500),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 497, 403),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", 497, 403),
        ("SELECT 1 SETTINGS nonsense = 1", 115, 404),
        ("INSERT INTO nowhere FORMAT CSV\n1", 60, 404),
        (
            "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) SETTINGS max_execution_time = 1",
            159,
            408,
        ),
    ],
)
def test_errors_are_clickhouses(
    clickhouse_server: ClickHouseServer, sql: str, code: int, status: int
) -> None:
    """Status, header and body say the same as a server's, so that clients raise the typed error."""
    answered, headers, body = _post(clickhouse_server.port, sql.encode())
    assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert body.endswith(b"\n")


def test_a_query_has_two_threads(clickhouse_server: ClickHouseServer) -> None:
    """The bound on memory that suits a laptop does not take one of them."""
    with clickhouse_connect.get_client(host=clickhouse_server.host, port=clickhouse_server.port) as client:
        plan = client.query("EXPLAIN PIPELINE SELECT sum(number) FROM numbers_mt(10000000)").result_rows
    assert any("\N{MULTIPLICATION SIGN} 2" in line for (line,) in plan), plan


def test_clients_raise_the_code(clickhouse_server: ClickHouseServer) -> None:
    """clickhouse-connect turns the answer into a DatabaseError with the code."""
    with clickhouse_connect.get_client(host=clickhouse_server.host, port=clickhouse_server.port) as client:
        with pytest.raises(DatabaseError) as raised:
            client.query("SELEKT 1")
        assert raised.value.code == 62
        with pytest.raises(DatabaseError) as raised:
            client.command("DROP TABLE nowhere")
        assert raised.value.code == 60
        with pytest.raises(DatabaseError) as raised:
            client.command("SELECT 1", settings={"max_threads": "many"})
        assert raised.value.code == 27
        with pytest.raises(DatabaseError) as raised:
            clickhouse_connect.get_client(
                host=clickhouse_server.host, port=clickhouse_server.port, database="nowhere"
            )
        assert raised.value.code == 81


def test_an_error_in_the_middle_of_a_stream(clickhouse_server: ClickHouseServer) -> None:
    """What came before it arrives; then the client raises the typed error and never takes the part for the whole."""
    sql = "SELECT number, throwIf(number = 2000000) FROM numbers(3000000)"
    with clickhouse_connect.get_client(host=clickhouse_server.host, port=clickhouse_server.port) as client:
        sizes: list[int] = []
        with client.query_row_block_stream(sql) as blocks, pytest.raises(StreamFailureError) as raised:
            sizes.extend(len(block) for block in blocks)
        assert raised.value.code == 395
        assert 0 < sum(sizes) < 3_000_000
    with pytest.raises(http.client.IncompleteRead) as broken:
        _post(clickhouse_server.port, sql.encode())
    assert b"__exception__\r\n" in broken.value.partial[-1000:]
    assert b"Code: 395. DB::Exception" in broken.value.partial[-1000:]


def test_a_bad_row_spoils_its_insert(clickhouse_server: ClickHouseServer) -> None:
    """An insert that cannot be parsed leaves nothing behind."""
    with clickhouse_server.database() as database:
        _post(
            clickhouse_server.port,
            b"CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a",
            database=database,
        )
        body = b'{"a":1}\n' * 1000 + b'{"a":"x"}\n'
        query = "INSERT INTO t FORMAT JSONEachRow"
        status, headers, _ = _post(clickhouse_server.port, body, query=query, database=database)
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (400, "27")
        assert _post(clickhouse_server.port, b"SELECT count() FROM t", database=database)[2] == b"0\n"


def test_a_broken_body_is_refused(clickhouse_server: ClickHouseServer) -> None:
    """Damaged and unknown codings are the client's fault and have ClickHouse's codes."""
    for coding, code in (("gzip", "354"), ("zstd", "354"), ("lz4", "354"), ("snappy", "48")):
        status, headers, _ = _post(clickhouse_server.port, b"SELECT 1", headers={"Content-Encoding": coding})
        assert (status >= 400, headers["X-ClickHouse-Exception-Code"]) == (True, code)


def test_get_reads_only(clickhouse_server: ClickHouseServer) -> None:
    """A GET answers a query and may not write."""
    assert _post(clickhouse_server.port, method="GET", query="SELECT 1")[2] == b"1\n"
    status, headers, _ = _post(clickhouse_server.port, method="GET", query="CREATE DATABASE by_get")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")


def test_headers(clickhouse_server: ClickHouseServer) -> None:
    """The headers that clients read."""
    _, headers, body = _post(
        clickhouse_server.port,
        b"SELECT 1 AS x",
        query_id="mine",
        default_format="JSONEachRow",
        wait_end_of_query="1",
    )
    assert body == b'{"x":1}\n'
    assert headers["X-ClickHouse-Query-Id"] == "mine"
    assert headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert headers["X-ClickHouse-Timezone"] == "UTC"
    assert '"read_rows": "' in headers["X-ClickHouse-Summary"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8123"},
        {"Host": "192.168.1.5"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_web_pages_are_kept_out(clickhouse_server: ClickHouseServer, headers: dict[str, str]) -> None:
    """Neither a rebound name nor a cross-site request reaches the engine."""
    assert _post(clickhouse_server.port, b"SELECT 1", headers=headers)[0] == 403


def test_external_data_is_refused(clickhouse_server: ClickHouseServer) -> None:
    """What the engine cannot do is a typed error, not a wrong answer."""
    from clickhouse_connect.driver.external import ExternalData

    data = ExternalData(file_name="x.csv", data=b"1\n", fmt="CSV", structure="a Int8")
    with (
        clickhouse_connect.get_client(host=clickhouse_server.host, port=clickhouse_server.port) as client,
        pytest.raises(DatabaseError) as raised,
    ):
        client.query("SELECT * FROM x", external_data=data)
    assert raised.value.code == 48


def _running(port: int, query_id: str) -> int:
    sql = f"SELECT count() FROM system.processes WHERE Settings['log_comment'] = '{query_id}'"
    return int(_post(port, sql.encode())[2])


def _until_running(port: int, query_id: str, wanted: int) -> None:
    deadline = time.monotonic() + 30
    while _running(port, query_id) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_kill_query(clickhouse_server: ClickHouseServer) -> None:
    """KILL QUERY finds the client's query id; the victim gets code 394, and its id cannot run twice."""
    port = clickhouse_server.port
    answers: list[tuple[int, http.client.HTTPMessage, bytes]] = []
    victim = threading.Thread(
        target=lambda: answers.append(_post(port, _ENDLESS.encode(), query_id="victim"))
    )
    victim.start()
    _until_running(port, "victim", 1)
    assert _post(port, b"SELECT 1", query_id="victim")[1]["X-ClickHouse-Exception-Code"] == "216"
    assert _post(port, b"KILL QUERY WHERE query_id = 'victim'")[0] == 200
    victim.join(timeout=30)
    assert answers[0][1]["X-ClickHouse-Exception-Code"] == "394"


def test_a_client_that_leaves_stops_its_query(clickhouse_server: ClickHouseServer) -> None:
    """A reading query ends with its client, when the client asked for that, as clickhouse-connect does."""
    port = clickhouse_server.port
    connection = http.client.HTTPConnection("127.0.0.1", port)
    params = urlencode({"query_id": "left", "cancel_http_readonly_queries_on_client_close": "1"})
    connection.request("POST", f"/?{params}", body=_ENDLESS.encode())
    _until_running(port, "left", 1)
    connection.close()
    _until_running(port, "left", 0)


def test_a_client_that_leaves_half_an_insert(clickhouse_server: ClickHouseServer) -> None:
    """An insert whose body stops short is not committed."""
    port = clickhouse_server.port
    with clickhouse_server.database() as database:
        _post(port, b"CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a", database=database)
        params = urlencode({"query_id": database, "database": database, "query": "INSERT INTO t FORMAT TSV"})
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.putrequest("POST", f"/?{params}")
        connection.putheader("Content-Length", "1000000")
        connection.endheaders(b"1\n" * 1000)
        connection.close()
        deadline = time.monotonic() + 30
        while (
            _post(port, b"SELECT 1", query_id=database)[0] != 200
        ):  # its id is free again: the insert is over
            assert time.monotonic() < deadline
        assert _post(port, b"SELECT count() FROM t", database=database)[2] == b"0\n"


def test_a_password_when_one_is_set(tmp_path: Path) -> None:
    """With a password only `default` with that password gets in; ping needs none."""
    variable = {"SMOLHOG_EMBEDDED_CLICKHOUSE_PASSWORD": "s3cret"}
    with running_clickhouse(tmp_path, environment=variable) as service:
        with clickhouse_connect.get_client(host="127.0.0.1", port=service.port, password="s3cret") as client:
            assert client.command("SELECT 1") == 1
        for headers in (
            {},
            {"X-ClickHouse-Key": "no"},
            {"X-ClickHouse-User": "root", "X-ClickHouse-Key": "s3cret"},
        ):
            status, answered, _ = _post(service.port, b"SELECT 1", headers=headers)
            assert (status, answered["X-ClickHouse-Exception-Code"]) == (403, "516")
        assert _post(service.port, b"SELECT 1", headers={"X-ClickHouse-Key": "s3cret"})[0] == 200


def test_acknowledged_inserts_survive_sigkill(tmp_path: Path) -> None:
    """Whatever was acknowledged is there after kill -9, and the folder opens again at once."""
    acknowledged = 0
    for round_number in range(3):
        with (
            running_clickhouse(tmp_path) as service,
            clickhouse_connect.get_client(host="127.0.0.1", port=service.port) as client,
        ):
            client.command("CREATE TABLE IF NOT EXISTS t (a Int64) ENGINE = MergeTree ORDER BY a")
            assert client.query("SELECT count(), uniqExact(a) FROM t").first_row == (
                acknowledged,
                acknowledged,
            )
            for _ in range(20):
                rows = [[acknowledged + n] for n in range(100)]
                client.insert("t", rows, column_names=["a"])
                acknowledged += len(rows)
            assert round_number >= 0
            service.kill()
    with (
        running_clickhouse(tmp_path) as service,
        clickhouse_connect.get_client(host="127.0.0.1", port=service.port) as client,
    ):
        assert client.query("SELECT count(), uniqExact(a) FROM t").first_row == (acknowledged, acknowledged)
        assert service.stop() == 0


@pytest.mark.parametrize("kill", [False, True])
def test_default_is_an_ordinary_database_at_every_start(tmp_path: Path, kill: bool) -> None:  # noqa: FBT001 - a case
    """Never used, with a table, emptied again, filled again: `default` opens and a wrong name is code 60."""
    statements = (
        (),
        ("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a", "INSERT INTO t VALUES (1)"),
        ("DROP TABLE t SYNC",),
        (),
        (
            "CREATE OR REPLACE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a",
            "INSERT INTO default.t VALUES (1)",
        ),
        ("DROP DATABASE default SYNC",),
        ("CREATE TABLE t (a Int8) ENGINE = Memory",),
    )
    tables = 0
    for script in statements:
        with running_clickhouse(tmp_path) as service:
            assert _post(service.port, b"SELECT * FROM nowhere")[1]["X-ClickHouse-Exception-Code"] == "60"
            assert (
                _post(service.port, b"SELECT engine FROM system.databases WHERE name = 'default'")[2]
                == b"Atomic\n"
            )
            assert len(_post(service.port, b"SHOW TABLES FROM default")[2].splitlines()) == tables
            for sql in script:
                assert _post(service.port, sql.encode())[0] == 200
            status, _, names = _post(
                service.port, b"SELECT name FROM system.tables WHERE database = 'default'"
            )
            # Without the database no request is served, as nothing says where to run it.
            tables = names.count(b"\n") if status == 200 else 0
            if kill:
                service.kill()


def test_sigterm_lets_queries_finish(tmp_path: Path) -> None:
    """A running query gets its answer, then the server exits with 0."""
    with running_clickhouse(tmp_path) as service:
        answers: list[tuple[int, http.client.HTTPMessage, bytes]] = []
        sql = b"SELECT sum(sleepEachRow(0.1)) FROM numbers(10) SETTINGS max_block_size = 1"
        asker = threading.Thread(target=lambda: answers.append(_post(service.port, sql, query_id="slow")))
        asker.start()
        _until_running(service.port, "slow", 1)
        assert service.stop() == 0
        asker.join()
        assert (answers[0][0], answers[0][2]) == (200, b"0\n")


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    """One process holds a folder; the second says who, and the first is not disturbed."""
    with running_clickhouse(tmp_path) as service:
        command = [sys.executable, "-m", "smolhog.embedded.clickhouse_server", "--port", "0", "--path"]
        done = subprocess.run(
            [*command, str(tmp_path / "engine")], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert f"is in use by another process (pid {service.process.pid})" in done.stdout
        assert _post(service.port, b"SELECT 1")[2] == b"1\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", "::"])
def test_only_loopback(tmp_path: Path, host: str) -> None:
    """The server refuses to listen where other machines could reach it."""
    command = [sys.executable, "-m", "smolhog.embedded.clickhouse_server", "--port", "0", "--host", host]
    done = subprocess.run(
        [*command, "--path", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "loopback addresses only" in done.stdout
