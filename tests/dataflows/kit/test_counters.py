"""The counters by themselves: any order, any restart, any lateness comes to the numbers of brute force."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataflows.kit import count, distinct_of, max_of, mean_of, prop, sum_of, top_of
from dataflows.kit.alerts import AlertRules
from dataflows.kit.batch import EventBatch, EventColumns
from dataflows.kit.rows import Rows, Window, WindowRows
from dataflows.kit.total_counter import TotalCounter
from dataflows.kit.window_counter import OTHER, WindowCounter, steps_of
from dataflows.kit.window_spec import WindowShape, WindowSpec

BEGIN = 1_767_268_800  # 2026-01-01 12:00 UTC
X = prop("x")
SHAPE = WindowShape(("name",), {"n": count(), "x": sum_of(prop("x"))})
COUNTED = WindowShape(("name",), {"n": count()})
SPEC = WindowSpec(SHAPE, (lambda batch: batch.names,), 60, 60, 30, 1000)


def batch(partition: str, offset: int, log_time: float, events: list[tuple[int, str, Any]]) -> EventBatch:
    """A message of events: seconds since the beginning, name, property x."""
    number = len(events)
    times = [datetime.fromtimestamp(BEGIN + seconds, UTC) for seconds, _, _ in events]
    columns = EventColumns(
        list(range(number)),
        [1] * number,
        [""] * number,
        [name for _, name, _ in events],
        ["ann"] * number,
        times,
        times,
        [None] * number,
        [{"x": x} for _, _, x in events],
    )
    return EventBatch(partition, offset, BEGIN + log_time, columns)


events_of_message = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("ab"), st.integers(0, 9)), min_size=0, max_size=4
)
logs = st.lists(
    st.tuples(st.integers(0, 500), events_of_message, st.booleans()), min_size=1, max_size=12
)  # time of arrival, events, whether the process dies after it


@given(logs)
def test_newest_versions_add_up_to_what_brute_force_counts(
    log: list[tuple[int, list[tuple[int, str, int]], bool]],
) -> None:
    """And windows are closed at the same places whatever restarts there were."""
    newest: dict[Any, Window] = {}
    closed: list[list[list[Window]]] = []
    for restarts in (False, True):
        counter = WindowCounter(SPEC)
        closed.append([])
        for offset, (arrival, events, dies) in enumerate(log):
            closed[-1].append(counter.count(batch("0", offset, arrival, events)))
            for window in [*closed[-1][-1], *counter.take_changed()]:
                newest[window.key, window.start, window.segment] = window
            if dies and restarts:
                counter = WindowCounter(SPEC, counter.snapshot())
    assert closed[0] == closed[1]
    found: Counter[Any] = Counter()
    for (key, start, _), window in newest.items():
        found[start, key[1]] += window.values["n"] * 1000 + window.values["x"]
    expected: Counter[Any] = Counter()
    for _, events, _ in log:
        for seconds, name, x in events:
            expected[(BEGIN + seconds) // 60 * 60, name] += 1000 + x
    assert found == expected


@given(st.lists(logs, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_totals_do_not_depend_on_how_partitions_come_between_each_other(
    partitions: list[list[tuple[int, list[tuple[int, str, int]], bool]]], chance: Any
) -> None:
    """Nor on restarts; each window comes once, in order."""
    names = tuple(str(number) for number in range(len(partitions)))
    items: dict[str, list[WindowRows]] = defaultdict(list)
    for name, log in zip(names, partitions, strict=True):
        counter = WindowCounter(SPEC)
        for offset, (arrival, events, _) in enumerate([*log, (10_000, [], False)]):
            closed = counter.count(batch(name, offset, arrival, events))
            rows = [(offset, closed)] if closed else []
            items[name].append(WindowRows(name, offset, counter.log_time, counter.take_changed(), rows, SPEC))

    def run(*, shuffled: bool) -> list[Rows[Window]]:
        totals = TotalCounter(names, zeros=2)
        left = {name: list(rows) for name, rows in items.items()}
        found: list[Rows[Window]] = []
        while any(left.values()):
            name = (
                chance.choice([name for name in names if left[name]])
                if shuffled
                else next(filter(left.get, names))
            )
            found += totals.add(left[name].pop(0))
            if shuffled and chance.random() < 0.3:
                totals = TotalCounter(names, 2, totals.snapshot())
        return found

    expected = run(shuffled=False)
    assert run(shuffled=True) == expected
    starts = [rows.rows[0].start for rows in expected]
    assert starts == sorted(set(starts))


@given(
    st.lists(
        st.lists(st.integers() | st.floats(allow_nan=False) | st.text(max_size=3), max_size=4), max_size=6
    )
)
@example([[2**63, 2**63, 2**64], [-(2**70)], [10**400, "", 1.5]])
def test_numbers_of_any_size_are_kept_over_a_restart(messages: list[list[Any]]) -> None:
    """JSON has integers of any size; what cannot be kept as one is a float, or text where it is a key."""
    shape = WindowShape(
        ("x",),
        {"n": count(), "sum": sum_of(X), "mean": mean_of(X), "max": max_of(X), "d": distinct_of(X)},
    )
    spec = WindowSpec(shape, (X,), 60, 60, 30, 1000)
    counters = WindowCounter(spec), WindowCounter(spec)
    closed: list[list[Any]] = [[], []]
    for offset, values in enumerate([*messages, []]):
        arrival = 500.0 if offset == len(messages) else 1.0
        for number, counter in enumerate(counters):
            events = [(1, "a", value) for value in values]
            windows = counter.count(batch("0", offset, arrival, events))
            closed[number] += [(window.key, window.values) for window in windows]
        counters = counters[0], WindowCounter(spec, counters[1].snapshot())
    assert closed[0] == closed[1]
    assert sum(values["n"] for _, values in closed[0]) == sum(map(len, messages))


def test_alerts_forget_keys_that_are_seen_no_more() -> None:
    """However long the history; what is remembered, and a raised alert, outlives restarts."""

    def rules(state: bytes | None = None) -> AlertRules:
        return AlertRules(
            "s",
            "n",
            lambda v, before: sum(before) + v > 5,
            lambda v, _: v > 8,
            history=20,
            after=1,
            state=state,
        )

    judge = rules()
    sizes, found = [], []
    for minute in range(2_000):
        keys = [(f"k{minute}", 1), ("often", minute % 2), ("raised", 6)][: 3 if minute == 0 else 2]
        windows = [
            Window((1, key), minute * 60, minute * 60 + 60, "all", 0, 0, [number], COUNTED)
            for key, number in keys
        ]
        found += [
            alert.by["name"]
            for rows in judge.take([Rows("all", minute, 0.0, windows)])
            for alert in rows.rows
        ]
        if minute % 10 == 0:
            judge = rules(judge.snapshot())
            judge = rules(judge.snapshot())
            sizes.append(len(judge.snapshot()))
    assert max(sizes) < 2_000
    assert found == ["raised", "often"]
    back = Window((1, "raised"), 120_000, 120_060, "all", 0, 0, [9], COUNTED)
    ((cleared,),) = [rows.rows for rows in judge.take([Rows("all", 2_000, 0.0, [back])])]
    assert (cleared.state, cleared.alert_id) == ("cleared", "s/1/raised/0")


def test_keys_beyond_the_most_count_together() -> None:
    """And so do values that are no key."""
    spec = WindowSpec(WindowShape(("x",), {"n": count()}), (prop("x"),), 60, 60, 0, 2)
    counter = WindowCounter(spec)
    counter.count(batch("0", 0, 0, [(0, "a", 1), (0, "a", 2), (0, "a", [3]), (0, "a", 4), (0, "a", 1)]))
    assert {window.key[1]: window.values["n"] for window in counter.take_changed()} == {1: 2, 2: 1, OTHER: 2}


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=20), st.sampled_from([1, 7, 60, 3600]))
def test_steps_are_multiples_below_each_time(seconds: list[int], every: int) -> None:
    """However far apart times are."""
    times = [datetime.fromtimestamp(BEGIN + each, UTC) for each in seconds]
    assert steps_of(times, every) == [(BEGIN + each) // every * every for each in seconds]


@pytest.mark.parametrize(("number", "error"), [(500, 0.0), (50_000, 0.08)])
def test_distinct_values_are_counted_exactly_while_few_and_closely_when_many(
    number: int, error: float
) -> None:
    """In whatever shares they come."""
    aggregate = distinct_of("distinct_id")
    state = aggregate.of(())
    for begin in range(0, number, 100):
        state = aggregate.merge(state, aggregate.of(range(max(0, begin - 50), begin + 100)))
    assert abs(aggregate.value(state) - number) <= number * error


def test_the_most_frequent_values_survive_a_flood_of_rare_ones() -> None:
    """Memory is bounded, and a count is never too large."""
    aggregate = top_of("event", 2, most=50)
    state = aggregate.of(())
    for number in range(300):
        state = aggregate.merge(state, aggregate.of(["usual", "usual", "second", f"rare {number}"]))
    assert len(state) <= 100
    assert aggregate.value(state) == [("usual", 600), ("second", 300)]
