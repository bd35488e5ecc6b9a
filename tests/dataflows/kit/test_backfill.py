"""A flow that begins with raw events and goes on with the log: every event once, whatever is killed."""

import random
import subprocess
from functools import partial
from pathlib import Path

import psycopg
import pytest

from dataflows.kit.raw_events import RawPart, read_part
from event_log.blocking import BlockingLog
from event_log.opening import open_event_log
from sinks.postgres.migrate import migrate_postgres
from sinks.postgres.writer import PostgresWriter
from tests.dataflows.kit import oracles
from tests.dataflows.kit.crash_cases import BY_NAME
from tests.dataflows.kit.flow_stack import FlowStack, flow_stack
from tests.dataflows.kit.ledger import make_ledger
from tests.dataflows.running_flow import Stack, wait_until
from tests.fixtures_clickhouse import ClickHouseServer
from tests.sinks.batches import LOG_ID, message, stored_batch

FLOW = """
from datetime import timedelta
from dataflows.kit import BackfillSource, Events, Flow
from tests.dataflows.kit.crash_cases import BY_NAME

flow = Flow("late_comer", source=BackfillSource(), epoch=timedelta(seconds=0.2))


@flow.steps
def steps(events: Events) -> None:
    BY_NAME["window_partials"].wire(events)
"""
CASE = BY_NAME["window_partials"]


def _built_in(stack: FlowStack) -> Stack:
    return Stack(stack.postgres_dsn, stack.clickhouse_url, stack.log_url, stack.data, stack.partitions)


def _append(stack: FlowStack, messages: list[tuple[int, bytes]]) -> None:
    with BlockingLog(lambda: open_event_log(stack.log_url, partitions=stack.partitions)) as log:
        for partition, body in messages:
            log.append(partition, body)


@pytest.mark.parametrize("seed", [1, 2])
def test_raw_events_then_the_log_without_gap_or_overlap(
    seed: int, postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """Part of the raw events is of a log that was in use before; events sent again later are known."""
    chance = random.Random(seed)
    ledger = make_ledger(6_000, seed)
    flow = tmp_path / "late_comer.py"
    flow.write_text(FLOW)
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
        psycopg.connect(stack.postgres_dsn, autocommit=True) as connection,
    ):
        connection.execute(CASE.postgres.encode())
        stored = len(ledger.messages) * 2 // 3
        _append(stack, ledger.messages[:stored])
        built_in = _built_in(stack)
        process = built_in.start()
        sent = sum(
            1 for sent in ledger.events if (sent.partition, sent.message) in _places(ledger.messages[:stored])
        )
        wait_until(lambda: built_in.raw_events() >= sent, "the first events stored", built_in.log_file)
        process.kill()
        process.wait()
        connection.execute("UPDATE events SET log_id = 7 WHERE log_offset < 50 AND log_partition = 0")
        waiting = ledger.messages[stored:]
        for _ in range(4):
            lives = stack.said("flow runs")
            life = stack.start(flow)
            wait_until(partial(_runs_again, stack, life, lives), "a start", stack.log_file)
            share = chance.randrange(20, 60)
            _append(stack, waiting[:share])
            waiting = waiting[share:]
            assert life.poll() is None, stack.log_file.read_text()[-3000:]
            life.kill()
            life.wait()
        _append(stack, waiting)
        last = stack.start(flow)
        expected = oracles.minute_sums(ledger)
        wait_until(
            lambda: CASE.found(stack) == expected or last.poll() is not None,
            "the whole effect",
            stack.log_file,
        )
        assert CASE.found(stack) == expected
        wait_until(
            lambda: (
                stack.postgres("SELECT DISTINCT phase, total_events > 0 AS counted FROM flow_progress")
                == [{"phase": "live", "counted": True}]
            ),
            "progress",
            stack.log_file,
        )


def test_a_flow_that_reads_raw_events_keeps_nobody_from_storing_others(postgres_database: str) -> None:
    """The partition of a new day is made under a lock for which every transaction on the table has to end."""
    migrate_postgres(postgres_database)
    writer = PostgresWriter(postgres_database, LOG_ID, 0)
    writer.write([stored_batch(message(0, [1]), message(1, [2]))])
    raw = read_part(postgres_database, RawPart(LOG_ID, 0, 2, 0, 2), "0", 0, None)
    assert next(raw).offset == 0
    with psycopg.connect(postgres_database) as connection:
        connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE NOWAIT")
    writer.write([stored_batch(message(2, [3]))])
    writer.close()
    assert [batch.offset for batch in raw] == [1]


def _runs_again(stack: FlowStack, life: subprocess.Popen[bytes], lives: int) -> bool:
    return stack.said("flow runs") > lives or life.poll() is not None


def _places(messages: list[tuple[int, bytes]]) -> set[tuple[int, int]]:
    """The places of messages: partition and number in it."""
    lengths: dict[int, int] = {}
    places = set()
    for partition, _ in messages:
        places.add((partition, lengths.get(partition, 0)))
        lengths[partition] = lengths.get(partition, 0) + 1
    return places
