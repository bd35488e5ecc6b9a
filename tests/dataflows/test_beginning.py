"""Where a dataflow without state begins when the log has forgotten its first messages."""

from datetime import UTC, datetime, timedelta

import pytest

from dataflows.beginning import Beginning
from event_log.errors import OffsetGone
from sinks.clickhouse.writer import WrittenTo


def beginning(
    stored: int, whole: int, counted: int | None = None, done: list[tuple[object, ...]] | None = None
) -> Beginning:
    """What the stores hold of partition 3; writes down what is done before it is begun."""
    done = [] if done is None else done
    log_time = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    written = WrittenTo(whole, whole if counted is None else counted)
    return Beginning(
        3,
        stored,
        log_time,
        lambda: written,
        timedelta(seconds=120),
        remember=lambda begin, end: done.append(("remember", begin, end)),
        settle=lambda: done.append(("settle",)),
    )


@pytest.mark.parametrize(
    ("stored", "whole", "oldest", "begin", "counted_to"),
    [
        pytest.param(0, 99, 7, 7, 0, id="nothing was ever stored: where the log begins"),
        pytest.param(50, 50, 7, 50, 50, id="both stores as far: after that"),
        pytest.param(50, 40, 7, 40, 40, id="ClickHouse behind: read again what it lacks"),
        pytest.param(50, 40, 45, 45, 40, id="and as much of it as the log has"),
        pytest.param(50, 60, 7, 50, 60, id="ClickHouse ahead: stored again, not counted again"),
        pytest.param(50, 0, 7, 7, 0, id="ClickHouse empty: all that there is"),
        pytest.param(50, 50, 50, 50, 50, id="the log holds nothing that was stored"),
    ],
)
def test_it_begins_with_what_a_store_lacks(
    stored: int, whole: int, oldest: int, begin: int, counted_to: int
) -> None:
    """And says from where on to count, so that nothing counts twice."""
    found = beginning(stored, whole)
    assert found.skip_to(OffsetGone(3, 0, oldest)) == begin
    assert found.counted_to == counted_to


def test_the_ids_before_are_learned_and_then_older_state_is_kept_out() -> None:
    """In this order: one killed between the two begins anew. With nothing stored there is neither."""
    done: list[tuple[object, ...]] = []
    beginning(50, 40, done=done).skip_to(OffsetGone(3, 0, 7))
    assert done == [("remember", 7, 40), ("settle",)]
    beginning(0, 0, done=done).skip_to(OffsetGone(3, 0, 7))
    assert len(done) == 2


def test_what_is_counted_but_not_whole_is_written_again() -> None:
    """Cells come before events: one killed between the two has counted what the columnar copy lacks."""
    found = beginning(50, 40, 48)
    assert found.skip_to(OffsetGone(3, 0, 7)) == 40
    assert found.counted_to == 48


def test_messages_that_were_never_stored_are_not_passed_over() -> None:
    """The error names where the stores are, and what the log still has."""
    with pytest.raises(OffsetGone) as raised:
        beginning(50, 50).skip_to(OffsetGone(3, 0, 51))
    assert (raised.value.asked, raised.value.oldest) == (50, 51)
