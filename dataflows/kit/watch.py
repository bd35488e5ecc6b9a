"""Looks at a running flow every second, from a thread beside it: also while it is stuck."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from dataflows.kit.flow import Flow
from dataflows.kit.progress import Progress, store_progress
from event_log.blocking import BlockingLog
from event_log.errors import EventLogError
from smolhog.metrics import FLOW_LAG_MESSAGES, FLOW_LAG_SECONDS, FLOW_LOG_TIME

EVERY_SECONDS = 1.0
_log = structlog.get_logger()


class FlowWatch:
    """Sets a flow's metrics, and stores its progress.

    Args:
        flow: which one.
        log_id: of its input.
        progress: of the flow.
        postgres_dsn: where progress is stored.
        log: tells where partitions end; ``None`` for a flow over files.
    """

    def __init__(
        self, flow: Flow, log_id: int, progress: Progress, postgres_dsn: str, log: BlockingLog | None
    ) -> None:
        self._flow = flow
        self._log_id = log_id
        self._progress = progress
        self._dsn = postgres_dsn
        self._event_log = log
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch until the end of the block, and look once more then."""
        thread = threading.Thread(target=self._run, name="flow-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        ends = self._ends()
        for partition, known in list(self._progress.partitions.items()):
            FLOW_LOG_TIME.labels(self._flow.name, partition).set(known.log_time)
            if partition in ends:
                lag = max(0, ends[partition] - known.next_offset)
                waited = max(0.0, time.time() - known.log_time) if lag and known.log_time else 0.0
                FLOW_LAG_MESSAGES.labels(self._flow.name, partition).set(lag)
                FLOW_LAG_SECONDS.labels(self._flow.name, partition).set(waited)
        try:
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as connection:
                store_progress(
                    connection, self._flow.name, self._flow.version, self._log_id, self._progress, ends
                )
        except psycopg.Error as error:
            _log.warning("progress is not stored", flow=self._flow.name, reason=str(error).strip())

    def _ends(self) -> dict[str, int]:
        if self._event_log is None:
            return {}
        try:
            return {
                partition: self._event_log.end(int(partition), timeout=2.0)
                for partition in list(self._progress.partitions)
            }
        except EventLogError as error:
            _log.warning("event log does not say where it ends", reason=str(error))
            return {}
