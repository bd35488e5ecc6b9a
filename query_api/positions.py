"""How far the stores have come, as metrics: known to PostgreSQL also while no dataflow runs."""

from query_api.errors import StoreUnavailable
from query_api.freshness import Freshness
from query_api.sql import STORED_POSITIONS
from smolhog.metrics import STORED_OFFSET, STORED_TIME


async def show_positions(freshness: Freshness) -> None:
    """Ask PostgreSQL and set the metrics; while it is away there are none, and no old ones either."""
    try:
        rows = await freshness.rows(STORED_POSITIONS)
    except StoreUnavailable:  # logged where it was raised
        rows = []
    STORED_OFFSET.clear()
    STORED_TIME.clear()
    for log_id, partition, next_offset, log_time in rows:
        labels = (str(log_id), str(partition))
        STORED_OFFSET.labels(*labels).set(next_offset)
        if log_time is not None:
            STORED_TIME.labels(*labels).set(log_time.timestamp())
