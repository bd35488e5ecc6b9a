"""Measuring something several times: the best round counts, since whatever disturbs a round slows it."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from benchmarks.results import Result

T = TypeVar("T")


class Best:
    """The best round of each result, by name. A round that lost events stays: no other makes up for it."""

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}

    def add(self, result: Result) -> None:
        """Add a round."""
        held = self._results.get(result.name)
        if held is None or (held.holds and (not result.holds or result.per_second > held.per_second)):
            self._results[result.name] = result

    @property
    def results(self) -> list[Result]:
        """What to report, in the order of the first round."""
        return list(self._results.values())


def seconds_of(work: Callable[[], object]) -> float:
    """Do the work once; returns how long it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def side_by_side(work: Callable[[T], object], parts: Iterable[T]) -> None:
    """Do the work for every part at once, a thread for each; raises what the first of them raised."""
    each = list(parts)
    with ThreadPoolExecutor(max_workers=len(each)) as threads:
        list(threads.map(work, each))
