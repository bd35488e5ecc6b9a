"""How far stores and flows have come, as metrics: known to PostgreSQL also while no dataflow runs."""

from typing import Any

from query_api.errors import StoreUnavailable
from query_api.freshness import Freshness
from query_api.sql import FLOW_POSITIONS, FLOW_STARTS, STORED_POSITIONS
from smolhog import metrics


async def show_positions(freshness: Freshness) -> None:
    """Ask PostgreSQL and set the metrics; while it is away there are none, and no old ones either."""
    stored = await _rows(freshness, STORED_POSITIONS)
    metrics.STORED_OFFSET.clear()
    metrics.STORED_TIME.clear()
    for log_id, partition, next_offset, log_time in stored:
        labels = (str(log_id), str(partition))
        metrics.STORED_OFFSET.labels(*labels).set(next_offset)
        if log_time is not None:
            metrics.STORED_TIME.labels(*labels).set(log_time.timestamp())
    await _show_flows(freshness)


async def _show_flows(freshness: Freshness) -> None:
    positions = await _rows(freshness, FLOW_POSITIONS)
    starts = await _rows(freshness, FLOW_STARTS)
    metrics.FLOW_DONE_OFFSET.clear()
    metrics.FLOW_DONE_TIME.clear()
    metrics.FLOW_STARTS.clear()
    for flow, log_id, partition, next_offset, log_time in positions:
        labels = (flow, str(log_id), partition)
        metrics.FLOW_DONE_OFFSET.labels(*labels).set(next_offset)
        if log_time is not None:
            metrics.FLOW_DONE_TIME.labels(*labels).set(log_time.timestamp())
    for flow, number in starts:
        metrics.FLOW_STARTS.labels(flow).set(number)


async def _rows(freshness: Freshness, statement: str) -> list[tuple[Any, ...]]:
    try:
        return await freshness.rows(statement)
    except StoreUnavailable:  # logged where it was raised
        return []
