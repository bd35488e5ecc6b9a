"""Each benchmark stage, run from end to end with a few events: its loss checks hold, its figures are possible."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from prometheus_client import Counter

import dataflows.kit
from benchmarks.baselines.row_at_a_time import measure_row_at_a_time
from benchmarks.end_to_end import run_shapes
from benchmarks.load import Load
from benchmarks.machine import this_machine
from benchmarks.open_loop import run_latencies
from benchmarks.report.docs import MarksMissingError
from benchmarks.report.flow_costs import write_flow_costs
from benchmarks.results import Group, LossCheck, Result, Run
from benchmarks.services import Servers, running_servers
from benchmarks.stages.clickhouse import measure_clickhouse
from benchmarks.stages.drain import measure_drain
from benchmarks.stages.engines import measure_engines
from benchmarks.stages.event_log import measure_event_log
from benchmarks.stages.flow_outputs import measure_outputs
from benchmarks.stages.flows import measure_flows
from benchmarks.stages.gateway import measure_gateway
from benchmarks.stages.postgres import measure_postgres
from benchmarks.stages.queries import measure_queries
from benchmarks.stages.steps import measure_steps, measure_wire_decode
from benchmarks.stages.storage import measure_storage
from benchmarks.stages.telemetry import measure_telemetry
from benchmarks.stages.windows import measure_windows
from benchmarks.traffic import Shape
from dataflows import process
from smolhog import metrics
from smolhog.tracing import current_tracing
from tests.dataflows.running_flow import wait_until
from tests.fixtures_rabbitmq import RabbitMQ


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Both stores, for the stages that measure one part."""
    with running_servers() as running:
        yield running


def _assert_plausible(result: Result) -> None:
    assert result.checks, result.name
    assert all(check.holds for check in result.checks), result.checks
    assert result.events > 0
    assert result.seconds > 0
    # No stage of this pipeline moves ten million events a second, whatever the machine.
    assert result.per_second < 1e7
    for latency in result.latencies.values():
        assert 0 < latency.p50 <= latency.p95 <= latency.p99 <= latency.p999 <= latency.largest


def test_postgres_is_filled_in_every_way(servers: Servers) -> None:
    """Bare COPY, staged and direct, and the sink put the same rows into the same table."""
    results = measure_postgres(servers, 500, rounds=1)
    assert [result.name for result in results] == [
        "copy-staged-1",
        "copy-staged-4",
        "copy-direct-1",
        "copy-direct-4",
        "sink-postgres",
    ]
    for result in results:
        _assert_plausible(result)
        assert result.events == 500


def test_clickhouse_is_filled_in_both_ways(servers: Servers) -> None:
    """A bare insert and the sink put the same rows into ClickHouse, the sink its rollups too."""
    for result in measure_clickhouse(servers, 500, rounds=1):
        _assert_plausible(result)


def test_messages_are_appended_and_read_back(rabbitmq: RabbitMQ) -> None:
    """Bare publishing and both adapters hold every event that was appended."""
    results = asyncio.run(measure_event_log(500, rabbitmq.url))
    assert [result.name for result in results] == ["append-rabbitmq", "log-rabbitmq", "log-sqlite"]
    for result in results:
        _assert_plausible(result)


def test_each_step_and_output_of_a_flow_is_measured(servers: Servers) -> None:
    """Nothing is lost in any of them, and all of the kit's steps are there."""
    with servers.fresh_databases() as urls:
        steps = measure_flows(urls, 500, rounds=1)
        outputs = measure_outputs(urls, 500, rounds=1)
    for result in [*steps, *outputs, *measure_windows(500, rounds=1)]:
        # A step over hardly any events is hardly measured: only that it loses none is looked at.
        assert result.holds, (result.name, result.checks)
    titles = " ".join(result.title for result in [*steps, *outputs])
    untold = {
        "map_batches",
        "map_rows",
        "write",
        "count_of",
        "mean_of",
        "min_of",
        "max_of",
        "Stdout",
        "FileSource",
    }
    types = {
        name for name in dataflows.kit.__all__ if name[0].isupper() and not name.endswith(("Table", "Stream"))
    }
    helpers = {"is_signed", "named", "prop"}
    assert {name for name in dataflows.kit.__all__ if f"`{name}" not in titles} <= untold | types | helpers


def test_the_costs_of_flows_are_put_between_the_marks(tmp_path: Path) -> None:
    """What people wrote around them stays; a page without marks is left alone."""
    results = [
        Result(name, f"`{name}`", Group.FLOW, 10, 0.5, (LossCheck("events", 10, 10),), cpu_microseconds=cpu)
        for name, cpu in (
            ("flow-decode", {"flow": 5.0}),
            ("flow-window-kit", {"flow": 0.5}),
            ("flow-window-fold", {"flow": 5.0}),
            ("flow-output-stream", {}),
        )
    ]
    results[1] = replace(results[1], seconds=0.05)
    run = Run("flows", "2026-01-01T00:00:00Z", this_machine(), tuple(results))
    page = tmp_path / "cost.md"
    begin = "<!-- measured: begin (written by `python -m benchmarks flows --docs`) -->"
    page.write_text(f"before\n{begin}\nfigures of last year\n<!-- measured: end -->\nafter\n")
    write_flow_costs(run, page)
    text = page.read_text()
    assert text.startswith(f"before\n{begin}\n")
    assert text.endswith("<!-- measured: end -->\nafter\n")
    assert "last year" not in text
    assert "**10 times** as fast" in text
    assert "| `flow-decode` | 5.00 | 20 |" in text
    assert "4 of 4 loss checks hold" in text
    page.write_text("nothing")
    with pytest.raises(MarksMissingError):
        write_flow_costs(run, page)
    assert page.read_text() == "nothing"


def test_the_baseline_stores_what_it_is_sent(servers: Servers, rabbitmq: RabbitMQ) -> None:
    """One message and one INSERT an event is slow, but loses nothing."""
    with servers.fresh_databases() as urls:
        _assert_plausible(asyncio.run(measure_row_at_a_time(urls, rabbitmq.url, 20)))


def test_frames_are_decoded_and_messages_processed() -> None:
    """The stages without services see every event."""
    for result in [*measure_wire_decode(500, 100, rounds=1), measure_steps(500, rounds=1)]:
        _assert_plausible(result)
        assert result.events == 500


def test_engines_count_the_same_events() -> None:
    """SmolHog and plain Bytewax count every event; an engine that is not there is named."""
    results, skipped = measure_engines(500, None)
    for result in results:
        _assert_plausible(result)
    assert [each.name for each in skipped] == ["engine-pathway"]


def test_the_gateway_alone_makes_everything_durable(servers: Servers) -> None:
    """What the gateway acknowledged is in the log, in batches of any size."""
    with servers.fresh_databases() as urls:
        result = asyncio.run(measure_gateway(urls, Load(530, batch=50, connections=2), None))
    _assert_plausible(result)
    assert result.events == 530
    assert result.latencies["ack"].count == 11


def test_the_dataflow_alone_works_off_a_log(servers: Servers) -> None:
    """A log that was filled before ends in both stores."""
    with servers.fresh_databases() as urls:
        _assert_plausible(asyncio.run(measure_drain(urls, 500, None)))


def test_questions_are_answered_over_generated_events(servers: Servers) -> None:
    """The query API finds exactly the events that were generated."""
    with servers.fresh_databases() as urls:
        result = measure_queries(urls, 2_000, asks=2)
    _assert_plausible(result)
    assert all(latency.count == 2 for latency in result.latencies.values())


def test_repeats_and_late_events_come_through_once() -> None:
    """Half of all events repeated, or late and one user's: each is stored once, in every store."""
    repeated, late = asyncio.run(
        run_shapes(
            [
                ("repeated", "Repeated", Load(400, batch=20, shape=Shape(repeated=0.5))),
                ("late", "Late", Load(300, batch=300, shape=Shape(late=0.2, hot=0.5))),
            ],
            amqp_url=None,
        )
    )
    for result in (repeated, late):
        _assert_plausible(result)
    # A coin thrown 400 times.
    assert 140 < repeated.checks[1].expected < 260
    assert late.checks[1].expected == 300


def test_latencies_are_measured_at_set_rates() -> None:
    """Every rate has both latencies, and every probe is found."""
    results = asyncio.run(run_latencies(300, seconds=1.0, amqp_url=None, fixed_rate=300))
    assert [result.name for result in results] == [
        "peak-sqlite",
        "latency-sqlite-25",
        "latency-sqlite-50",
        "latency-sqlite-80",
        "latency-sqlite-fixed",
    ]
    for result in results:
        _assert_plausible(result)
    assert all("visible" in result.latencies for result in results[1:])


def test_the_command_prints_a_run_as_one_line_of_json() -> None:
    """`end-to-end --json` is for programs: one line on standard output, all else elsewhere."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "end-to-end"),
            *("--events", "200", "--log", "sqlite", "--client", "sdk", "--json"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    (line,) = done.stdout.splitlines()
    printed = json.loads(line)
    assert printed["name"] == "end-to-end-sqlite"
    assert printed["events"] == 200
    assert {check["found"] for check in printed["checks"]} == {200}
    assert {"gateway", "dataflow", "postgres", "clickhouse"} <= printed["cpu_microseconds"].keys()


def test_ctrl_c_leaves_no_process_behind() -> None:
    """Interrupted while its servers run, a stage ends them all, says so, and starts no other."""
    process = psutil.Popen(
        [sys.executable, "-m", "benchmarks", "stage", "--tiny", "postgres", "clickhouse"],
        stderr=subprocess.PIPE,
        # A terminal's Ctrl-C reaches the whole group.
        start_new_session=True,
    )
    try:
        wait_until(lambda: _runs_postgres(process), "PostgreSQL being started")
        children = process.children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, output = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=30)
    finally:
        if process.is_running():
            process.kill()
            process.communicate()
    assert alive == []
    assert process.returncode == 130
    assert "clickhouse …" not in output.decode()


def _runs_postgres(process: psutil.Popen) -> bool:
    names = []
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended since
            names.append(child.name())
    return "postgres" in names


async def test_what_is_kept_is_weighed() -> None:
    """Every store, the log and the index have weight, and every process takes memory."""
    result = await measure_storage(1_000)
    _assert_plausible(result)
    assert all(figure > 0 for name, figure in result.figures.items() if "watchdog" not in name), (
        result.figures
    )
    assert result.figures["bytes an event, event log"] > 0.5 * result.figures["bytes an event, as sent"]
    assert {
        "resident MiB, gateway",
        "resident MiB, dataflow",
        "resident MiB, postgres",
    } <= result.figures.keys()


def test_telemetry_is_silent_only_while_it_is_measured() -> None:
    """Each way comes to all rows; afterwards everything counts again, and nothing is traced."""
    result = measure_telemetry(2_000, 10)
    _assert_plausible(result)
    assert vars(process)["EVENTS_PROCESSED"] is metrics.EVENTS_PROCESSED
    assert isinstance(metrics.EVENTS_PROCESSED, Counter)
    assert current_tracing() is None
