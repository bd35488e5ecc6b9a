"""Breakdowns are compared as far as the guard lets anybody know: what cannot be true is found."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataflows.raw_cells import count_hours
from dataflows.rollup import RollupCounter
from dataflows.verify_breakdowns import Place, compare_breakdowns, gather
from schemas.rollup import OTHER, CellKey, Interval
from tests.dataflows.test_rollup import HOUR, _fields

PLACE = Place(1, Interval.HOUR, HOUR, "view")


def cells_of(fields: list[dict[str, Any]], guard: int) -> list[tuple[CellKey, int]]:
    """Cells of one hour, counted event by event."""
    counter = RollupCounter(0, 2**40, guard)
    for properties in fields:
        counter.count(0, 0, 1, [(HOUR, "view", properties, {})])
    return [cell for rows in counter.emit() for cell in rows.cells()]


@given(st.lists(_fields, max_size=12), st.integers(2, 4))
def test_what_a_guard_counted_is_never_called_wrong(fields: list[dict[str, Any]], guard: int) -> None:
    """Whatever was counted as `$other`."""
    expected = gather(cells_of(fields, 2**40))
    stored = gather(cells_of(fields, guard))
    for place in expected.keys() | stored.keys():
        assert compare_breakdowns(place, expected.get(place, {}), stored.get(place, {})) == []


@given(st.lists(_fields, min_size=1, max_size=8), st.integers(2, 4), st.data())
def test_a_cell_that_lacks_or_has_too_much_is_found(
    fields: list[dict[str, Any]], guard: int, data: st.DataObject
) -> None:
    """One cell changed by any number cannot be explained by the guard."""
    expected = gather(cells_of(fields, 2**40))
    cells = cells_of(fields, guard)
    breakdowns = [index for index, (key, _) in enumerate(cells) if key.dimension]
    if not breakdowns:
        return
    index = data.draw(st.sampled_from(breakdowns))
    key, total = cells[index]
    cells[index] = (key, data.draw(st.integers(0, total + 3).filter(lambda wrong: wrong != total)))
    stored = gather(cells)
    differences = [
        difference
        for place in expected.keys() | stored.keys()
        for difference in compare_breakdowns(place, expected.get(place, {}), stored.get(place, {}))
    ]
    assert {(each.bucket, each.event) for each in differences} == {(key.bucket, key.event)}


def test_a_difference_says_which_value() -> None:
    """A value that counts too often is named, and so is the property whose sum is wrong."""
    found = compare_breakdowns(PLACE, {"plan": {"a": 2, "b": 1}}, {"plan": {"a": 3, "b": 1}})
    assert [(each.dimension, each.value, each.raw, each.stored) for each in found] == [
        ("plan", "a", 2, 3),
        ("plan", "", 3, 4),
    ]
    missing = compare_breakdowns(PLACE, {"plan": {"a": 2}}, {OTHER: {OTHER: 1}})
    assert [(each.dimension, each.raw, each.stored) for each in missing] == [(OTHER, 2, 1)]


def test_hours_are_counted_one_by_one() -> None:
    """Each with the segments of the rebuild, and a version that is no offset."""
    from sinks.postgres.raw_events import RawEvent

    events = [RawEvent(1, "view", HOUR + 60 * minute, '{"a": "x"}', "{}", minute % 2) for minute in range(90)]
    hours = list(count_hours(events, [7, 9], 100))
    assert [(hour.begin, hour.events) for hour in hours] == [(HOUR, 60), (HOUR + 3600, 30)]
    rows = hours[0].rows()
    assert {(row.partition, row.segment, row.version) for row in rows} == {(0, 7, 0), (1, 9, 0)}
    totals = [
        total
        for row in rows
        for key, total in row.cells()
        if key.interval == Interval.HOUR and not key.dimension
    ]
    assert totals == [30, 30]
