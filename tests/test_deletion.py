"""`smolhog people delete` leaves nothing of a person that a search over both stores finds."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from msgspec import Raw
from psycopg import sql

from event_log.opening import open_event_log
from projects.audit import read_audit
from projects.registry import create_project
from schemas.envelope import LogEvent, RejectedEvent, encode_sub_batch, join_sub_batches
from schemas.reasons import RejectReason
from tests.dataflows.running_flow import Stack, running_stack, wait_until
from tests.dataflows.stored_once import assert_stored_once, assert_verified
from tests.dataflows.traffic import ARRIVAL, START, append, make_events, sub_batch
from tests.fixtures_clickhouse import ClickHouseServer

WHO, ANONYMOUS, THIRD = "user_7", "anon-of-seven-01", "second-device-of-seven"


@pytest.fixture
def stack(postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path) -> Iterator[Stack]:
    """Stores with a project, an embedded event log, no dataflow yet."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data") as stack:
        with psycopg.connect(stack.postgres_dsn) as connection:
            assert create_project(connection, "shop").project_id == 1
        yield stack


@dataclass(frozen=True)
class Sent:
    """What was sent: of everybody else, and of the person in question."""

    others: list[LogEvent]
    person: list[LogEvent]


def _of_person(event: str, who: str, hour: int, **properties: object) -> LogEvent:
    return LogEvent(
        str(uuid4()),
        event,
        who,
        START + timedelta(hours=hour, seconds=5),
        f"session-{who}",
        Raw(json.dumps({"platform": "ios", **properties}).encode()),
    )


async def send(stack: Stack, seed: int) -> Sent:
    """Traffic of forty users, one of whom has two more ids, properties and a rejected event."""
    events = make_events(900, seed)
    person = [
        *(event for event in events if event.distinct_id == WHO),
        _of_person(
            "$identify", WHO, 0, **{"$anon_distinct_id": ANONYMOUS, "$set": {"email": "seven@x.example"}}
        ),
        _of_person("$create_alias", WHO, 1, alias=THIRD),
        _of_person("home", ANONYMOUS, 2),
        _of_person("home", THIRD, -30),
    ]
    others = [event for event in events if event.distinct_id != WHO]
    await append(stack, others + person, ARRIVAL)
    payload = json.dumps({"event": "x", "distinct_id": WHO, "timestamp": "never"}).encode()
    refused = RejectedEvent(RejectReason.INVALID_TIMESTAMP, "no time", payload)
    log = await open_event_log(stack.event_log_url, partitions=stack.partitions)
    try:
        await log.append(0, join_sub_batches([encode_sub_batch(sub_batch([], ARRIVAL, [refused]))]))
    finally:
        await log.close()
    give_up_call(stack)
    return Sent(others, person)


def give_up_call(stack: Stack) -> None:
    """A call of a flow's webhook about the person, which the receiver refused."""
    body = json.dumps({"project_id": 1, "distinct_id": WHO}, separators=(",", ":"))
    with psycopg.connect(stack.postgres_dsn) as connection:
        connection.execute(
            "INSERT INTO flow_failed_deliveries VALUES ('k', 'carts', 'out', 'http://x', %s, 410, 'gone', 1)",
            [body],
        )


def found_in_postgres(stack: Stack, words: list[str]) -> set[str]:
    """Tables in which a row, written as text, has one of these words."""
    found = set()
    with psycopg.connect(stack.postgres_dsn) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            ).fetchall()
            texts = [row for (row,) in rows]
            hexed = [word.encode().hex() for word in words]
            if any(word in text for text in texts for word in [*(f'"{w}"' for w in words), *hexed]) or any(
                f",{word}," in text or f"({word}," in text for text in texts for word in words
            ):
                found.add(table)
    return found


def found_in_clickhouse(stack: Stack, words: list[str]) -> set[str]:
    """Tables in which a text column has one of these words."""
    columns = stack.clickhouse(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND type LIKE '%String%' "
        "AND type NOT LIKE 'AggregateFunction%' AND table NOT LIKE '%_view' AND table != 'people_feed'"
    )
    found = set()
    for table, column in columns:
        for word in words:
            # Whole values, and values within JSON.
            quoted = json.dumps(word)
            statement = (
                f"SELECT count() FROM {table} WHERE toString({column}) = '{word}' "
                f"OR position(toString({column}), '{quoted}') > 0"
            )
            if stack.clickhouse(statement) != [(0,)]:
                found.add(str(table))
    return found


def delete(stack: Stack, who: str = ANONYMOUS) -> dict[str, int]:
    """Delete a person by one of the ids; returns the report."""
    done = stack.smolhog("people", "delete", "--project", "shop", "--yes", "--json", who)
    assert done.returncode == 0, done.stderr + stack.log_file.read_text()[-3000:]
    report: dict[str, int] = json.loads(done.stdout)
    return report


def assert_nothing_left(stack: Stack) -> None:
    """Neither ids nor properties of the person are anywhere."""
    words = [WHO, ANONYMOUS, THIRD, "seven@x.example"]
    assert found_in_postgres(stack, words) == set()
    assert found_in_clickhouse(stack, words) == set()


@pytest.mark.shards_too
async def test_a_deleted_person_is_nowhere_and_all_numbers_are_those_of_the_others(stack: Stack) -> None:
    """By any of three ids, while events stream in; what is counted then is what is left."""
    sent = await send(stack, seed=71)
    stack.start()
    await assert_stored_once(stack, sent.others + sent.person)
    assert found_in_postgres(stack, [WHO]) >= {"events", "flow_failed_deliveries", "rejected_events"}
    assert found_in_clickhouse(stack, [WHO]) >= {"events", "identity_links", "person_facts", "sessions"}
    later = [event for event in make_events(400, seed=72) if event.distinct_id != WHO]

    async def stream() -> None:
        for begin in range(0, len(later), 40):
            await append(stack, later[begin : begin + 40], ARRIVAL + timedelta(minutes=1), 10)
            await asyncio.sleep(0.05)  # the pace of the stream, not a wait for anything

    streaming = asyncio.create_task(stream())
    report = await asyncio.to_thread(delete, stack)
    await streaming
    assert report["ids"] == 3
    assert report["events"] == len(sent.person)
    assert report["rejected"] == 1
    await assert_stored_once(stack, sent.others + later)
    assert_nothing_left(stack)
    assert_verified(stack, len(sent.others) + len(later))
    with psycopg.connect(stack.postgres_dsn) as connection:
        (entry,) = [e for e in read_audit(connection, limit=10) if e.action == "person.delete"]
    assert entry.details["events"] == len(sent.person)
    # Somebody new under an old id counts.
    again = [_of_person("home", WHO, 3)]
    await append(stack, again, ARRIVAL + timedelta(minutes=2))
    await assert_stored_once(stack, sent.others + later + again)


async def test_neither_a_restart_nor_lost_state_brings_a_person_back(stack: Stack) -> None:
    """The log has the events still; a dataflow that reads all of it again passes over them."""
    sent = await send(stack, seed=73)
    process = stack.start()
    await assert_stored_once(stack, sent.others + sent.person)
    delete(stack)
    for lost in ((), ("recovery",), ("recovery", "dedup")):
        process.kill()
        process.wait()
        for folder in (stack.data / "dataflow").glob("*-*"):
            for name in lost:
                shutil.rmtree(folder / name)
        process = stack.start()
        more = _of_person("home", f"somebody-{len(lost)}", 3)
        await append(stack, [more], ARRIVAL + timedelta(minutes=2))
        sent.others.append(more)
        await assert_stored_once(stack, sent.others)
    assert_nothing_left(stack)
    assert_verified(stack, len(sent.others))


_KILLED = """
import os, sys
import dataflows.deletion as deletion
name = sys.argv.pop(1)
module = deletion.in_postgres if hasattr(deletion.in_postgres, name) else deletion.in_clickhouse
done = getattr(module, name)
def and_die(*arguments):
    done(*arguments)
    os.kill(os.getpid(), 9)
setattr(module, name, and_die)
from smolhog.cli import main
main()
"""


def delete_killed_after(stack: Stack, step: str) -> None:
    """A deletion that gets so far and no further."""
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, step, "people", "delete", "--project", "shop", "--yes", WHO],
        env=stack.environment,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr


async def test_a_deletion_that_was_killed_is_finished_by_another(stack: Stack) -> None:
    """Wherever it died: the second one finds what is left to do, though the events are gone by then."""
    sent = await send(stack, seed=74)
    stack.start()
    await assert_stored_once(stack, sent.others + sent.person)
    for step in ("record_deleted", "delete_events", "delete_person", "delete_rejected", "delete_empty_cells"):
        delete_killed_after(stack, step)
    # The links are gone with the rest, so the other ids have to be named.
    for who in (WHO, ANONYMOUS, THIRD):
        delete(stack, who)
    await assert_stored_once(stack, sent.others)
    assert_nothing_left(stack)
    assert_verified(stack, len(sent.others))


async def test_nothing_is_deleted_where_no_dataflow_runs(stack: Stack) -> None:
    """The numbers could not follow; the command says what to start."""
    sent = await send(stack, seed=75)
    process = stack.start()
    await assert_stored_once(stack, sent.others + sent.person)
    process.kill()
    process.wait()
    refused = stack.smolhog("people", "delete", "--project", "shop", "--yes", "--wait", "1", WHO)
    assert refused.returncode == 1
    assert "smolhog up" in refused.stderr
    wait_until(lambda: stack.raw_events() == len(sent.others + sent.person), "everything as before")
