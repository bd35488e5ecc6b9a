"""Bytewax source over files: one partition, pieces of rows for messages, an end."""

from collections.abc import Callable, Iterator
from pathlib import Path

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from dataflows.dedup import DedupIndex, find_first
from dataflows.kit.batch import EventBatch, EventColumns
from dataflows.kit.errors import FlowFileUnreadable
from dataflows.kit.file_rows import columns_of_rows, read_rows
from dataflows.kit.inputs import FileSource
from dataflows.kit.progress import Progress

PARTITION = "0"
_END_OF_TIME = 1e12
_State = tuple[int, int, int]
"""File, rows of it that were read, and the offset of the next piece."""


class FilePartition(FixedPartitionedSource[tuple[str, EventBatch], _State]):
    """Reads files one after the other.

    Args:
        source: which files.
        index: ids that this flow has seen.
        progress: is told what has had its effect.
        sync: makes the ids survive a power cut.
    """

    def __init__(
        self, source: FileSource, index: DedupIndex, progress: Progress, sync: Callable[[], None]
    ) -> None:
        self._source = source
        self._index = index
        self._progress = progress
        self._sync = sync

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: _State | None) -> "_Files":
        """Begin to read, where the state says."""
        del step_id, for_part
        return _Files(self._source, self._index, self._progress, self._sync, resume_state or (0, 0, 0))


class _Files(StatefulSourcePartition[tuple[str, EventBatch], _State]):
    def __init__(
        self,
        source: FileSource,
        index: DedupIndex,
        progress: Progress,
        sync: Callable[[], None],
        state: _State,
    ) -> None:
        self._source = source
        self._paths = [Path(path) for path in source.paths]
        self._index = index
        self._progress = progress
        self._sync = sync
        self._file, self._rows, self._offset = state
        self._events = 0
        self._ended = False
        self._pieces = self._read()

    def next_batch(self) -> list[tuple[str, EventBatch]]:
        """Return a piece; after the last one a batch without events, which closes all windows."""
        if self._ended:
            raise StopIteration
        batch = next(self._pieces, None)
        if batch is None:
            self._ended = True
            batch = EventBatch(PARTITION, self._offset, _END_OF_TIME, _no_events())
        self._offset += 1
        self._events += len(batch)
        return [(PARTITION, batch)]

    def snapshot(self) -> _State:
        """Return where to go on; the ids of what was read are as safe as that."""
        self._sync()
        self._progress.reached(PARTITION, self._offset, 0.0, self._events)
        return self._file, self._rows, self._offset

    def _read(self) -> Iterator[EventBatch]:
        while self._file < len(self._paths):
            path = self._paths[self._file]
            for rows in read_rows(path, self._rows):
                columns = columns_of_rows(path, self._rows, rows, self._source.project_id)
                self._rows += len(rows)
                yield self._batch(self._first(columns))
            self._file, self._rows = self._file + 1, 0

    def _first(self, columns: EventColumns) -> EventColumns:
        try:
            keys = columns.keys()
        except ValueError as error:
            raise FlowFileUnreadable(f"{self._paths[self._file]}: {error}") from error
        passed = find_first(self._index, keys, columns.places(self._offset))
        return columns if all(passed) else columns.select(passed)

    def _batch(self, columns: EventColumns) -> EventBatch:
        log_time = 0.0
        if self._source.in_order and columns.timestamps:
            log_time = max(columns.timestamps).timestamp()
        return EventBatch(PARTITION, self._offset, log_time, columns)


def _no_events() -> EventColumns:
    return EventColumns([], [], [], [], [], [], [], [], [])
