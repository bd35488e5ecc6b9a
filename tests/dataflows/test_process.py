"""When a partition hands on what it counted."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dataflows.process import EMIT_ALL_EVERY, EMIT_ALL_LATEST, pause_after


@given(st.integers(0, 10**7))
def test_many_cells_are_emitted_less_often(cells: int) -> None:
    """Few go out every second; thousands wait, though never longer than a page's reader would."""
    pause = pause_after(cells)
    assert EMIT_ALL_EVERY <= pause <= EMIT_ALL_LATEST
    assert pause_after(cells + 1) >= pause


def test_a_quiet_project_waits_a_second() -> None:
    """A thousand cells are nothing."""
    assert pause_after(1_000) == timedelta(seconds=1)
