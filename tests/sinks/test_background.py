"""The background writer keeps the order, bounds what waits, and tells what became of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from schemas.rollup import CellGroup, RollupRows
from schemas.stored import StoredBatch
from sinks.background import BackgroundWriter
from sinks.errors import PartitionOwned, SinkRejectedWrite, SinkUnavailable
from sinks.report import WriteReport
from tests.sinks.batches import message, stored_batch

PATIENCE_SECONDS = 30


class ScriptedStore:
    """A store that can be held, and fails as told."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.failures: list[BaseException] = []
        self.tries = 0
        self.closed = False
        self.entered = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Note the offsets, or raise the next failure."""
        self.entered.set()
        assert self.open.wait(PATIENCE_SECONDS)
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.written.append([each.offset for batch in batches for each in batch.messages])
        return WriteReport(len(batches), 0)

    def close(self) -> None:
        """Note it."""
        self.closed = True


@contextmanager
def background(
    store: ScriptedStore,
    *,
    batches: int = 3,
    queue: int = 10,
    backoff: Callable[[int], float] = lambda _: 0.0,
) -> Iterator[BackgroundWriter]:
    """A writer that writes after so many batches, and lets so many wait."""
    size = batch(0).size
    writer = BackgroundWriter(
        store, "test", write_bytes=batches * size, queue_bytes=queue * size, backoff=backoff
    )
    try:
        yield writer
    finally:
        store.open.set()
        writer.close()


def batch(offset: int) -> StoredBatch:
    """A batch of one message of one event."""
    return stored_batch(message(offset, [1]))


def flush(writer: BackgroundWriter) -> None:
    """Have everything written."""
    writer.wait_flushed(writer.request_flush())


def test_batches_arrive_in_order_and_together() -> None:
    """All are written, in order, several in one go but never more than the bound."""
    store = ScriptedStore()
    with background(store) as writer:
        for offset in range(100):
            writer.put(batch(offset))
        flush(writer)
    assert [offset for write in store.written for offset in write] == list(range(100))
    assert max(map(len, store.written)) <= 3


def test_little_waits_for_a_flush() -> None:
    """What is less than a write's worth is written when asked for, and a second flush has nothing to do."""
    store = ScriptedStore()
    with background(store, batches=1000, queue=2000) as writer:
        writer.put(batch(0))
        writer.put(batch(1))
        assert not store.entered.is_set()
        flush(writer)
        flush(writer)
        assert store.written == [[0, 1]]
        writer.put(batch(2))
        flush(writer)
    assert store.written == [[0, 1], [2]]


def test_rollups_are_not_kept_waiting() -> None:
    """A prompt writer writes a batch with rollups by itself, and what came before it."""
    store = ScriptedStore()
    writer = BackgroundWriter(store, "test", prompt=True)
    try:
        writer.put(batch(0))
        assert not store.entered.is_set()
        rows = RollupRows(CellGroup(1, 60, 0, "view", ""), 0, 0, 0, {"": 1})
        writer.put(stored_batch(message(1, [1]), rollups=[rows]))
        assert store.entered.wait(PATIENCE_SECONDS)
    finally:
        writer.close()
    assert store.written == [[0, 1]]


def test_a_prompt_writer_writes_at_an_epoch_s_end_only_what_is_waited_for() -> None:
    """Each end of an epoch would be a write more; whoever waits for one is not kept waiting by a pause either."""
    store = ScriptedStore()
    writer = BackgroundWriter(store, "test", prompt=True, pause_seconds=10 * PATIENCE_SECONDS)
    try:
        writer.put(batch(0))
        first = writer.request_flush()
        writer.put(batch(1))
        assert not store.entered.wait(0.2)
        writer.wait_flushed(first)
        assert store.written == [[0, 1]]
        writer.put(batch(2))
        writer.wait_flushed(writer.request_flush())
        assert store.written == [[0, 1], [2]]
    finally:
        writer.close()


def test_full_queue_blocks_whoever_fills_it() -> None:
    """Beyond the bound `put` waits, and goes on as soon as there is room."""
    store = ScriptedStore()
    store.open.clear()
    with background(store, batches=1, queue=4) as writer:
        put = 0
        blocked = threading.Event()

        def fill() -> None:
            nonlocal put
            for offset in range(20):
                if offset == 5:
                    blocked.set()  # one is being written, four wait: the next put has no room
                writer.put(batch(offset))
                put += 1

        filling = threading.Thread(target=fill)
        writer.put(batch(100))
        assert store.entered.wait(PATIENCE_SECONDS)
        filling.start()
        filling.join(timeout=0.2)
        assert filling.is_alive()
        assert put == 4
        store.open.set()
        filling.join(PATIENCE_SECONDS)
        assert put == 20
        assert blocked.is_set()
        flush(writer)
    assert [offset for write in store.written for offset in write] == [100, *range(20)]


def test_store_that_is_away_is_tried_until_it_is_back() -> None:
    """The same batches are written again, after pauses that grow by the policy."""
    store = ScriptedStore()
    store.failures = [SinkUnavailable("away") for _ in range(5)]
    attempts: list[int] = []

    def backoff(attempt: int) -> float:
        attempts.append(attempt)
        return 0.0

    with background(store, backoff=backoff) as writer:
        writer.put(batch(0))
        flush(writer)
    assert store.written == [[0]]
    assert attempts == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "failure", [SinkRejectedWrite("no"), PartitionOwned("theirs"), RuntimeError("a bug")]
)
def test_failure_for_good_surfaces(failure: Exception) -> None:
    """It is raised where batches are handed over, again and again, and nothing more is written."""
    store = ScriptedStore()
    store.failures = [failure]
    with background(store, batches=1, queue=2) as writer:
        writer.put(batch(0))
        with pytest.raises(type(failure)):
            flush(writer)
        for _ in range(5):
            with pytest.raises(type(failure)):
                writer.put(batch(1))
        with pytest.raises(type(failure)):
            flush(writer)
    assert store.tries == 1
    assert store.closed


def test_close_gives_up_what_waits() -> None:
    """Nothing is written unasked at the end, and the store is let go of."""
    store = ScriptedStore()
    with background(store, batches=1000) as writer:
        writer.put(batch(0))
    assert store.written == []
    assert store.closed


def test_close_during_a_pause_is_no_flush() -> None:
    """A flush that is overtaken by a close does not claim that anything was stored."""
    store = ScriptedStore()
    store.failures = [SinkUnavailable("away")]
    pausing = threading.Event()

    def backoff(_: int) -> float:
        pausing.set()
        return float(PATIENCE_SECONDS)

    with background(store, backoff=backoff) as writer:
        writer.put(batch(0))
        requested = writer.request_flush()
        assert pausing.wait(PATIENCE_SECONDS)
        writer.close()
        with pytest.raises(SinkUnavailable, match="closed"):
            writer.wait_flushed(requested)
    assert store.written == []
