"""Control messages and rebuilds keep the algebra of the rollups: every event counts once, come what may."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from dataflows.rollup import RollupCounter
from schemas.rollup import CellKey
from sinks.clickhouse.rollup_rows import REPLACED_VERSION
from tests.dataflows.test_rollup import (
    GRACE,
    HOUR,
    PARTITION,
    Epochs,
    Log,
    Moves,
    Store,
    _messages,
    _moves,
    check,
    message,
    view,
)

_LIMIT = 3


@dataclass(frozen=True)
class Close:
    """A control message; with `rebuilds`, what it closes is counted anew, if that is not killed first."""

    project_id: int | None
    begin: int
    end: int
    rebuilds: bool


_closes = st.builds(
    lambda project, begin, hours, rebuilds: Close(
        project, HOUR + 3600 * begin, HOUR + 3600 * (begin + hours), rebuilds
    ),
    st.sampled_from([None, 1, 2]),
    st.integers(-11, 2),
    st.integers(0, 12),
    st.booleans(),
)
_logs = st.lists(st.one_of(_messages, _closes), max_size=12)


def process(log: list[object], moves: Moves, kills: list[bool]) -> Store:
    """Count a log with controls; after each message comes the next move; rebuilds happen between messages."""
    store = Store()
    counter = RollupCounter(PARTITION, GRACE, _LIMIT)
    epochs = Epochs(store)
    rebuilt: set[int] = set()
    todo, killed = iter(moves), iter(kills)
    at = 0
    while at < len(log):
        entry = log[at]
        if isinstance(entry, Close):
            counter.close(at, entry.project_id, entry.begin, entry.end)
        else:
            for batch in entry:  # type: ignore[attr-defined]
                counter.count(at, batch.received_at, batch.project_id, batch.events)
        at += 1
        counter.advance(at)
        if isinstance(entry, Close) and entry.rebuilds and at - 1 not in rebuilt:
            # What a rebuild waits for: the dataflow has emitted all that came before.
            rebuilt.add(at - 1)
            epochs.emit(counter.emit())
            epochs.arrive(len(epochs.snapshots) + 1)
            rebuild(store, log, at - 1, entry, only_half=next(killed, False))
        match next(todo, "go on"):
            case "emit":
                epochs.emit(counter.emit())
            case "snapshot":
                epochs.snapshots.append((at, counter.snapshot()))
            case ("crash", back, behind, loses):
                at, state = epochs.crash(back, behind, loses=loses)
                counter = RollupCounter(PARTITION, GRACE, _LIMIT, state)
    epochs.emit(counter.emit())
    epochs.arrive(len(epochs.snapshots) + 1)
    assert not counter.has_changes
    return store


def rebuild(store: Store, log: list[object], end: int, control: Close, *, only_half: bool) -> None:
    """Replace the rows of all segments before the control; hour by hour, as far as it gets."""
    hours = range(control.begin, control.end, 3600)
    for hour in list(hours)[: len(hours) // 2] if only_half else hours:

        def inside(key: CellKey, hour: int = hour) -> bool:
            return control.project_id in (None, key.project_id) and hour <= key.bucket < hour + 3600

        counter = RollupCounter(PARTITION, 2**40, _LIMIT)
        for entry in log[:end]:
            for batch in () if isinstance(entry, Close) else entry:  # type: ignore[attr-defined]
                counter.count(end, 0, batch.project_id, batch.events)
        for place in list(store.rows):
            if inside(place[0]) and place[2] < end:
                store.put(place, REPLACED_VERSION, 0)
        for rows in counter.emit():
            for key, total in rows.cells():
                if inside(key):
                    store.put((key, rows.partition, rows.segment), 0, total)


def events_of(log: list[object]) -> Log:
    """The messages that hold events."""
    return [entry for entry in log if not isinstance(entry, Close)]  # type: ignore[misc]


@example([message(view()), Close(None, HOUR, HOUR + 3600, rebuilds=True), message(view())], [], [])
@example(
    [message(view()), Close(None, HOUR, HOUR + 3600, rebuilds=True), message(view())],
    ["snapshot", "go on", "go on", ("crash", 0, 0, False), "emit", ("crash", 1, 0, False)],
    [],
)
@given(_logs, _moves, st.lists(st.booleans(), max_size=4))
def test_closed_and_rebuilt_cells_are_those_of_brute_force(
    log: list[object], moves: Moves, kills: list[bool]
) -> None:
    """Whatever is closed, counted anew, killed half way and replayed, nothing is lost or counted twice."""
    check(events_of(log), process(log, moves, kills).cells(), _LIMIT)


@given(_logs, _moves, _moves)
def test_controls_act_by_the_log_alone(log: list[object], moves: Moves, others: Moves) -> None:
    """Two runs over the same log come to the same segments and values, however they went."""
    closing = [
        Close(entry.project_id, entry.begin, entry.end, rebuilds=False) if isinstance(entry, Close) else entry
        for entry in log
    ]
    assert process(closing, moves, []).totals() == process(closing, others, []).totals()


def test_an_event_after_a_control_opens_a_new_segment() -> None:
    """So all that opened before it can be replaced."""
    log: list[object] = [message(view()), Close(1, HOUR, HOUR + 3600, rebuilds=False), message(view())]
    segments = Counter(segment for _, _, segment in process(log, [], []).totals())
    assert segments == {0: 2, 2: 2}


def test_what_is_counted_already_is_left_out() -> None:
    """A counter that begins in the middle of what a store holds adds only what the store lacks."""
    store = Store()
    first = RollupCounter(PARTITION, GRACE, _LIMIT)
    for offset in range(4):
        first.count(offset, HOUR, 1, [view()])
    store.insert(first.emit())
    second = RollupCounter(PARTITION, GRACE, _LIMIT, counted_to=4)
    for offset in range(2, 8):
        second.count(offset, HOUR, 1, [view()])
        second.advance(offset + 1)
    resumed = RollupCounter(PARTITION, GRACE, _LIMIT, second.snapshot())
    assert resumed.counted_to == 8
    store.insert(resumed.emit())
    assert set(store.cells().values()) == {8}
