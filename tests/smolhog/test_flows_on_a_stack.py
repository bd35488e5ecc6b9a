"""Flows under `smolhog up`, by configuration alone, and one by hand beside it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from smolhog.embedded.postgres_cluster import Cluster
from tests.dataflows.running_flow import wait_until
from tests.smolhog.commands import run_smolhog
from tests.whole_stack import WholeStack, whole_stack

# Its step cannot count what is no number.
FAILING = '''
"""A flow that fails at the first event that says how."""

from dataflows.kit import Events, Flow, LogSource, PostgresTable, map_events, write

flow = Flow("failing", source=LogSource())


@flow.steps
def steps(events: Events) -> None:
    rows = map_events("divide", events, lambda event: {"id": event.event_id, "part": 1 / event.properties.get("by", 1)})
    write("table", rows, PostgresTable("parts", key=("id",)))
'''


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of flows: `seen` works, `failing` does not, `broken` cannot even be imported, `later` is new."""
    folder = tmp_path_factory.mktemp("written")
    for name in ("seen", "later"):
        assert run_smolhog(folder, "flow", "new", name, "--in", name).returncode == 0
    for name, text in (("failing", FAILING), ("broken", "import nothing_of_that_name\n")):
        (folder / "seen" / name).mkdir()
        (folder / "seen" / name / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def stack(flows: Path) -> Iterator[WholeStack]:
    """A stack that is told of all but the last."""
    with whole_stack(
        settings={"SMOLHOG_FLOWS": str(flows / "seen"), "SMOLHOG_FLOW_METRICS_PORT": "0"}
    ) as running:
        yield running


def send(stack: WholeStack, name: str, number: int, **properties: object) -> None:
    """Send events of as many people."""
    events = [
        {"event": name, "distinct_id": f"user-{index}", "properties": properties} for index in range(number)
    ]
    answer = httpx.post(
        f"http://127.0.0.1:{stack.gateway_port}/v1/batch",
        headers={"Authorization": f"Bearer {stack.write_key}"},
        json={"events": events},
    )
    assert answer.status_code == 200, answer.text


def counted(stack: WholeStack, table: str, name: str) -> int:
    """Events that a flow's table says."""
    answer = httpx.post(
        f"http://127.0.0.1:{stack.environment['SMOLHOG_CLICKHOUSE_PORT']}/?database=smolhog",
        content=f"SELECT sum(events) FROM {table} FINAL WHERE event = '{name}'",
    )
    return int(answer.text) if answer.status_code == 200 else 0


def flow_metrics(stack: WholeStack, name: str) -> str:
    """What the process of a flow tells Prometheus."""
    return httpx.get(f"http://127.0.0.1:{flow_port(stack, name)}/metrics").text


def starts(stack: WholeStack, name: str) -> float:
    """How often a flow was started, as the query API's metrics say."""
    metrics = httpx.get(f"http://127.0.0.1:{stack.query_port}/metrics").text
    found = re.search(rf'^smolhog_flow_starts{{flow="{name}"}} (.+)$', metrics, re.MULTILINE)
    return float(found[1]) if found else 0


@pytest.mark.timeout(600)
def test_flows_run_under_the_stack_and_none_of_them_can_hurt_it(stack: WholeStack, flows: Path) -> None:
    """One story: a good flow beside two bad ones, a kill, a backfill by hand, and what status says of it all."""
    a_flow_counts_what_arrives(stack)
    the_failing_are_said_and_started_again_and_nothing_else_suffers(stack)
    a_killed_flow_goes_on(stack)
    a_new_flow_is_backfilled_by_hand(stack, flows)
    raw_events_come_before_the_log(stack, flows)
    a_flow_that_runs_is_not_run_twice(stack)


def a_flow_counts_what_arrives(stack: WholeStack) -> None:
    """Its table was made, and has the rows within a moment."""
    send(stack, "viewed", 100)
    wait_until(lambda: counted(stack, "seen", "viewed") == 100, "100 events counted", stack.output)
    assert 'smolhog_flow_events_total{flow="seen"} 100.0' in flow_metrics(stack, "seen")
    # Lag is looked at every second.
    no_lag = 'smolhog_flow_lag_seconds{flow="seen",partition="0"} 0.0'
    wait_until(lambda: no_lag in flow_metrics(stack, "seen"), "no lag", stack.output)


def runs(process: psutil.Process, file: str) -> bool:
    """Whether a process runs a file; one that has just ended does not."""
    try:
        return any(word.endswith(file) for word in process.cmdline())
    except psutil.NoSuchProcess:  # a zombie is one of these
        return False


def flow_process(stack: WholeStack, name: str) -> psutil.Process:
    """The process of a flow, which its supervisor keeps running."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        found[:] = [
            child for child in psutil.Process(stack.process.pid).children() if runs(child, f"{name}.py")
        ]
        return bool(found)

    wait_until(is_there, f"a process of flow {name}", stack.output)
    return found[0]


def flow_port(stack: WholeStack, name: str) -> int:
    """Where its metrics are."""
    words = flow_process(stack, name).cmdline()
    return int(words[words.index("--metrics-port") + 1])


def the_failing_are_said_and_started_again_and_nothing_else_suffers(stack: WholeStack) -> None:
    """Status says which, how often and why, with the line; the built-in dataflow and the good flow go on."""
    send(stack, "viewed", 1, by=0)

    wait_until(lambda: "ZeroDivisionError" in stack.output.read_text(), "the failure", stack.output)
    wait_until(lambda: starts(stack, "failing") > 2, "further starts", stack.output)
    alarms: list[str] = json.loads(stack.smolhog("status", "--json").stdout)["alarms"]
    failing = next(alarm for alarm in alarms if "flow failing" in alarm)
    assert "ZeroDivisionError" in failing
    assert "failing.py, line 11" in failing
    assert "No module named 'nothing_of_that_name'" in next(
        alarm for alarm in alarms if "flow broken" in alarm
    )
    assert not any("flow seen" in alarm for alarm in alarms)
    send(stack, "viewed", 50)
    wait_until(lambda: counted(stack, "seen", "viewed") == 151, "the good flow going on", stack.output)
    wait_until(lambda: stack.analytics("stats")["total_events"] == 151, "the built-in one going on")
    assert (
        'smolhog_flow_done_offset{flow="seen"'
        in httpx.get(f"http://127.0.0.1:{stack.query_port}/metrics").text
    )


def a_killed_flow_goes_on(stack: WholeStack) -> None:
    """SIGKILL is a normal end; the supervisor starts it again, and no event is lost or counted twice."""
    flow_process(stack, "seen").kill()
    send(stack, "viewed", 49)
    wait_until(lambda: counted(stack, "seen", "viewed") == 200, "all events counted", stack.output)


def a_new_flow_is_backfilled_by_hand(stack: WholeStack, flows: Path) -> None:
    """It reads the log from its beginning, says how much that was, and stops; forgotten and run again, it is the same."""
    file = str(flows / "later" / "later" / "later.py")
    done = stack.smolhog("flow", "backfill", file, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["flow"], told["events"], told["was_running"]) == ("later", 200, False)
    assert counted(stack, "later", "viewed") == 200
    assert stack.smolhog("flow", "reset", file, "--yes").returncode == 0
    with psycopg.connect(Cluster(Path(stack.environment["SMOLHOG_DATA"]) / "postgres").url()) as connection:
        assert connection.execute("SELECT count(*) FROM flow_progress WHERE flow = 'later'").fetchone() == (
            0,
        )
    # Windows have identities: the same rows again, in the place of the old ones.
    again = stack.smolhog("flow", "backfill", file)
    assert "Flow later has caught up: 200 events" in again.stdout
    assert counted(stack, "later", "viewed") == 200


def raw_events_come_before_the_log(stack: WholeStack, flows: Path) -> None:
    """A flow that takes them from PostgreSQL has them all, once."""
    assert run_smolhog(flows, "flow", "new", "raw", "--in", "later").returncode == 0
    file = flows / "later" / "raw" / "raw.py"
    text = file.read_text().replace('LogSource(start="beginning")', "BackfillSource()")
    file.write_text(text.replace("    LogSource,\n", "    BackfillSource,\n"))
    done = stack.smolhog("flow", "backfill", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == 200
    assert counted(stack, "raw", "viewed") == 200


def a_flow_that_runs_is_not_run_twice(stack: WholeStack) -> None:
    """By hand beside the supervisor: it says who runs it. A backfill only watches; a reset is refused."""
    by_hand = stack.smolhog("flow", "run", "seen")
    assert by_hand.returncode == 1
    assert "another process on this machine runs flow seen" in by_hand.stderr
    flows = json.loads(stack.smolhog("status", "--json").stdout)["flows"]
    assert [flow["state"] for flow in flows if flow["name"] == "seen"] == ["runs"]
    assert json.loads(stack.smolhog("flow", "backfill", "seen", "--json").stdout)["was_running"]
    refused = stack.smolhog("flow", "reset", "seen", "--yes")
    assert (refused.returncode, "Stop it first." in refused.stderr) == (1, True)
    assert "already running" in stack.smolhog("flow", "run").stderr


def test_ctrl_c_stops_a_flow_by_hand(stack: WholeStack, flows: Path) -> None:
    """Exit code 130, one sentence, and no traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "smolhog", "flow", "run", str(flows / "later" / "later" / "later.py")],
        env={**os.environ, **stack.environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "flow runs" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, "".join(said)
    assert "It goes on where it was" in said[-1]
    assert "Traceback" not in "".join(said)
