"""Real stores, a log, and processes that run flows over them, for tests that kill those."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import clickhouse_connect
import psycopg
from psycopg.rows import dict_row

from event_log.blocking import BlockingLog
from event_log.opening import open_event_log
from schemas.envelope import LogEvent, decode_message
from sinks.clickhouse.connect import connection_arguments
from sinks.migrate import migrate_stores
from tests.dataflows.kit.receiver import Receiver, running_receiver

Row = dict[str, Any]


@dataclass
class FlowStack:
    """Migrated stores, an event log, and flow processes."""

    postgres_dsn: str
    clickhouse_url: str
    log_url: str
    data: Path
    receiver: Receiver
    partitions: int = 2
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log_file(self) -> Path:
        """Output of all flow processes."""
        return self.data / "flow.log"

    def said(self, words: str) -> int:
        """How often the processes have said something."""
        return self.log_file.read_text().count(words) if self.log_file.exists() else 0

    def start(self, flow: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a process that runs a flow."""
        arguments = [flow, self.data, self.log_url, self.partitions, self.postgres_dsn, self.clickhouse_url]
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.dataflows.kit.flow_process", *map(str, arguments)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "RECEIVER": self.receiver.url, **(environment or {})},
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """Kill what runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def stream(self, name: str) -> list[LogEvent]:
        """All events that are in a stream now, in order."""
        url, prefix = f"sqlite:///{self.data / 'streams' / name}", "smolhog.events"
        if self.log_url.startswith("amqp"):
            url, prefix = self.log_url, name
        open_stream = partial(open_event_log, url, partitions=self.partitions, prefix=prefix)
        events: list[LogEvent] = []
        with BlockingLog(open_stream) as log:
            for partition in range(self.partitions):
                offset, end = log.oldest(partition), log.end(partition)
                while offset < end:
                    message = log.first_message(partition, offset)
                    events += [e for batch in decode_message(message.body).batches for e in batch.events]
                    offset = message.offset + 1
        return events

    def postgres(self, query: str) -> list[Row]:
        """Rows that PostgreSQL answers."""
        with psycopg.connect(
            self.postgres_dsn, row_factory=dict_row, options="-c timezone=UTC"
        ) as connection:
            return list(connection.execute(query.encode()).fetchall())

    def clickhouse(self, query: str) -> list[Row]:
        """Rows that ClickHouse answers."""
        with clickhouse_connect.get_client(**connection_arguments(self.clickhouse_url)) as client:
            return [dict(row) for row in client.query(query).named_results()]


@contextmanager
def flow_stack(
    postgres_dsn: str, clickhouse_url: str, data: Path, log_url: str | None = None, partitions: int = 2
) -> Iterator[FlowStack]:
    """Migrate the stores and hand out the stack; flows are started by the test."""
    data.mkdir(parents=True, exist_ok=True)
    migrate_stores(postgres_dsn, clickhouse_url)
    with running_receiver(seed=1) as receiver:
        url = log_url or f"sqlite:///{data / 'log'}"
        stack = FlowStack(postgres_dsn, clickhouse_url, url, data, receiver, partitions)
        try:
            yield stack
        finally:
            stack.stop()
