"""Both servers as an operator runs them: processes of their own, over real stores, with real keys."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from projects.keys import KeyKind
from projects.registry import create_key, create_project, list_keys, revoke_key
from sinks.migrate import migrate_stores
from smolhog.ports import free_ports
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
PROJECTS = ("ours", "theirs")


@dataclass
class Servers:
    """A gateway and a query API over the same stores, and two projects."""

    postgres_url: str
    clickhouse_url: str
    gateway_port: int
    query_port: int
    environment: dict[str, str]
    folder: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    write_keys: dict[str, str] = field(default_factory=dict)
    read_keys: dict[str, str] = field(default_factory=dict)

    @property
    def gateway(self) -> str:
        """Address of the gateway."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def query_api(self) -> str:
        """Address of the query API."""
        return f"http://127.0.0.1:{self.query_port}"

    def resident(self, name: str) -> int:
        """Return the memory of one of the processes, in bytes."""
        return int(psutil.Process(self.processes[name].pid).memory_info().rss)

    def logs(self) -> str:
        """Return all that both processes have logged."""
        return "".join((self.folder / f"{name}.log").read_text() for name in self.processes)

    def new_key(self, kind: KeyKind, project: str = "ours", origins: tuple[str, ...] = ()) -> str:
        """Make a key, and wait until both servers know it."""
        with psycopg.connect(self.postgres_url) as connection:
            key = create_key(connection, PROJECTS.index(project) + 1, kind, "test", origins)
        self.wait_until_known(key.secret, kind, origins[0] if origins else None)
        return key.secret

    def revoke(self, secret: str) -> None:
        """Revoke a key."""
        with psycopg.connect(self.postgres_url) as connection:
            (number,) = [key.key_id for key in list_keys(connection) if key.hint == secret[-4:]]
            revoke_key(connection, number)

    def wait_until_known(self, secret: str, kind: KeyKind, origin: str | None = None) -> None:
        """Poll until a new key works."""
        wait_until(lambda: self.answer_to(secret, kind, origin) != 401, "a new key became known")

    def answer_to(self, secret: str, kind: KeyKind, origin: str | None = None) -> int:
        """Return the status that a key gets where it belongs."""
        headers = {"Authorization": f"Bearer {secret}"} | ({"Origin": origin} if origin else {})
        if kind is KeyKind.WRITE:
            return httpx.post(
                f"{self.gateway}/v1/batch", content='{"events":[]}', headers=headers
            ).status_code
        return httpx.get(f"{self.query_api}/analytics/events?limit=1", headers=headers).status_code

    async def session(self, key: str) -> ClientConnection:
        """Open a WebSocket and say hello; what the gateway answers is not read."""
        socket = await connect(f"ws://127.0.0.1:{self.gateway_port}/v1/stream", compression=None)
        await socket.send(json.dumps({"type": "hello", "key": key}))
        return socket

    def assert_well(self) -> None:
        """Both processes are those that were started, and answer."""
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended:\n{self.logs()[-3000:]}"
        for base in (self.gateway, self.query_api):
            assert httpx.get(f"{base}/health/ready", timeout=PATIENCE_SECONDS).status_code == 200


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll, and let this test's own event loop run."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)
    assert condition(), what


@contextmanager
def running_servers(
    postgres: PostgresServer,
    clickhouse: ClickHouseServer,
    folder: Path,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Servers]:
    """Run both servers on fresh databases with two projects and a key of each kind for each."""
    with ExitStack() as stack:
        postgres_url = stack.enter_context(postgres.database())
        clickhouse_url = f"{clickhouse.url}/{stack.enter_context(clickhouse.database())}"
        migrate_stores(postgres_url, clickhouse_url)
        first = free_ports(2)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")},
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "sdk" / "python"))),
            "SMOLHOG_DATA": str(folder / "data"),
            "SMOLHOG_POSTGRES_URL": postgres_url,
            "SMOLHOG_CLICKHOUSE_URL": clickhouse_url,
            "SMOLHOG_GATEWAY_PORT": str(first),
            "SMOLHOG_QUERY_PORT": str(first + 1),
            "SMOLHOG_LOG_JSON": "true",
            **(settings or {}),
        }
        servers = Servers(postgres_url, clickhouse_url, first, first + 1, environment, folder)
        with psycopg.connect(postgres_url) as connection:
            for name in PROJECTS:
                project = create_project(connection, name)
                number = project.project_id
                servers.write_keys[name] = create_key(connection, number, KeyKind.WRITE, name).secret
                servers.read_keys[name] = create_key(connection, number, KeyKind.READ, name).secret
        for name in ("gateway", "query-api"):
            stack.callback(_stop, servers, name)
            with (folder / f"{name}.log").open("wb") as log:
                servers.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "smolhog", name],
                    env=environment,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                )
        wait_until(lambda: _is_ready(servers.gateway), "the gateway was ready")
        wait_until(lambda: _is_ready(servers.query_api), "the query API was ready")
        yield servers


def _is_ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _stop(servers: Servers, name: str) -> None:
    process = servers.processes.get(name)
    if process is None:
        return
    process.terminate()
    try:
        process.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{name} did not stop:\n{servers.logs()[-3000:]}") from None
