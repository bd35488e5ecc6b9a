"""Runs a case of the crash suite: a real process over real services, killed again and again."""

import random
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import clickhouse_connect
import psycopg

from event_log.blocking import BlockingLog
from event_log.opening import open_event_log
from sinks.clickhouse.connect import connection_arguments
from tests.dataflows.kit.crash_cases import Case
from tests.dataflows.kit.flow_stack import FlowStack
from tests.dataflows.kit.ledger import Ledger, make_ledger
from tests.dataflows.running_flow import wait_until

FLOW_FILE = Path(__file__).with_name("crash_flow.py")
_LONGEST_LIFE = 1.2
_RUNS = "flow reads event log"


@dataclass(frozen=True)
class CrashRun:
    """What came of one case."""

    kills: int
    events: int
    lost: int
    doubled: int


def run_case(case: Case, stack: FlowStack, *, kills: int, events: int, seed: int) -> CrashRun:
    """Run a case and compare its effect with the oracle's, after all events have had theirs."""
    chance = random.Random(seed)
    ledger = make_ledger(events, seed, stack.partitions)
    waiting = deque(ledger.messages)
    share = len(waiting) // (kills + 1)
    environment = {"CRASH_CASE": case.name}
    _make_tables(case, stack)
    with BlockingLog(partial(open_event_log, stack.log_url, partitions=stack.partitions)) as log:
        for number in range(kills):
            lives = stack.said(_RUNS)
            process = stack.start(FLOW_FILE, environment)
            wait_until(partial(_lives_again, stack, process, lives), "a start", stack.log_file)
            # When it dies is chance: in turns within the first epoch, and after some. There is always something to do.
            messages = chance.randrange(share // 2, share)
            pause = chance.uniform(0.1, _LONGEST_LIFE) / messages if number % 2 else 0.0
            for _ in range(messages):
                log.append(*waiting.popleft())
                time.sleep(pause)
            assert process.poll() is None, stack.log_file.read_text()[-4000:]
            process.kill()
            process.wait()
        for message in waiting:
            log.append(*message)
    process = stack.start(FLOW_FILE, environment)
    expected = case.expected(ledger)
    wait_until(
        lambda: case.found(stack) == expected or _is_through(stack, ledger) or process.poll() is not None,
        "the effect of all events",
        stack.log_file,
    )
    assert process.poll() is None, stack.log_file.read_text()[-4000:]
    found = case.found(stack)
    stack.stop()
    lost, doubled = expected - found, found - expected
    return CrashRun(kills, events, sum(lost.values()), sum(doubled.values()))


def _lives_again(stack: FlowStack, process: subprocess.Popen[bytes], lives: int) -> bool:
    return stack.said(_RUNS) > lives or process.poll() is not None


def _is_through(stack: FlowStack, ledger: Ledger) -> bool:
    """Whether the flow says that everything has had its effect: then waiting longer changes nothing."""
    lengths = {partition: 0 for partition, _ in ledger.messages}
    for partition, _ in ledger.messages:
        lengths[partition] += 1
    rows = stack.postgres("SELECT log_partition, next_offset FROM flow_progress")
    reached = {int(str(row["log_partition"])): int(str(row["next_offset"])) for row in rows}
    return all(reached.get(partition, 0) >= length for partition, length in lengths.items())


def _make_tables(case: Case, stack: FlowStack) -> None:
    if case.postgres:
        with psycopg.connect(stack.postgres_dsn) as connection:
            connection.execute(case.postgres.encode())
    if case.clickhouse:
        with clickhouse_connect.get_client(**connection_arguments(stack.clickhouse_url)) as client:
            client.command(case.clickhouse)
