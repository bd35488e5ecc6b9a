"""Rollups come out right whatever the log holds, however it is cut, and wherever the dataflow is killed."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataflows import columns
from dataflows.columns import VALUE_LENGTH
from dataflows.rollup import Countable, RollupCounter
from schemas.rollup import OTHER, TOTAL, CellKey, RollupRows

GRACE = 120
HOUR = 1_750_000_000 // 3600 * 3600
PARTITION = 3

# Text, what is told apart as text, and what is not; two properties sound like the rollup's own names.
_names = st.sampled_from(["plan", "city", "os", "n", "", OTHER])
_values = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "true", "", OTHER, "x" * VALUE_LENGTH, "x" * (VALUE_LENGTH + 1)]),
    st.sampled_from([True, False, None, 0, 1, 2.5, ["a"], {"a": "b"}]),
)
_fields = st.dictionaries(_names, _values, max_size=4)


@st.composite
def _events(draw: st.DrawFn) -> Countable:
    properties = draw(_fields)
    context = draw(st.dictionaries(st.sampled_from(["$os", "$browser"]), st.sampled_from(["a", "b", "c"])))
    minute = HOUR + 60 * draw(st.sampled_from([-600, -1, 0, 1, 2, 59, 60, 61, 130]))
    return minute, draw(st.sampled_from(["view", "buy"])), properties, context


@dataclass(frozen=True)
class SubBatch:
    """Part of one message, as the pipeline counts it."""

    received_at: int
    project_id: int
    events: list[Countable]


@dataclass(frozen=True)
class Close:
    """A message that closes the groups of a time range, as a rebuild appends it."""

    project_id: int | None
    begin: int
    end: int


Log = Sequence[list[SubBatch] | Close]
# Clocks of gateways differ and jump, so arrival runs backwards, and by hours.
_received = st.sampled_from([0, 30, 59, 61, 200, 3500, 3700, 3721, 4000, 8000, 12_000]).map(
    lambda s: HOUR + s
)
_messages = st.lists(
    st.builds(SubBatch, _received, st.sampled_from([1, 2]), st.lists(_events(), max_size=4)), max_size=3
)
_hours = st.sampled_from([HOUR - 36_000, HOUR, HOUR + 3600, HOUR + 10_800])
_closes = st.builds(Close, st.sampled_from([None, 1, 2]), _hours, _hours)
_logs = st.lists(st.one_of(_messages, _messages, _messages, _closes), max_size=9)
_moves = st.lists(
    st.one_of(
        st.sampled_from(["emit", "emit totals", "snapshot", "go on"]),
        st.tuples(st.just("crash"), st.integers(0, 5), st.integers(0, 1), st.booleans()),
    ),
    max_size=30,
)
Moves = list[Any]


@dataclass
class Store:
    """Keeps of each (cell, partition, segment) the row of the highest version, as ClickHouse does."""

    rows: dict[tuple[CellKey, int, int], tuple[int, int]] = field(default_factory=dict)

    def insert(self, emitted: list[RollupRows]) -> None:
        """Take rows in any order, however often."""
        for rows in emitted:
            for key, new in rows.cells():
                self.put((key, rows.partition, rows.segment), rows.version, new)

    def put(self, place: tuple[CellKey, int, int], new_version: int, new: int) -> None:
        """Keep one row if it is the newest of its place."""
        version, total = self.rows.get(place, (-1, 0))
        if new_version == version:
            assert new == total, f"{place} was {total} in the same version before, and is {new}"
        if new_version > version:
            self.rows[place] = (new_version, new)

    def cells(self) -> Counter[CellKey]:
        """The value of each cell."""
        found: Counter[CellKey] = Counter()
        for (key, _, _), (_, total) in self.rows.items():
            found[key] += total
        return found

    def totals(self) -> dict[tuple[CellKey, int, int], int]:
        """The value of each cell in each segment, versions left out."""
        return {place: total for place, (_, total) in self.rows.items()}


@dataclass
class Epochs:
    """Snapshots, and what was emitted in the epoch that each of them ends.

    A snapshot counts once the store has what was emitted before the snapshot before it. So a process that
    is killed may take with it what was emitted since, and the source may be a snapshot behind.
    """

    store: Store
    snapshots: list[tuple[int, bytes | None]] = field(default_factory=lambda: [(0, None)])
    under_way: list[tuple[int, list[RollupRows]]] = field(default_factory=list)

    def emit(self, rows: list[RollupRows]) -> None:
        """Send rows on their way to the store."""
        self.under_way.append((len(self.snapshots), rows))

    def crash(self, back: int, behind: int, *, loses: bool) -> tuple[int, bytes | None]:
        """Return where a restart begins, and with which state."""
        last = max(0, len(self.snapshots) - 1 - back)
        self.arrive(last if loses else len(self.snapshots) + 1)
        del self.snapshots[last + 1 :]
        return self.snapshots[max(0, last - behind)][0], self.snapshots[last][1]

    def arrive(self, before: int) -> None:
        """Store what was emitted in earlier epochs; the rest never comes."""
        for epoch, rows in self.under_way:
            if epoch < before:
                self.store.insert(rows)
        self.under_way.clear()


def process(log: Log, moves: Moves, limit: int) -> Store:
    """Count a log; after each message comes the next move, and in the end all is emitted."""
    store = Store()
    counter = RollupCounter(PARTITION, GRACE, limit)
    epochs = Epochs(store)
    todo = iter(moves)
    at = 0
    while at < len(log):
        message = log[at]
        if isinstance(message, Close):
            counter.close(at * 3, message.project_id, message.begin, message.end)
        else:
            for batch in message:
                # Offsets have gaps, as those of RabbitMQ.
                counter.count(at * 3, batch.received_at, batch.project_id, batch.events)
        at += 1
        counter.advance(at * 3 - 2)
        match next(todo, "go on"):
            case "emit":
                epochs.emit(counter.emit())
            case "emit totals":
                epochs.emit(counter.emit_totals())
            case "snapshot":
                epochs.snapshots.append((at, counter.snapshot()))
            case ("crash", back, behind, loses):
                at, state = epochs.crash(back, behind, loses=loses)
                counter = RollupCounter(PARTITION, GRACE, limit, state)
    epochs.emit(counter.emit())
    epochs.arrive(len(epochs.snapshots) + 1)
    assert not counter.has_changes
    return store


def told(value: Any) -> str:
    """How a value counts while there is room for it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and 0 < len(value) <= VALUE_LENGTH else OTHER


@dataclass
class Bucket:
    """All that ever happened of one event in one bucket, by brute force."""

    total: int = 0
    names: set[str] = field(default_factory=set)
    values: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def count_by_hand(log: Log) -> dict[tuple[int, int, int, str], Bucket]:
    """Count a log event by event, without segments or a guard."""
    buckets: defaultdict[tuple[int, int, int, str], Bucket] = defaultdict(Bucket)
    for project_id, (minute, event, properties, context) in _all_events(log):
        for interval in (60, 3600):
            bucket = buckets[project_id, interval, minute // interval * interval, event]
            bucket.total += 1
            for name, value in (properties | context).items():
                dimension = name or OTHER
                bucket.names.add(dimension)
                if value is not None:
                    bucket.values[dimension][OTHER if dimension == OTHER else told(value)] += 1
    return buckets


def _all_events(log: Log) -> Iterator[tuple[int, Countable]]:
    for message in log:
        for batch in [] if isinstance(message, Close) else message:
            for event in batch.events:
                yield batch.project_id, event


def check(log: Log, cells: Counter[CellKey], limit: int) -> None:
    """Compare cells with brute force, as far as the guard lets anybody know."""
    seen: defaultdict[tuple[int, int, int, str], defaultdict[str, Counter[str]]]
    seen = defaultdict(lambda: defaultdict(Counter))
    for key, total in cells.items():
        seen[key.project_id, key.interval, key.bucket, key.event][key.dimension][key.value] += total
    expected = count_by_hand(log)
    assert seen.keys() == expected.keys()
    for place, bucket in expected.items():
        dimensions = seen[place]
        assert dimensions.pop(TOTAL) == {TOTAL: bucket.total}
        pairs = sum(counts.total() for counts in bucket.values.values())
        assert sum(counts.total() for counts in dimensions.values()) == pairs
        if len(bucket.names - {OTHER}) > limit:
            continue
        assert dimensions.keys() == bucket.values.keys()
        for name, counts in bucket.values.items():
            assert dimensions[name].total() == counts.total()
            if len(counts.keys() - {OTHER}) <= limit:
                assert dimensions[name] == counts


@given(_logs, _moves, _moves, st.integers(2, 4))
def test_cells_are_those_of_brute_force(log: Log, moves: Moves, others: Moves, limit: int) -> None:
    """Totals are always exact, breakdowns within the guard, whatever was killed and replayed.

    The same log gives the same segments and values, however the two runs over it went.
    """
    first = process(log, moves, limit)
    second = process(log, others, limit)
    check(log, first.cells(), limit)
    check(log, second.cells(), limit)
    assert first.totals() == second.totals()


def view(minute: int = 0, /, **properties: Any) -> Countable:
    """One event, in minute ``minute`` of the hour."""
    return HOUR + 60 * minute, "view", properties, {}


def message(*events: Countable, received_at: int = HOUR) -> list[SubBatch]:
    """A message of one sub-batch."""
    return [SubBatch(received_at, 1, list(events))]


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(
            [message(view(a=None)), message(view(b="1")), message(view(c="1")), message(view(a="1"))],
            id="null first",
        ),
        pytest.param(
            [message(view(**{"": "x"})), message(view(**{OTHER: "y"})), message(view(**{"": "z"}))],
            id="names that sound like the rollup's own",
        ),
        pytest.param(
            [
                message(view(a="1", b="1", **{OTHER: "x"})),
                message(view(c="1")),
                message(view(**{OTHER: "y"})),
            ],
            id="a property named $other beside dimensions beyond the guard",
        ),
        pytest.param(
            [message(view(n=1)), message(view(n="a")), message(view(n="b")), message(view(n="c"))],
            id="numbers before text",
        ),
        pytest.param(
            [message(view(1, a="1"), view(1)), message(view(2, a="2"), view(2))], id="minutes of one length"
        ),
    ],
)
def test_counting_at_once_or_one_by_one_is_the_same(log: Log) -> None:
    """What the guard tells apart depends on the log, not on how many events wait to be counted."""
    at_once = process(log, [], limit=2)
    one_by_one = process(log, ["emit"] * len(log), limit=2)
    assert at_once.totals() == one_by_one.totals()
    check(log, at_once.cells(), limit=2)


def test_late_event_opens_a_new_segment() -> None:
    """An event whose bucket is long closed adds to it, and nothing that was written is taken back."""
    late = HOUR + 60 + GRACE + 1
    log = [message(view()), message(received_at=late), message(view(), received_at=late)]
    minutes = {
        (segment, value)
        for (key, _, segment), value in process(log, ["emit"] * 3, limit=2).totals().items()
        if key.interval == 60
    }
    assert minutes == {(0, 1), (6, 1)}


@pytest.mark.parametrize("emits", [["emit", "emit"], ["emit totals", "emit"], ["emit", "emit totals"]])
def test_what_was_under_way_when_a_process_died_is_emitted_again(emits: Moves) -> None:
    """Of open groups and of closed ones: a snapshot does not wait for what its own epoch emitted."""
    late = HOUR + 60 + GRACE + 1
    log = [
        message(view(a="1")),
        message(view(a="2"), received_at=late),
        message(received_at=late),
        message(received_at=late),
    ]
    killed: Moves = [*emits, "snapshot", ("crash", 0, 1, True)]
    assert process(log, killed, limit=2).cells() == process(log, [], limit=2).cells()


def test_many_names_of_their_own_cost_no_more_than_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Booleans and lists are looked at one by one; that must not take every name to every event."""
    looked_at = 0
    put = columns._put

    def counting(*arguments: Any) -> None:
        nonlocal looked_at
        looked_at += 1
        put(*arguments)

    class Watched(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return super().__contains__(name)

    monkeypatch.setattr(columns, "_put", counting)
    events = 300
    seen = [Watched({f"flag {event} {number}": True for number in range(10)}) for event in range(events)]
    seen[0]["list"] = []
    counted = columns.count_columns(list(chain.from_iterable((fields, {}) for fields in seen)))
    assert sum(sum(values.values()) for values in counted.values()) == events * 10 + 1
    assert looked_at < events * 10 * 4


def test_closed_cells_are_forgotten() -> None:
    """What is kept is bounded by the buckets that log time has not passed."""
    counter = RollupCounter(PARTITION, GRACE, 10)
    empty = len(counter.snapshot())
    for offset in range(500):
        counter.count(offset, HOUR + 60 * offset, 1, [view(offset)])
        counter.emit()
    counter.count(500, HOUR + 10**6, 1, [])
    counter.emit()
    counter.snapshot()
    assert len(counter.snapshot()) <= empty + 10


def test_the_state_of_an_older_version_is_read() -> None:
    """Of the first one, which had a row for each closed cell; nothing of it is lost."""
    open_group = [7, 9, {"view": {"": {"": 5}, "plan": {"pro": 3}}}]
    closed = [[[1, 60, HOUR, "view", "plan", "pro"], PARTITION, 3, 4, 2]]
    first = msgspec.msgpack.encode([1, HOUR, [[1, 60, HOUR + 60, open_group]], closed, 10])
    counter = RollupCounter(PARTITION, GRACE, 10, first)
    emitted = {(key, rows.segment, total) for rows in counter.emit() for key, total in rows.cells()}
    assert emitted == {
        (CellKey(1, 60, HOUR, "view", "plan", "pro"), 3, 2),
        (CellKey(1, 60, HOUR + 60, "view", "", ""), 7, 5),
        (CellKey(1, 60, HOUR + 60, "view", "plan", "pro"), 7, 3),
    }
    assert counter.counted_to == 10


@example(b"")
@example(b"\x94\x03\x00\x90\x90")
@given(st.binary())
def test_damaged_snapshot_is_refused_by_name(state: bytes) -> None:
    """A snapshot of another version or of nothing is a ValueError that names the partition."""
    with pytest.raises(ValueError, match="partition 3"):
        RollupCounter(PARTITION, GRACE, 10, state)
