"""Alerts on drops and spikes."""

from datetime import timedelta
from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("sudden_change.py"))


def purchases(test: FlowTest, number: int) -> None:
    """Let five minutes pass in which so many people buy something."""
    test.feed(*(event("purchase", distinct_id=f"user-{index}", at=test.now) for index in range(number)))
    test.advance(timedelta(minutes=5))


def test_a_drop_is_told_once_and_its_end_once() -> None:
    """Raised below half of the usual, cleared above seven tenths; in between nothing is said again."""
    test = FlowTest(flow)
    for number in (40, 42, 38, 40, 41, 39, 10, 12, 22, 36, 40):
        purchases(test, number)
    test.advance(timedelta(minutes=3))
    raised, cleared = test.rows("webhook")
    assert (raised["state"], raised["value"], raised["by"]) == ("raised", 10, {"event": "purchase"})
    assert (cleared["state"], cleared["value"]) == ("cleared", 36)
    assert raised["alert_id"] == cleared["alert_id"]
    test.assert_crash_safe()


def test_a_spike_is_told_and_so_is_silence() -> None:
    """No event at all is the worst drop; of few events nothing is said."""
    test = FlowTest(flow)
    for number in (40, 40, 40, 40, 40, 40, 140, 40, 0, 40):
        purchases(test, number)
    test.advance(timedelta(minutes=3))
    assert [row["value"] for row in test.rows("webhook")] == [140, 40, 0, 40]
    few = FlowTest(flow)
    for number in (4, 4, 4, 4, 4, 4, 0, 40):
        purchases(few, number)
    few.advance(timedelta(minutes=3))
    assert few.rows("webhook") == []
