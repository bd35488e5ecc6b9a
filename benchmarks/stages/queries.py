"""The query API over millions of events, which are generated straight into ClickHouse."""

import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client

from benchmarks.latency import Latencies
from benchmarks.processes import resident_bytes
from benchmarks.queries import QueryClient
from benchmarks.results import Group, LossCheck, Result
from benchmarks.services import StoreUrls, running_server, stack_environment
from projects.keys import KeyKind
from projects.registry import create_key, create_project
from schemas.stored import EVENT_COLUMNS
from sinks.clickhouse.connect import connect
from smolhog.ports import free_ports

_DAYS = 30
_USERS = 100_000
# What the views of one insert hold stays below what a statement may have.
_INSERT_EVENTS = 250_000
_INSERT_SECONDS = 900.0
_MERGE_SECONDS = 900.0
_QUIET_LOOKS = 5

# Rows as the pipeline stores them, in the order of their time. Everything follows from the number of the row.
_ROWS = """
SELECT
    toUInt32({project}) AS project_id, generateUUIDv4(number) AS event_id,
    ['home', 'catalog', 'product_view', 'add_to_cart', 'checkout', 'payment_done'][1 + cityHash64(number) % 6]
        AS event,
    concat('user_', toString(cityHash64(number, 1) % {users})) AS distinct_id,
    toDateTime64('{start}', 6, 'UTC') + toIntervalMillisecond(intDiv(number * {days} * 86400000, {total}))
        AS timestamp,
    '' AS client_timestamp, timestamp AS received_at,
    concat('session_', distinct_id, '_', toString(toDayOfMonth(timestamp))) AS session_id,
    ['desktop', 'mobile', 'tablet'][1 + cityHash64(number, 3) % 3] AS platform,
    concat('{{"platform":"', platform, '","price":', toString(cityHash64(number, 4) % 100),
        ',"quantity":2,"user_cohort":"2026-04"}}') AS properties,
    '{{"$browser":"Firefox"}}' AS context, 'bench' AS source, toInt64(1) AS log_id,
    toUInt16(number % 4) AS log_partition, number AS log_offset
FROM numbers({begin}, {count})
"""
_INSERT_ROWS = "INSERT INTO events ({columns}) SELECT {columns} FROM ({rows})"
_INSERT_CELLS = """
INSERT INTO {table} (
    project_id, dimension, event, bucket, value, log_id, log_partition, segment, version, total
)
SELECT
    project_id, cell.1, event, toDateTime({bucket}(timestamp), 'UTC') AS bucket, cell.2, log_id,
    log_partition, {begin}, max(log_offset), count()
FROM ({rows}) ARRAY JOIN [('', ''), ('platform', platform)] AS cell
GROUP BY project_id, cell, event, bucket, log_id, log_partition
"""
_QUESTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "stats": ("stats", {}),
    "trends, 31 days by day": ("trends", {"from": "-31d", "interval": "day"}),
    "trends, 7 days by hour, by platform": (
        "trends",
        {"from": "-7d", "interval": "hour", "event": "product_view", "breakdown": "platform"},
    ),
    "trends, 24 hours by minute": ("trends", {"from": "-24h", "interval": "minute"}),
    "users, 31 days by day": ("trends", {"from": "-31d", "interval": "day", "measure": "users"}),
    "newest 100 events": ("events", {"limit": "100"}),
}
_LAST_WEEK = {"from": "-7d"}
_ALL = {"from": "-31d"}
_STEPS = [{"event": "product_view"}, {"event": "add_to_cart"}, {"event": "payment_done"}]
_DEAR = {"filters": [{"property": "price", "operator": ">", "value": 50}]}
# What is counted from the events, or from the sessions: a question costs what its range holds.
_ANALYSES: dict[str, tuple[str, dict[str, Any]]] = {
    "funnel of three steps, 7 days": ("funnels", {"range": _LAST_WEEK, "steps": _STEPS}),
    "funnel with a filter by a number, 7 days": (
        "funnels",
        {"range": _LAST_WEEK, "steps": [_STEPS[0], {**_STEPS[1], "filter": _DEAR}, _STEPS[2]]},
    ),
    "retention by day, 7 days": (
        "retention",
        {"range": _LAST_WEEK, "periods": 7, "start": _STEPS[0], "returning": _STEPS[2], "kind": "recurring"},
    ),
    "funnel of three steps, 31 days": ("funnels", {"range": _ALL, "steps": _STEPS}),
    "paths, 24 hours": ("paths", {"range": {"from": "-24h"}}),
    "paths, 7 days": ("paths", {"range": _LAST_WEEK}),
    "paths, 31 days": ("paths", {"range": _ALL}),
    "paths by a property, 7 days": ("paths", {"range": _LAST_WEEK, "by": "platform"}),
    "sessions, 7 days": ("sessions", {"range": _LAST_WEEK}),
    "sessions, 31 days": ("sessions", {"range": _ALL}),
    "events by platform, 31 days": (
        "breakdown",
        {"range": _ALL, "selector": _STEPS[0], "breakdown": {"property": "platform"}},
    ),
    "users by platform, 7 days": (
        "breakdown",
        {
            "range": _LAST_WEEK,
            "selector": _STEPS[0],
            "measure": "users",
            "breakdown": {"property": "platform"},
        },
    ),
}
# They take a hundred times as long as the questions above, whose latencies are held against an aim.
_ANALYSIS_ASKS = 3
_CHECKED = "trends, 31 days by day"


def measure_queries(urls: StoreUrls, events: int, asks: int) -> Result:
    """Ask every question again and again, one at a time.

    Args:
        urls: fresh databases.
        events: how many to generate.
        asks: of each question.
    """
    began = time.perf_counter()
    with psycopg.connect(urls.postgres) as connection:
        project_id = create_project(connection, "benchmark").project_id
        key = create_key(connection, project_id, KeyKind.READ, "benchmark").secret
    _generate(urls, project_id, events)
    generating = time.perf_counter() - began
    latencies: dict[str, Latencies] = {name: Latencies() for name in _QUESTIONS}
    analyses: dict[str, float] = {}
    port = free_ports()
    with (
        tempfile.TemporaryDirectory(prefix="smolhog-bench-") as data,
        running_server(
            "query-api", stack_environment(urls, Path(data), query_port=str(port)), port
        ) as process,
    ):
        client = QueryClient(port, key)
        began = time.perf_counter()
        for _ in range(asks):
            for name, (path, parameters) in _QUESTIONS.items():
                asked = time.perf_counter()
                client.ask(path, parameters)
                latencies[name].record(time.perf_counter() - asked)
        seconds = time.perf_counter() - began
        for name, (path, question) in _ANALYSES.items():
            analyses |= _analysed(port, key, name, path, question)
        total = int(client.ask("stats", {})["total_events"])
        trend = client.ask(*_QUESTIONS[_CHECKED])
        resident = resident_bytes(process)
        client.close()
    every = sum(each["total"] for each in trend["series"])
    return Result(
        name=f"queries-{events}",
        title=f"Query API over {events:,} events",
        group=Group.QUERY,
        # What is done here is answering; the events were there before.
        events=asks * len(_QUESTIONS),
        seconds=seconds,
        checks=(
            LossCheck("events in stats", events, total),
            LossCheck("events in the trend of 31 days", events, every),
        ),
        settings={"events stored": events, "users": _USERS, "days": _DAYS},
        figures={
            "resident MiB": resident / 1024**2,
            "seconds to generate the events": generating,
            **analyses,
        },
        latencies={name: each.summary() for name, each in latencies.items()},
    )


def _analysed(port: int, key: str, name: str, path: str, question: dict[str, Any]) -> dict[str, float]:
    """Return the median of a few answers' times, or how many were refused for their cost."""
    taken = []
    for _ in range(_ANALYSIS_ASKS):
        asked = time.perf_counter()
        if _is_answered(port, key, path, question):
            taken.append(time.perf_counter() - asked)
    if len(taken) < _ANALYSIS_ASKS:
        return {f"refused for their cost: {name}": float(_ANALYSIS_ASKS - len(taken))}
    return {f"median ms: {name}": statistics.median(taken) * 1000}


def _is_answered(port: int, key: str, path: str, question: dict[str, Any]) -> bool:
    """Ask for an analysis; False if it costs more than one question may."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {key}"}
        connection.request("POST", f"/analytics/{path}", json.dumps(question), headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status not in {HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY}:
        raise RuntimeError(f"the query API answered {answer.status}: {body[:500].decode()}")
    return answer.status == HTTPStatus.OK


def _generate(urls: StoreUrls, project_id: int, events: int) -> None:
    start = datetime.now(UTC) - timedelta(days=_DAYS)
    with connect(urls.clickhouse, timeout_seconds=_INSERT_SECONDS) as client:
        for begin in range(0, events, _INSERT_EVENTS):
            rows = _ROWS.format(
                project=project_id,
                users=_USERS,
                days=_DAYS,
                start=f"{start:%Y-%m-%d %H:%M:%S}",
                total=events,
                begin=begin,
                count=min(_INSERT_EVENTS, events - begin),
            )
            client.command(_INSERT_ROWS.format(columns=", ".join(EVENT_COLUMNS), rows=rows))
            for table, bucket in (("rollup_minute", "toStartOfMinute"), ("rollup_hour", "toStartOfHour")):
                client.command(_INSERT_CELLS.format(table=table, bucket=bucket, begin=begin, rows=rows))
        _await_merges(client)


def _await_merges(client: Client) -> None:
    """Wait until ClickHouse rests: a store that holds so much did not get all of it in the last minutes."""
    deadline = time.monotonic() + _MERGE_SECONDS
    quiet = 0
    while quiet < _QUIET_LOOKS and time.monotonic() < deadline:
        time.sleep(1)
        quiet = 0 if client.command("SELECT count() FROM system.merges") else quiet + 1
