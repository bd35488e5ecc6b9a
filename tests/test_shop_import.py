"""The main job on real input: a shop's clickstream goes in by `smolhog import`, its numbers come out."""

import csv
import gzip
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.dataflows.running_flow import wait_until
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_rabbitmq import RabbitMQ
from tests.whole_stack import WholeStack, whole_stack

CLICKSTREAM = Path(__file__).parents[2] / "shared" / "data" / "shop-clickstream.csv.gz"
ROWS = 31_106

Counts = Counter[tuple[str, str | None, str]]
"""(event, value of a breakdown, hour) -> events"""

pytestmark = pytest.mark.skipif(
    not CLICKSTREAM.exists(), reason="the clickstream's folder is not beside this one"
)


@pytest.fixture(params=["embedded", "given by URL"])
def stack(request: pytest.FixtureRequest) -> Iterator[WholeStack]:
    """The whole stack, all embedded, and with RabbitMQ and both stores running elsewhere."""
    if request.param == "embedded":
        with whole_stack() as running:
            yield running
    else:
        broker: RabbitMQ = request.getfixturevalue("own_rabbitmq")
        clickhouse: ClickHouseServer = request.getfixturevalue("clickhouse_server")
        with clickhouse.database() as database:
            stores = {
                "SMOLHOG_POSTGRES_URL": request.getfixturevalue("postgres_database"),
                "SMOLHOG_CLICKHOUSE_URL": f"{clickhouse.url}/{database}",
            }
            with whole_stack(amqp_url=broker.url, settings=stores) as running:
                yield running


def counted_from_the_file(column: str | None) -> Counts:
    """Hourly counts by event, and by a column, made from the file alone."""
    counts: Counts = Counter()
    with gzip.open(CLICKSTREAM, "rt", newline="") as file:
        for row in csv.DictReader(file):
            hour = row["timestamp"][:13]
            counts[row["event"], row[column] if column else None, hour] += 1
    return counts


def counted_by_the_query_api(stack: WholeStack, breakdown: str | None) -> Counts:
    """The same, asked for five events and a month at a time: an answer has a limit of points."""
    counts: Counts = Counter()
    names = sorted({event for event, _, _ in counted_from_the_file(None)})
    months = [f"2024-{month:02}-01T00:00:00Z" for month in range(1, 13)]
    for begin, end in pairwise([*months, "2025-01-01T00:00:00Z"]):
        for some in batched(names, 5):
            question: dict[str, Any] = {"event": some, "interval": "hour", "from": begin, "to": end}
            if breakdown is not None:
                question["breakdown"] = breakdown
            answer = stack.analytics("trends", **question)
            assert answer["exactness"] == "exact"
            for series in answer["series"]:
                for point in series["points"]:
                    if point["value"]:
                        hour = point["time"][:13].replace("T", " ")
                        counts[series["event"], series["breakdown"], hour] += point["value"]
    return counts


def batched(names: list[str], size: int) -> list[list[str]]:
    """Cut a list into pieces."""
    return [names[begin : begin + size] for begin in range(0, len(names), size)]


def assert_numbers_are_right(stack: WholeStack) -> None:
    """Totals, hourly counts by event, and hourly counts by event and platform."""
    wait_until(
        lambda: stack.analytics("stats")["total_events"] >= ROWS,
        "the whole file in the rollups",
        stack.output,
    )
    assert stack.analytics("stats")["total_events"] == ROWS
    assert counted_by_the_query_api(stack, None) == counted_from_the_file(None)
    assert counted_by_the_query_api(stack, "platform") == counted_from_the_file("platform")


def assert_raw_events(stack: WholeStack) -> None:
    """PostgreSQL and the columnar copy hold each row of the file once, by `doctor`'s own drivers."""
    stack.assert_verified()
    counted = subprocess.run(
        [sys.executable, "-c", _COUNT_STORES],
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert counted.stdout.split() == [str(ROWS), str(ROWS), str(ROWS)]


_COUNT_STORES = """
import psycopg
from sinks.clickhouse.connect import connect
from smolhog.settings import Settings
settings = Settings()
with psycopg.connect(settings.postgres_dsn) as postgres:
    print(*postgres.execute("SELECT count(*), count(DISTINCT event_id) FROM events").fetchone())
with connect(settings.clickhouse_dsn) as clickhouse:
    print(clickhouse.query("SELECT count() FROM events FINAL").result_rows[0][0])
"""


def import_shop(stack: WholeStack, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the import to its end."""
    return stack.smolhog(
        "import", str(CLICKSTREAM), "--key", stack.write_key, "--url", stack.stream_url, *options
    )


def test_an_import_gives_the_numbers_of_the_file_and_again_changes_nothing(stack: WholeStack) -> None:
    """31,106 rows in, the same counts out; a second import of the same file adds nothing."""
    first = import_shop(stack)
    assert first.returncode == 0, first.stderr
    assert_numbers_are_right(stack)
    again = import_shop(stack, "--restart")
    assert again.returncode == 0, again.stderr
    marker = stack.analytics("stats")["total_events"]
    assert marker == ROWS
    assert_numbers_are_right(stack)
    assert_raw_events(stack)


def test_a_dataflow_killed_in_the_middle_of_an_import_changes_no_number(stack: WholeStack) -> None:
    """SIGKILL while rows are on their way; the supervisor starts it again; the numbers are the file's."""
    importing = subprocess.Popen(
        [
            *(sys.executable, "-m", "smolhog", "import", str(CLICKSTREAM)),
            *("--key", stack.write_key, "--url", stack.stream_url),
        ],
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for reached in (500, 12_000):
            wait_until(
                lambda reached=reached: stack.analytics("stats")["total_events"] >= reached,  # type: ignore[misc]
                f"{reached} events counted",
                stack.output,
            )
            kill_dataflow(stack)
    finally:
        assert importing.wait(timeout=120) == 0
    assert_numbers_are_right(stack)
    assert_raw_events(stack)


def kill_dataflow(stack: WholeStack) -> None:
    """SIGKILL, and wait until the supervisor has started another."""
    victim = stack.child("dataflow")
    victim.kill()

    def lives_anew() -> bool:
        try:
            return stack.child("dataflow").pid != victim.pid
        except (StopIteration, psutil.NoSuchProcess):
            return False

    wait_until(lives_anew, "the dataflow being restarted", stack.output)
