"""Steps over all partitions: totals of windows, and the largest of them."""

from heapq import nsmallest
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream

from dataflows.kit.flow import current_runtime
from dataflows.kit.rows import EVERYWHERE, Rows, Window, WindowRows, Windows
from dataflows.kit.sinks.row_columns import columns_of
from dataflows.kit.steps import run_step
from dataflows.kit.total_counter import TotalCounter


@operator
def total_windows(step_id: str, up: Windows, *, zeros: int = 10) -> KeyedStream[Rows[Window]]:
    """Add up the windows of all partitions: each window once, in order, when all partitions have passed it.

    Events that come later are not in it; they are in the windows' own rows. A partition in which nothing happens
    is told the time, so that it holds nothing back for more than seconds.

    Args:
        step_id: unique name.
        up: windows as they grow.
        zeros: windows in a row for which a key without events has a total of nothing, before it is forgotten.
    """
    runtime = current_runtime()
    runtime.want_ticks()
    partitions = runtime.partitions
    everywhere = op.map("together", up, lambda item: (EVERYWHERE, item[1]))
    return run_step("add", everywhere, lambda state: _TotalStep(TotalCounter(partitions, zeros, state)))


class _TotalStep:
    def __init__(self, counter: TotalCounter) -> None:
        self._counter = counter

    def take(self, values: list[WindowRows]) -> list[Rows[Window]]:
        return [totals for rows in values for totals in self._counter.add(rows)]

    def snapshot(self) -> bytes:
        return self._counter.snapshot()


@operator
def top_k(
    step_id: str, up: KeyedStream[Rows[Window]], *, by: str, k: int
) -> KeyedStream[Rows[dict[str, Any]]]:
    """Keep of each window and project the ``k`` keys that are largest by one of the values.

    A row has the window's columns and its ``rank``, from 1. For the largest over all partitions, give it what
    :func:`total_windows` returns.

    Args:
        step_id: unique name.
        up: windows, each once.
        by: name of a value.
        k: how many.
    """
    return op.map_value("rank", up, lambda rows: rows.holding(list(_ranked(rows.rows, by, k))))


def _ranked(windows: list[Window], by: str, k: int) -> list[dict[str, Any]]:
    groups: dict[tuple[int, int], list[Window]] = {}
    for window in windows:
        groups.setdefault((window.project_id, window.start), []).append(window)
    return [
        {**columns_of(window), "rank": rank}
        for group in groups.values()
        for rank, window in enumerate(
            nsmallest(k, group, key=lambda window: (-window.values[by], repr(window.key))), 1
        )
    ]
