"""How fast each output of a flow takes rows, over both stores, an embedded log and a server on this machine."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from benchmarks.messages import LOG_ID, PROJECT_ID
from benchmarks.results import Group, LossCheck, Result
from benchmarks.rounds import Best
from benchmarks.services import StoreUrls
from dataflows.kit import ClickHouseTable, Event, EventStream, PostgresTable, Rows, Webhook
from dataflows.kit.batch import Place
from dataflows.kit.sink import FlowSink, Item, SinkContext
from event_log.opening import open_event_log
from event_log.port import EventLog
from sinks.clickhouse.connect import connect
from tests.http_server import Quiet, running_server

_ROWS = 1_000
"""Of one message."""
_CALLS = 200
"""Of the webhook, which is made one call after the other."""
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_POSTGRES = "CREATE TABLE {} (id bigint PRIMARY KEY, name text NOT NULL, amount double precision NOT NULL)"
_CLICKHOUSE = """
CREATE TABLE cost (
    id Int64, name String, amount Float64, log_id Int64, log_partition String, log_offset Int64, log_index UInt32
) ENGINE = ReplacingMergeTree ORDER BY (log_id, log_partition, log_offset, log_index)
"""


class Output(NamedTuple):
    """An output, and how to count what it holds."""

    name: str
    title: str
    sink: FlowSink
    row: Callable[[int], Any]
    rows: int
    found: Callable[[], int]


def measure_outputs(urls: StoreUrls, rows: int, rounds: int) -> list[Result]:
    """Write the same number of rows to every output; to the webhook fewer.

    Args:
        urls: of stores with schema.
        rows: to write.
        rounds: of which the best counts.
    """
    best = Best()
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as name, _counting_server() as server:
            open_log = partial(_open_log, Path(name))
            for output in _outputs(urls, rows, server, number):
                context = SinkContext(
                    "cost", number + 1, output.name, LOG_ID, ("0",), urls.postgres, urls.clickhouse, open_log
                )
                best.add(_measured(output, context))
    return best.results


def _outputs(urls: StoreUrls, rows: int, server: "_Server", number: int) -> list[Output]:
    inserted, upserted = f"inserted_{number}", f"upserted_{number}"
    with psycopg.connect(urls.postgres) as connection:
        for table in (inserted, upserted):
            connection.execute(_POSTGRES.format(table).encode())
    with connect(urls.clickhouse) as client:
        client.command("DROP TABLE IF EXISTS cost")
        client.command(_CLICKHOUSE)
    return [
        Output(
            "postgres-insert",
            '`PostgresTable(mode="insert")`',
            PostgresTable(inserted, mode="insert"),
            _row,
            rows,
            partial(_in_postgres, urls, inserted),
        ),
        Output(
            "postgres-upsert",
            '`PostgresTable(mode="upsert")`',
            PostgresTable(upserted, key=("id",)),
            _row,
            rows,
            partial(_in_postgres, urls, upserted),
        ),
        Output(
            "clickhouse",
            "`ClickHouseTable`",
            ClickHouseTable("cost"),
            _row,
            rows,
            partial(_in_clickhouse, urls),
        ),
        Output("stream", "`EventStream`, embedded log", EventStream("cost"), _event, rows, lambda: rows),
        Output(
            "webhook",
            "`Webhook`, a call each",
            Webhook(server.url, secret="between us"),
            _row,
            min(rows, _CALLS),
            lambda: server.calls,
        ),
    ]


def _measured(output: Output, context: SinkContext) -> Result:
    items: list[Item] = [
        Rows("0", begin, 0.0, [output.row(index) for index in range(begin, min(begin + _ROWS, output.rows))])
        for begin in range(0, output.rows, _ROWS)
    ]
    writer = output.sink.open(context)
    began = time.perf_counter()
    for begin in range(0, len(items), 20):
        writer.write(items[begin : begin + 20])
    seconds = time.perf_counter() - began
    writer.close()
    return Result(
        name=f"flow-output-{output.name}",
        title=output.title,
        group=Group.FLOW,
        events=output.rows,
        seconds=seconds,
        checks=(LossCheck("rows there", output.rows, output.found()),),
    )


def _row(index: int) -> dict[str, Any]:
    return {"id": index, "name": f"row {index}", "amount": index / 2}


def _event(index: int) -> Event:
    place = Place("0", index, 0)
    return Event(PROJECT_ID, "", "row", f"user_{index % 5000}", _NOW, _NOW, None, _row(index), place)


def _in_postgres(urls: StoreUrls, table: str) -> int:
    with psycopg.connect(urls.postgres) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def _in_clickhouse(urls: StoreUrls) -> int:
    with connect(urls.clickhouse) as client:
        return int(str(client.command("SELECT count() FROM cost FINAL")))


async def _open_log(folder: Path, name: str, partitions: int) -> EventLog:
    return await open_event_log(f"sqlite:///{folder / name}", partitions=partitions)


class _Server:
    def __init__(self, url: str) -> None:
        self.url = url
        self.calls = 0


@contextmanager
def _counting_server() -> Iterator[_Server]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            counting.calls += 1
            self.send_response(204)
            self.end_headers()

    with running_server(Handler) as url:
        counting = _Server(f"{url}/")
        yield counting
