"""Only the first event with an id passes, and passes again in a replay."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.dedup import PLACE_BYTES, dedup_key, find_first, place_of, places_of
from dataflows.dedup_index import RocksDedupIndex
from tests.dataflows.dedup_writer import event_key


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RocksDedupIndex]:
    """An empty index on disk."""
    opened = RocksDedupIndex(tmp_path / "dedup", days=7)
    yield opened
    opened.close()


def key(number: int, project_id: int = 1) -> bytes:
    """The key of the n-th id in a project."""
    return dedup_key(project_id, number.to_bytes(16, "big"))


def places(offset: int, count: int) -> list[bytes]:
    """The places of the events of one message."""
    return [place_of(offset, index) for index in range(count)]


_logs = st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 2)), max_size=5), max_size=8)


@given(_logs, st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4)), max_size=8))
def test_first_occurrences_pass_however_the_log_is_read(
    log: list[list[tuple[int, int]]], reads: list[tuple[int, int]]
) -> None:
    """Any cuts and any replays let exactly the first event of each id through, each time."""
    first = _first_places(log)
    reached = 0
    with tempfile.TemporaryDirectory() as folder:
        index = RocksDedupIndex(Path(folder), days=7)
        for back, count in [*reads, (0, len(log)), (len(log), len(log))]:
            begin = max(0, reached - back)
            end = min(begin + count, len(log))
            _read(index, log, begin, end, first)
            reached = max(reached, end)
        index.close()


def _first_places(log: list[list[tuple[int, int]]]) -> dict[tuple[int, int], tuple[int, int]]:
    first: dict[tuple[int, int], tuple[int, int]] = {}
    for offset, message in enumerate(log):
        for place, event in enumerate(message):
            first.setdefault(event, (offset, place))
    return first


def _read(
    index: RocksDedupIndex,
    log: list[list[tuple[int, int]]],
    begin: int,
    end: int,
    first: dict[tuple[int, int], tuple[int, int]],
) -> None:
    events = [
        (event, (offset, place)) for offset in range(begin, end) for place, event in enumerate(log[offset])
    ]
    keys = [key(*event) for event, _ in events]
    passed = find_first(index, keys, [place_of(*where) for _, where in events])
    assert passed == [first[event] == where for event, where in events]


def test_repeated_in_one_batch(index: RocksDedupIndex) -> None:
    """Within one read, too, only the first of an id passes."""
    assert find_first(index, [key(1), key(1), key(2), key(1)], places(0, 4)) == [True, False, True, False]


def test_projects_do_not_share_ids(index: RocksDedupIndex) -> None:
    """The same id in two projects is two events."""
    assert find_first(index, [key(1, 1), key(1, 2), key(1, 2**31 - 1)], places(0, 3)) == [True, True, True]


def test_nothing_to_look_up(index: RocksDedupIndex) -> None:
    """A read that holds no events is fine."""
    assert find_first(index, [], []) == []


def test_places_sort_as_the_log_does() -> None:
    """Places have a fixed length and the order of offset, then index."""
    ordered = [place_of(0, 0), place_of(0, 1), place_of(1, 0), place_of(2**40, 5)]
    assert ordered == sorted(ordered)
    assert {len(place) for place in ordered} == {PLACE_BYTES}


def test_second_process_is_refused(index: RocksDedupIndex, tmp_path: Path) -> None:
    """While one holds the folder, another cannot open it."""
    assert find_first(index, [key(1)], places(0, 1)) == [True]
    opening = "import sys; from pathlib import Path; from dataflows.dedup_index import RocksDedupIndex; "
    opening += "RocksDedupIndex(Path(sys.argv[1]), 7)"
    process = subprocess.run(
        [sys.executable, "-c", opening, str(tmp_path / "dedup")], capture_output=True, check=False, text=True
    )
    assert process.returncode != 0
    assert "lock" in process.stderr.lower()


def test_ids_outlive_a_close(tmp_path: Path) -> None:
    """What was remembered is known after a restart in order."""
    index = RocksDedupIndex(tmp_path / "dedup", days=7)
    find_first(index, [key(1)], places(0, 1))
    index.sync()
    index.close()
    again = RocksDedupIndex(tmp_path / "dedup", days=7)
    assert find_first(again, [key(1), key(2)], places(1, 2)) == [False, True]
    again.close()


def test_ids_outlive_compaction_after_restarts(tmp_path: Path) -> None:
    """Compaction drops what has expired and nothing else, however often the index was opened before."""
    keys = [key(number) for number in range(600)]
    for start in range(4):
        index = RocksDedupIndex(tmp_path / "dedup", days=7)
        assert find_first(index, keys, places(start, 600)) == [start == 0] * 600
        index._db.flush()
        index._db.compact_range(None, None)
        assert index.get(keys) == places(0, 600)
        index.close()


def test_ids_outlive_a_kill(tmp_path: Path) -> None:
    """After SIGKILL in the middle of writing, all that was answered is known, and a replay is the same."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.dataflows.dedup_writer", str(tmp_path / "dedup")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer.stdout as output:
        while int(output.readline()) < 50:
            pass
        writer.kill()
        reached = max([50, *(int(line) for line in output if line.endswith("\n"))])
    writer.wait()
    index = RocksDedupIndex(tmp_path / "dedup", days=7)
    for offset in range(reached + 1):
        keys = [event_key(number) for number in range(offset * 100, offset * 100 + 100)]
        assert all(find_first(index, keys, places(offset, 100)))
        assert not any(find_first(index, keys, places(10**6, 100)))
    index.close()


def test_places_of_a_message_are_those_of_its_events() -> None:
    """Made together they are the same."""
    assert places_of(2**40, range(3, 9)) == [place_of(2**40, index) for index in range(3, 9)]
