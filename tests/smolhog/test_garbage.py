"""What was imported is not looked at again by the cycle collector, for as long as a server runs."""

import gc

import pytest

from smolhog.garbage import spared_collections


@pytest.mark.parametrize("rare", [False, True])
def test_full_collections_leave_out_what_exists(*, rare: bool) -> None:
    """And afterwards everything is as it was, for tests that run a server in their own process."""
    before = gc.get_threshold()
    with spared_collections(rare=rare):
        assert gc.get_freeze_count() > 10_000
        assert (gc.get_threshold()[0] >= 100 * before[0]) is rare
        made = [[number] for number in range(1_000)]
        assert len(gc.get_objects()) < 10_000 + len(made)
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before
