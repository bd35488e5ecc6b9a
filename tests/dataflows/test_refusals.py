"""A dataflow stops when it refuses more than chance explains."""

import pytest

from dataflows.errors import TooManyRejected
from dataflows.refusals import WINDOW, RefusalWatch


def test_it_looks_at_ten_thousand_events_before_it_says_anything() -> None:
    """A short run of refusals is no sign; a long one is."""
    watch = RefusalWatch(3, 0.5)
    watch.add(WINDOW - 1, WINDOW - 1)
    with pytest.raises(TooManyRejected, match=r"partition 3: 9,999 of the last 10,000 events"):
        watch.add(1, 0)


def test_only_the_last_events_count() -> None:
    """Millions of good events do not hide that none passes any more."""
    watch = RefusalWatch(0, 0.5)
    for _ in range(100):
        watch.add(WINDOW, WINDOW // 2)
    with pytest.raises(TooManyRejected):
        watch.add(WINDOW, WINDOW // 2 + 1)


def test_a_ratio_of_one_never_stops() -> None:
    """Whoever wants everything refused gets that; any lower ratio ends it."""
    RefusalWatch(0, 1.0).add(WINDOW, WINDOW)
    with pytest.raises(TooManyRejected):
        RefusalWatch(0, 0.99).add(WINDOW, WINDOW)
