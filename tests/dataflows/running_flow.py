"""The built-in dataflow as a real process over real stores, for tests that kill it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import clickhouse_connect
import psycopg

from sinks.clickhouse.connect import connect, connection_arguments
from sinks.clickhouse.deletion import delete_rows
from sinks.migrate import migrate_stores
from tests.fixtures_clickhouse import ClickHouseServer

PARTITIONS = 2
PATIENCE_SECONDS = 90.0


def wait_until(happened: Callable[[], bool], what: str, log: Path | None = None) -> None:
    """Poll until something is so; fails with what was expected and the end of a log file."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            tail = log.read_text()[-4000:] if log is not None and log.exists() else ""
            raise AssertionError(f"{what} did not happen within {PATIENCE_SECONDS} s\n{tail}")
        time.sleep(0.05)


@dataclass
class Stack:
    """Migrated stores, an event log's URL, and dataflow processes over them."""

    postgres_dsn: str
    clickhouse_url: str
    event_log_url: str
    data: Path
    partitions: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log_file(self) -> Path:
        """Output of all dataflow processes."""
        return self.data / "dataflow.log"

    @property
    def environment(self) -> dict[str, str]:
        """What every command on this stack needs."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")},
            "SMOLHOG_DATA": str(self.data),
            "SMOLHOG_POSTGRES_URL": self.postgres_dsn,
            "SMOLHOG_CLICKHOUSE_URL": self.clickhouse_url,
            "SMOLHOG_PARTITIONS": str(self.partitions),
            "SMOLHOG_METRICS_PORT": "0",
        }
        if self.event_log_url.startswith("amqp"):
            environment["SMOLHOG_AMQP_URL"] = self.event_log_url
        return environment

    def smolhog(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "smolhog", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def start(self, index: int = 0, total: int = 1) -> subprocess.Popen[bytes]:
        """Start one dataflow process."""
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "smolhog", "dataflow", "--index", str(index), "--total", str(total)],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """Kill what runs, as a dataflow always ends."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def raw_events(self) -> int:
        """Rows of table events in PostgreSQL."""
        with psycopg.connect(self.postgres_dsn) as connection:
            row = connection.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return int(row[0])

    def columnar_events(self) -> int:
        """Rows of table events in ClickHouse, each event counted once."""
        return int(str(self.clickhouse("SELECT count() FROM events FINAL")[0][0]))

    def clickhouse(self, query: str) -> list[tuple[object, ...]]:
        """Rows that ClickHouse answers."""
        with clickhouse_connect.get_client(**connection_arguments(self.clickhouse_url)) as client:
            return [tuple(row) for row in client.query(query).result_rows]

    def delete(self, table: str, where: str) -> None:
        """Take rows out of a table of ClickHouse, as damage would."""
        with connect(self.clickhouse_url) as client:
            delete_rows(client, table, where, {})

    def rollup_total(self, table: str = "rollup_hour") -> int:
        """Events that a rollup counts over all cells."""
        rows = self.clickhouse(f"SELECT sum(total) FROM {table} FINAL WHERE dimension = ''")
        return int(str(rows[0][0]))


@contextmanager
def running_stack(
    postgres_dsn: str,
    clickhouse: ClickHouseServer,
    data: Path,
    event_log_url: str | None = None,
    partitions: int = PARTITIONS,
) -> Iterator[Stack]:
    """Migrate both stores and hand out the stack; dataflows are started by the test.

    Args:
        postgres_dsn: of an empty database.
        clickhouse: gets a database for the stack.
        data: its folder.
        event_log_url: where the log is; embedded, in the folder, by default.
        partitions: of the log.
    """
    data.mkdir(parents=True, exist_ok=True)
    with clickhouse.database() as database:
        clickhouse_url = f"{clickhouse.url}/{database}"
        migrate_stores(postgres_dsn, clickhouse_url, clickhouse.cluster)
        stack = Stack(
            postgres_dsn, clickhouse_url, event_log_url or f"sqlite:///{data / 'log'}", data, partitions
        )
        try:
            yield stack
        finally:
            stack.stop()
