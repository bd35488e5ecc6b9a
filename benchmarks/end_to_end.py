"""From WebSocket to committed in both stores, on a stack of its own, with a check that nothing was lost."""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from projects.keys import KeyKind
from projects.registry import create_key, create_project
from sinks.clickhouse.connect import connect
from smolhog.child import Notice, NoticeKind
from smolhog.ports import free_ports
from smolhog.running import running_stack
from smolhog.settings import Settings
from smolhog.stores import postgres_dsn
from smolhog.urls import gateway_url

_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the stores hold."""

    raw: int
    distinct_ids: int
    columnar: int
    rollup_hour: int
    rollup_minute: int


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One run."""

    event_log: str
    sent: int
    acked: int
    acked_per_second: float
    stored_per_second: float
    cpu_microseconds: dict[str, float]
    """CPU time an event by process, of the stack only: the load generator is not in it."""
    resident_mib: float
    """Of the stack's processes at the end; pages that processes share count once."""
    stored: Stored

    @property
    def lossless(self) -> bool:
        """Whether every event that was acknowledged is in each store once."""
        held = self.stored
        counts = (held.raw, held.distinct_ids, held.columnar, held.rollup_hour, held.rollup_minute)
        return self.acked == self.sent and all(count == self.sent for count in counts)


async def run_end_to_end(events: int, *, batch: int, connections: int, amqp_url: str | None) -> EndToEnd:
    """Start a stack in a temporary folder, send, wait until all is stored, compare.

    Args:
        events: how many to send.
        batch: events in a batch.
        connections: WebSocket connections.
        amqp_url: a broker for the event log; ``None`` for the embedded log.
    """
    # Under root the embedded PostgreSQL runs as another user, who must be able to reach the folder.
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as name:
        folder = Path(name)
        await asyncio.to_thread(folder.chmod, 0o711)
        first = free_ports(6)
        settings = Settings.model_validate(
            {
                "data": folder / "data",
                "gateway_port": first,
                "query_port": first + 1,
                "postgres_port": first + 2,
                "clickhouse_port": first + 3,
                "metrics_port": first + 4,
                "amqp_url": amqp_url,
                "log_level": "warning",
            }
        )
        keys: list[str] = []

        def prepare(resolved: Settings) -> None:
            with psycopg.connect(postgres_dsn(resolved)) as connection:
                project = create_project(connection, "benchmark")
                keys.append(create_key(connection, project.project_id, KeyKind.WRITE, "benchmark").secret)

        async with running_stack(settings, _print_trouble, prepare) as (_, resolved):
            return await _measure(resolved, keys[0], events, batch, connections)


async def _measure(settings: Settings, key: str, events: int, batch: int, connections: int) -> EndToEnd:
    stack = _processes()
    load = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        *("--url", gateway_url(settings).replace("http", "ws", 1)),
        *("--key", key),
        *("--events", str(events)),
        *("--batch", str(batch)),
        *("--connections", str(connections)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert load.stdin is not None
    assert load.stdout is not None
    await load.stdout.readline()
    before = {name: _cpu_seconds(process) for name, process in stack.items()}
    load.stdin.write(b"go\n")
    sent = events // connections * connections
    answer = asyncio.create_task(load.stdout.readline())
    stored, all_stored_at = await asyncio.to_thread(_wait_until_stored, settings, sent)
    report = json.loads(await answer)
    await load.wait()
    return EndToEnd(
        event_log="RabbitMQ" if settings.amqp_url else "SQLite",
        sent=sent,
        acked=int(report["accepted"]),
        acked_per_second=report["accepted"] / (report["ended"] - report["began"]),
        stored_per_second=stored.raw / (all_stored_at - report["began"]),
        cpu_microseconds={
            name: (_cpu_seconds(process) - before[name]) / sent * 1e6 for name, process in stack.items()
        },
        resident_mib=sum(_resident_bytes(process) for process in stack.values()) / 1024**2,
        stored=stored,
    )


def _wait_until_stored(settings: Settings, expected: int) -> tuple[Stored, float]:
    """Poll both stores; returns what they hold and when they first held everything."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with (
        psycopg.connect(postgres_dsn(settings), autocommit=True) as postgres,
        connect(settings.clickhouse_dsn) as clickhouse,
    ):

        def number(query: str) -> int:
            return int(str(clickhouse.query(query).result_rows[0][0]))

        def raw() -> int:
            row = postgres.execute("SELECT count(*) FROM events").fetchone()
            return int(row[0]) if row else 0

        totals = "SELECT sum(total) FROM {} FINAL WHERE dimension = ''"
        while time.monotonic() < deadline:
            if number(totals.format("rollup_hour")) >= expected and raw() >= expected:
                break
            time.sleep(0.25)
        ended = time.time()
        # An epoch later nothing more may have come: an event counted twice would show now.
        time.sleep(4 * settings.epoch_seconds)
        row = postgres.execute("SELECT count(DISTINCT event_id) FROM events").fetchone()
        stored = Stored(
            raw=raw(),
            distinct_ids=int(row[0]) if row else 0,
            columnar=number("SELECT count() FROM events FINAL"),
            rollup_hour=number(totals.format("rollup_hour")),
            rollup_minute=number(totals.format("rollup_minute")),
        )
    return stored, ended


def _processes() -> dict[str, psutil.Process]:
    """Return the stack's processes by name; each is a direct child of this one."""
    return {_name(child): child for child in psutil.Process().children()}


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    for name in ("postgres", "clickhouse_server", "gateway", "query-api", "dataflow"):
        if any(part.endswith(name) for part in command):
            return name.removesuffix("_server")
    return str(process.pid)


def _cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process and all below it, those that ended included."""
    try:
        times = process.cpu_times()
        below = process.children()
    except psutil.NoSuchProcess:
        return 0.0  # ended just now: its parent has its times
    total = times.user + times.system + times.children_user + times.children_system
    return float(total) + sum(_cpu_seconds(child) for child in below)


def _resident_bytes(process: psutil.Process) -> int:
    """Resident memory of a process and all below it, shared pages divided among those that share them."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory = member.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return total


def _print_trouble(notice: Notice) -> None:
    if notice.kind in (NoticeKind.ENDED, NoticeKind.STUCK, NoticeKind.ERROR):
        print(notice, file=sys.stderr)
