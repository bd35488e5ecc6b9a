"""Measures a running dataflow every few seconds, from a thread beside it: also while it is stuck."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage

import structlog

from dataflows.dedup_index import RocksDedupIndex
from dataflows.lag import Lag, Progress
from event_log.blocking import BlockingLog
from event_log.errors import EventLogUnavailable
from smolhog import metrics

EVERY_SECONDS = 5.0
_END_SECONDS = 2.0
"""Longest that the log may take to answer: a dataflow that ends waits for the watch."""
_log = structlog.get_logger()


class DataflowWatch:
    """Sets the metrics of one partition's dataflow.

    Args:
        partition: which one.
        log: tells where the partition ends.
        progress: of the stores.
        index: the partition's dedup index.
        folder: where the index lies.
    """

    def __init__(
        self, partition: int, log: BlockingLog, progress: Progress, index: RocksDedupIndex, folder: Path
    ) -> None:
        self._partition = partition
        self._label = str(partition)
        self._log = log
        self._progress = progress
        self._index = index
        self._folder = folder
        self._lag = Lag()
        self._stopped = threading.Event()

    def look(self) -> None:
        """Measure once.

        Raises:
            EventLogUnavailable: the end of the log is not known; nothing about lag was changed.
        """
        size = self._index.size()
        metrics.DEDUP_INDEX_IDS.labels(self._label).set(size.ids)
        metrics.DEDUP_INDEX_BYTES.labels(self._label).set(size.disk_bytes)
        metrics.DEDUP_INDEX_BOUND_BYTES.labels(self._label).set(
            size.disk_bytes + disk_usage(self._folder).free
        )
        end = self._log.end(self._partition, timeout=_END_SECONDS)
        now = time.time()
        lag = self._lag.read(now, end, self._progress)
        metrics.LAG_MESSAGES.labels(self._label).set(lag.messages)
        metrics.LAG_SECONDS.labels(self._label).set(lag.seconds)
        age = now - self._progress.snapshot_at if lag.messages else 0.0
        metrics.RECOVERY_AGE_SECONDS.labels(self._label).set(max(0.0, age))

    def run(self) -> None:
        """Measure again and again until stopped. What goes wrong here must not stop the dataflow."""
        while True:
            try:
                self.look()
            except EventLogUnavailable as error:
                _log.debug("event log not measured", partition=self._partition, reason=str(error))
            except Exception:  # noqa: BLE001 - logged; numbers matter less than events
                if not self._stopped.is_set():
                    _log.exception("dataflow not measured", partition=self._partition)
            if self._stopped.wait(EVERY_SECONDS):
                return

    def stop(self) -> None:
        """Have :meth:`run` return."""
        self._stopped.set()


@contextmanager
def watched(watch: DataflowWatch) -> Iterator[None]:
    """Run a watch beside the block."""
    thread = threading.Thread(target=watch.run, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.stop()
        thread.join()


def show_counters(partition: int) -> None:
    """Have the partition's counters say 0 from the start, so that their first step is not missed."""
    for counter in (
        metrics.EVENTS_PROCESSED,
        metrics.EVENTS_DEDUPLICATED,
        metrics.EVENTS_LATE,
        metrics.EVENTS_OF_DELETED,
    ):
        counter.labels(str(partition))
