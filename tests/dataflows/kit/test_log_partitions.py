"""The source of a flow: an offset that is kept rests on nothing that a power cut could take."""

from functools import partial
from pathlib import Path

from dataflows.dedup_index import RocksDedupIndex
from dataflows.deleted_people import DeletedPeople
from dataflows.kit.decoding import BatchDecoder
from dataflows.kit.file_partition import FilePartition
from dataflows.kit.inputs import FileSource
from dataflows.kit.log_partitions import LogPartitions
from dataflows.kit.progress import Progress
from dataflows.kit.ticks import Ticks
from event_log.blocking import BlockingLog
from event_log.opening import open_event_log
from schemas.limits import DEFAULT_LIMITS
from tests.dataflows.kit.ledger import make_ledger
from tests.dataflows.running_flow import wait_until


def test_ids_are_safe_before_the_offset_behind_them_is_kept(tmp_path: Path) -> None:
    """Also where nothing that was read reaches a sink."""
    index = RocksDedupIndex(tmp_path / "index", 8)
    synced: list[str] = []
    _, body = make_ledger(20, 1).messages[0]
    with BlockingLog(partial(open_event_log, f"sqlite:///{tmp_path / 'log'}", partitions=1)) as log:
        log.append(0, body)
        source = LogPartitions(
            log,
            {"0": 0},
            lambda name: BatchDecoder("tested", name, index, DEFAULT_LIMITS, DeletedPeople()),
            Progress(),
            Ticks(_never),
            synced.append,
        ).build_part("source", "0", None)
        wait_until(lambda: bool(source.next_batch()), "a message")
        assert not synced
        assert source.snapshot() == 1
        assert synced == ["0"]
        source.close()
    index.close()


def test_so_are_those_of_files(tmp_path: Path) -> None:
    """A row that comes again further on is known by its id."""
    file = tmp_path / "events.jsonl"
    file.write_text('{"event": "a", "distinct_id": "ann", "timestamp": "2026-01-01T00:00:00Z"}\n')
    index = RocksDedupIndex(tmp_path / "index", 8)
    synced: list[bool] = []
    files = FilePartition(FileSource((str(file),)), index, Progress(), lambda: synced.append(True))
    source = files.build_part("source", "0", None)
    assert [len(batch) for _, batch in source.next_batch()] == [1]
    assert not synced
    assert source.snapshot() == (0, 1, 1)
    assert synced
    index.close()


def _never(partition: int, body: bytes) -> None:
    raise AssertionError(partition, body)
