"""A whole stack of its own to measure, with a project for each load, so that loads do not mix."""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import psycopg

from benchmarks.load import Load, LoadReport
from benchmarks.processes import resident_bytes, stack_processes
from projects.keys import KeyKind
from projects.registry import create_key, create_project
from sinks.clickhouse.connect import connect
from smolhog.child import Notice, NoticeKind
from smolhog.ports import free_ports
from smolhog.running import running_stack
from smolhog.settings import Settings
from smolhog.stores import postgres_dsn
from smolhog.supervisor import StopRequested
from smolhog.urls import gateway_url

_TOTALS = "SELECT sum(total) FROM {} FINAL WHERE dimension = '' AND project_id = {}"


@dataclass(frozen=True, slots=True)
class ProjectKeys:
    """A project and what opens it."""

    project_id: int
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What the stores hold of one project."""

    raw: int
    distinct_ids: int
    columnar: int
    rollup_hour: int
    rollup_minute: int


@dataclass(frozen=True, slots=True)
class BenchStack:
    """A running stack.

    Attributes:
        settings: resolved.
        projects: empty ones.
        processes: psutil's, by name.
        start_seconds: from nothing, databases made anew, to ready for events.
        idle_mib: resident memory right then.
    """

    settings: Settings
    projects: list[ProjectKeys]
    processes: dict[str, psutil.Process]
    start_seconds: float
    idle_mib: float

    @property
    def stream_url(self) -> str:
        """Where clients connect."""
        return gateway_url(self.settings).replace("http", "ws", 1)

    @property
    def postgres_url(self) -> str:
        """Of its database."""
        return postgres_dsn(self.settings)

    @property
    def event_log(self) -> str:
        """Which event log it runs on, for people."""
        return "RabbitMQ" if self.settings.amqp_url else "SQLite"

    @property
    def resident_mib(self) -> float:
        """Resident memory of all processes; pages that they share count once."""
        return sum(resident_bytes(process) for process in self.processes.values()) / 1024**2


@asynccontextmanager
async def running_bench_stack(
    amqp_url: str | None, projects: int = 1, **settings: object
) -> AsyncIterator[BenchStack]:
    """Start a stack in a temporary folder.

    Args:
        amqp_url: a broker for the event log; ``None`` for the embedded log.
        projects: how many to make.
        settings: further settings, as in :class:`smolhog.settings.Settings`.

    Raises:
        StopRequested: a signal came.
    """
    # Under root the embedded PostgreSQL runs as another user, who must be able to reach the folder.
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        await asyncio.to_thread(folder.chmod, 0o711)
        first = free_ports(6)
        wanted = Settings.model_validate(
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
            | settings
        )
        made: list[ProjectKeys] = []

        def prepare(resolved: Settings) -> None:
            with psycopg.connect(postgres_dsn(resolved)) as connection:
                made.extend(_make_project(connection, f"benchmark {number}") for number in range(projects))

        began = time.perf_counter()
        async with running_stack(wanted, _print_trouble, prepare) as (supervisor, resolved):
            start_seconds = time.perf_counter() - began
            processes = stack_processes()
            idle = sum(resident_bytes(process) for process in processes.values()) / 1024**2
            async with _ended_by(supervisor.signals.requested):
                yield BenchStack(resolved, made, processes, start_seconds, idle)


@asynccontextmanager
async def _ended_by(requested: asyncio.Event) -> AsyncIterator[None]:
    """End the block when a signal asks for it: the stack has taken the signals' handlers over.

    Raises:
        StopRequested: a signal came.
    """
    measuring = asyncio.current_task()
    assert measuring is not None

    async def cancel() -> None:
        await requested.wait()
        measuring.cancel()

    cancelling = asyncio.create_task(cancel())
    try:
        yield
    except asyncio.CancelledError:
        if requested.is_set():
            raise StopRequested from None
        raise
    finally:
        cancelling.cancel()


def _make_project(connection: psycopg.Connection, name: str) -> ProjectKeys:
    project_id = create_project(connection, name).project_id
    return ProjectKeys(
        project_id,
        create_key(connection, project_id, KeyKind.WRITE, name).secret,
        create_key(connection, project_id, KeyKind.READ, name).secret,
    )


class LoadProcess:
    """A load generator that has made its events and waits. Made by :func:`ready_load`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self) -> LoadReport:
        """Send everything.

        Raises:
            RuntimeError: the load generator failed; it has said why on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"go\n")
        line = await self._process.stdout.readline()
        await self._process.wait()
        if not line:
            raise RuntimeError("the load generator failed")
        return msgspec.json.decode(line, type=LoadReport)


@asynccontextmanager
async def ready_load(url: str, key: str, load: Load) -> AsyncIterator[LoadProcess]:
    """Start a load generator and wait until it has made its events; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        *("--url", url, "--key", key, "--load", msgspec.json.encode(load).decode()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024**2,
    )
    try:
        assert process.stdout is not None
        if not await process.stdout.readline():
            raise RuntimeError("the load generator did not start")
        yield LoadProcess(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class StoreCounts:
    """Counts what both stores hold; one object belongs to one thread."""

    def __init__(self, postgres_url: str, clickhouse_url: str) -> None:
        self._postgres = psycopg.connect(postgres_url, autocommit=True)
        self._clickhouse = connect(clickhouse_url)

    def visible(self, project_id: int) -> int:
        """Events that the rollups count; cheap."""
        return self._number(_TOTALS.format("rollup_hour", project_id))

    def raw(self, project_id: int) -> int:
        """Rows of PostgreSQL."""
        return self._rows("count(*)", project_id)

    def stored(self, project_id: int) -> Stored:
        """Everything; reads all rows."""
        return Stored(
            raw=self.raw(project_id),
            distinct_ids=self._rows("count(DISTINCT event_id)", project_id),
            columnar=self._number(f"SELECT count() FROM events FINAL WHERE project_id = {project_id}"),
            rollup_hour=self.visible(project_id),
            rollup_minute=self._number(_TOTALS.format("rollup_minute", project_id)),
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._postgres.close()
        self._clickhouse.close()

    def _rows(self, what: str, project_id: int) -> int:
        row = self._postgres.execute(
            f"SELECT {what} FROM events WHERE project_id = %s".encode(), [project_id]
        ).fetchone()
        return int(row[0]) if row else 0

    def _number(self, query: str) -> int:
        return int(str(self._clickhouse.query(query).result_rows[0][0]))


def _print_trouble(notice: Notice) -> None:
    if notice.kind in (NoticeKind.ENDED, NoticeKind.STUCK, NoticeKind.ERROR):
        print(notice, file=sys.stderr)
