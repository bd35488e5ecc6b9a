"""Both stores hold what was sent, once, and every number says so."""

import json
from collections import Counter
from typing import Any

import psycopg

from schemas.envelope import LogEvent
from tests.dataflows.running_flow import Stack, wait_until


def hourly_counts(stack: Stack, dimension: str) -> Counter[tuple[str, str, str]]:
    """(hour, event, value) -> total, as the rollup by hour has it."""
    rows = stack.clickhouse(
        "SELECT toString(bucket), event, value, sum(total) FROM rollup_hour FINAL "
        f"WHERE project_id = 1 AND dimension = '{dimension}' GROUP BY bucket, event, value"
    )
    return Counter({(str(hour), str(event), str(value)): int(str(n)) for hour, event, value, n in rows})


def expected_counts(events: list[LogEvent], prop: str | None) -> Counter[tuple[str, str, str]]:
    """The same, counted from the events."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        assert event.timestamp is not None
        hour = event.timestamp.strftime("%Y-%m-%d %H:00:00")
        value = "" if prop is None else str(json.loads(bytes(event.properties))[prop])
        counted[hour, event.event, value] += 1
    return counted


async def assert_stored_once(stack: Stack, events: list[LogEvent]) -> None:
    """Both stores hold each event once, and the rollups count each once."""
    wait_until(lambda: stack.raw_events() >= len(events), "all events in PostgreSQL", stack.log_file)
    wait_until(
        lambda: (
            stack.rollup_total("rollup_hour") >= len(events)
            and stack.rollup_total("rollup_minute") >= len(events)
        ),
        "all events in the rollups",
        stack.log_file,
    )
    # Rollups are written as soon as they can be, the columnar copy when there is enough of it.
    wait_until(
        lambda: stack.columnar_events() >= len(events), "all events in the columnar copy", stack.log_file
    )
    with psycopg.connect(stack.postgres_dsn) as connection:
        stored = [str(row[0]) for row in connection.execute("SELECT event_id FROM events").fetchall()]
    assert sorted(stored) == sorted(event.event_id for event in events)
    columnar = stack.clickhouse("SELECT toString(event_id) FROM events FINAL")
    assert sorted(str(row[0]) for row in columnar) == sorted(stored)
    assert hourly_counts(stack, "") == expected_counts(events, None)
    assert hourly_counts(stack, "platform") == expected_counts(events, "platform")
    assert stack.rollup_total("rollup_minute") == len(events)
    users = stack.clickhouse("SELECT uniqCombined64Merge(users) FROM distinct_users_hour WHERE event = ''")
    assert users[0][0] == len({event.distinct_id for event in events})


def verify(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code of `smolhog verify`, and what it says."""
    done = stack.smolhog("verify", "--json", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def assert_verified(stack: Stack, events: int) -> None:
    """Nothing differs, down to the values of properties."""
    code, found = verify(stack, "--dimensions")
    assert (found["cells"], found["difference"], code) == ([], 0, 0)
    assert found["raw_events"] == events
