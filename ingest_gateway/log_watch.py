"""Measures the event log from where it always is in sight: the gateway runs when dataflows are down."""

import asyncio
from datetime import timedelta

import structlog

from event_log.errors import EventLogUnavailable
from event_log.port import EventLog
from smolhog.metrics import LOG_END_OFFSET, LOG_OLDEST_OFFSET, LOG_RETENTION_SECONDS

EVERY_SECONDS = 5.0
_log = structlog.get_logger()


async def watch_log(log: EventLog, retention: timedelta, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Keep the metrics of the log's bounds up to date, until cancelled.

    While the log cannot be reached they stay as they were last seen.

    Args:
        log: open; stays the caller's to close.
        retention: age at which it forgets messages.
        every_seconds: pause between two looks.
    """
    LOG_RETENTION_SECONDS.set(retention.total_seconds())
    while True:
        try:
            await measure_log(log)
        except EventLogUnavailable as error:
            _log.debug("event log not measured", reason=str(error))
        await asyncio.sleep(every_seconds)


async def measure_log(log: EventLog) -> None:
    """Look at each partition once.

    Raises:
        EventLogUnavailable: the log cannot be reached.
    """
    for partition in range(log.partitions):
        labels = (str(log.log_id), str(partition))
        # In this order: the end never lies before the oldest message that was seen.
        oldest = await log.oldest(partition)
        LOG_OLDEST_OFFSET.labels(*labels).set(oldest)
        LOG_END_OFFSET.labels(*labels).set(await log.end(partition))
