"""What docs/scaling.md says is what `smolhog plan` reckons, and its commands are run."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg

from smolhog.capacity import read_capacity
from smolhog.plan import Wanted, plan
from smolhog.sizes_text import bytes_text
from tests.dataflows.running_flow import running_stack, wait_until
from tests.dataflows.stored_once import assert_stored_once
from tests.dataflows.traffic import append, make_events
from tests.fixtures_clickhouse import ClickHouseServer

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
RATES = (1_000, 10_000, 40_000, 200_000)


def plan_rows() -> str:
    """The page's table, reckoned anew."""
    measured = read_capacity()
    rows = []
    for rate in RATES:
        wanted = Wanted(rate, measured.event_bytes, 100, measured.users, 90, 24, "rabbitmq")
        found = plan(wanted, measured)
        sizes = [bytes_text(found.disk_bytes[name]) for name in ("PostgreSQL", "ClickHouse", "event log")]
        counts = (found.gateway_processes, found.dataflow_processes, found.partitions)
        cells = (f"{rate:,}", f"{sum(found.cores.values()):.1f}", *map(str, counts), *sizes)
        rows.append(f"| {' | '.join(cells)} |\n")
    return "".join(rows)


def test_the_table_is_what_the_plan_says() -> None:
    """After a new run of the benchmarks, this says what to write there."""
    assert plan_rows() in PAGE.read_text(), plan_rows()


def test_figures_in_the_text_are_the_measured_ones() -> None:
    """To two digits."""
    measured = read_capacity()
    text = PAGE.read_text()
    costs = measured.logs["rabbitmq"]
    assert f"stored {rounded(costs.stored_per_second)} events/s" in text
    assert f"at about {rounded(1e6 / costs.cpu_microseconds['dataflow'])} events/s" in text
    assert f"takes about {rounded(costs.gateway_per_second[100])} events/s" in text
    assert f"({measured.disk_bytes['ClickHouse']:.0f} bytes an event)" in text
    assert f"{measured.disk_bytes['PostgreSQL']:.0f} bytes each with indexes" in text


def rounded(figure: float) -> str:
    """Two digits, as the page has them."""
    return f"{float(f'{figure:.2g}'):,.0f}"


def block(language: str) -> str:
    """The one block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


async def test_a_day_is_handed_over_while_events_stream_in(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """The page's own commands, about yesterday: all rows are in the file, and late events find a place."""
    yesterday = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    month = yesterday.replace(day=1)
    dates = {
        "20260301": f"{yesterday:%Y%m%d}",
        "202603": f"{month:%Y%m}",
        "2026-03-01": f"{month:%Y-%m-%d}",
        "2026-04-01": f"{(month + timedelta(days=31)).replace(day=1):%Y-%m-%d}",
    }

    def dated(text: str) -> str:
        return re.sub("|".join(dates), lambda match: dates[match[0]], text)

    events = [
        msgspec.structs.replace(event, timestamp=yesterday + timedelta(seconds=index))
        for index, event in enumerate(make_events(500, seed=51))
    ]
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data") as stack:
        process = stack.start()
        await append(stack, events[:400], datetime.now(UTC))
        await assert_stored_once(stack, events[:400])
        with psycopg.connect(stack.postgres_dsn, autocommit=True) as connection:
            connection.execute(dated(block("sql")).encode())
            copy, *queries = dated(block("sh")).splitlines()
            statement = re.search(r"\\copy (\w+) TO '[^']+' WITH (\(.*\))", copy)
            assert statement is not None
            with (
                (tmp_path / "events.csv").open("wb") as file,
                connection.cursor().copy(f"COPY {statement[1]} TO STDOUT {statement[2]}".encode()) as rows,
            ):
                for data in rows:
                    file.write(data)
        said = [local(re.findall('"(.*)"', query)[0], tmp_path) for query in queries]
        assert said[-1].strip() == "400"
        ids = local("SELECT event_id FROM file('events.parquet', Parquet)", tmp_path).replace('"', "").split()
        assert sorted(ids) == sorted(event.event_id for event in events[:400])
        await append(stack, events[400:], datetime.now(UTC))
        wait_until(lambda: stack.raw_events() == 100, "late events stored", stack.log_file)
        wait_until(lambda: stack.rollup_total() == 500, "all events counted", stack.log_file)
        assert process.poll() is None


def local(query: str, folder: Path) -> str:
    """What `clickhouse local` says; its engine is that of chDB."""
    done = subprocess.run(
        [sys.executable, "-m", "chdb", query, "CSV"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
