"""When a flow has caught up, and how far it is until then."""

from datetime import UTC, datetime

from dataflows.kit.progress import FlowProgress
from smolhog.flow_catch_up import Amount, CatchUpGauge

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def part(
    partition: int,
    next_offset: int,
    end: int | None,
    phase: str = "live",
    done: int = 0,
    total: int | None = None,
) -> FlowProgress:
    """What is stored of one partition."""
    return FlowProgress("f", 1, str(partition), phase, next_offset, end, None, done, total, NOW, log_id=1)


def test_the_end_of_the_log_at_first_sight_is_the_goal() -> None:
    """What arrives meanwhile is followed, not waited for; both partitions have to be seen."""
    gauge = CatchUpGauge(partitions=2)
    assert not gauge.look([]).is_done
    assert not gauge.look([part(0, 10, 10)]).is_done
    first = gauge.look([part(0, 10, 10), part(1, 40, 90)])
    assert (first.messages, first.is_done) == (Amount(0, 50), False)
    later = gauge.look([part(0, 15, 20), part(1, 60, 200)])
    assert (later.messages, later.is_done) == (Amount(20, 50), False)
    last = gauge.look([part(0, 15, 20), part(1, 90, 200)])
    assert (last.messages, last.is_done) == (Amount(50, 50), True)


def test_raw_events_come_before_the_log() -> None:
    """Each partition goes over from one to the other when it has them all."""
    gauge = CatchUpGauge(partitions=2)
    first = gauge.look([part(0, 5, 9, "backfill", 100, 200), part(1, 5, 9, "backfill", 0, 300)])
    assert (first.events, first.messages) == (Amount(100, 500), None)
    second = gauge.look([part(0, 7, 9, "live", 3, None), part(1, 5, 9, "backfill", 10, 300)])
    assert (second.events, second.messages, second.is_done) == (Amount(210, 500), Amount(0, 2), False)
    assert gauge.look([part(0, 9, 9), part(1, 9, 9)]).is_done


def test_a_total_that_nobody_knows_is_none() -> None:
    """A file is counted when it has been read; then the flow is done."""
    gauge = CatchUpGauge(partitions=1)
    assert gauge.look([part(0, 5, None, "backfill", 7, None)]).events == Amount(7, None)
    done = gauge.look([part(0, 9, None, "done", 9, 9)])
    assert (done.events, done.is_done) == (Amount(9, 9), True)
