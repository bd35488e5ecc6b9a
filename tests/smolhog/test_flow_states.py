"""How flows are, from what is stored of them."""

from datetime import UTC, datetime, timedelta

from dataflows.kit.progress import FlowProgress
from smolhog.flow_runs import FlowRun
from smolhog.flow_states import FlowState, flow_states

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    """A moment of before."""
    return NOW - timedelta(seconds=seconds)


def part(flow: str = "revenue", *, version: int = 1, phase: str = "live", seen: float = 1) -> FlowProgress:
    """A partition of which 20 of 120 messages are missing, the newest of the others two minutes old."""
    return FlowProgress(flow, version, "0", phase, 100, 120, ago(120), 7, 9, ago(seen), log_id=1)


def run(flow: str = "revenue", *, started: float = 3600, failed: float | None = None) -> FlowRun:
    """A flow that was started three times."""
    failed_at = None if failed is None else ago(failed)
    return FlowRun(flow, 3, ago(started), 2, failed_at, None if failed is None else "no such column")


def state(runs: list[FlowRun], progress: list[FlowProgress], configured: tuple[str, ...] = ()) -> FlowState:
    """The state of the only flow."""
    (found,) = flow_states(configured, runs, progress, NOW)
    return found


def test_a_flow_that_stores_its_progress_runs_and_says_what_waits() -> None:
    """Messages, and the age of the newest that is done: nothing that waits is older."""
    found = state([run()], [part()], ("revenue",))
    assert (found.state, found.is_configured, found.behind, found.waits_seconds) == ("runs", True, 20, 120)
    assert found.backfill_done is None
    assert found.starts == 3


def test_a_flow_that_fell_silent_is_stopped() -> None:
    """It was killed, or stopped by somebody: nobody knows, and there is no reason to show."""
    found = state([run()], [part(seen=60)])
    assert (found.state, found.reason) == ("stopped", "")


def test_a_flow_that_fails_says_why_also_while_it_is_started_again() -> None:
    """A start clears nothing: only a minute without a failure does."""
    assert state([run(failed=600, started=601)], []).state == "fails"
    again = state([run(failed=5, started=4)], [part()])
    assert (again.state, again.reason, again.failures) == ("fails", "no such column", 2)
    assert state([run(failed=600, started=599)], [part()]).state == "runs"


def test_only_the_newest_version_counts() -> None:
    """What an older one left is nobody's lag."""
    old, new = part(version=1, seen=9999), part(version=2)
    assert (state([run()], [old, new]).version, state([run()], [old, new]).behind) == (2, 20)


def test_a_backfill_says_how_far_it_is_and_files_end() -> None:
    """In events, of all partitions."""
    found = state([run()], [part(phase="backfill")])
    assert (found.state, found.backfill_done, found.backfill_total) == ("runs", 7, 9)
    assert state([run()], [part(phase="done", seen=9999)]).state == "ended"


def test_a_flow_of_the_settings_that_nobody_saw_never_ran() -> None:
    """Its name is all that is known."""
    assert state([], [], ("revenue",)) == FlowState("revenue", "never ran", is_configured=True)
