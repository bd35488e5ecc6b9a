"""The gateway measures the log's bounds, whatever dataflows do."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from event_log.errors import EventLogUnavailable
from event_log.sqlite import SQLiteEventLog
from ingest_gateway.log_watch import measure_log, watch_log
from tests.dataflows.running_flow import wait_until
from tests.ingest_gateway.running import HeldLog


def bound(name: str, log_id: int, partition: int) -> float | None:
    """Return a bound of a partition as it is shown."""
    labels = {"log": str(log_id), "partition": str(partition)}
    return REGISTRY.get_sample_value(f"smolhog_log_{name}_offset", labels)


async def test_both_ends_of_each_partition_are_shown(tmp_path: Path) -> None:
    """Also after the oldest messages were dropped."""
    log = await SQLiteEventLog.open(tmp_path, partitions=2)
    for number in range(5):
        await log.append(1, b"%d" % number)
    await log.trim(1, 2)
    await measure_log(log)
    assert (bound("oldest", log.log_id, 0), bound("end", log.log_id, 0)) == (0, 0)
    assert (bound("oldest", log.log_id, 1), bound("end", log.log_id, 1)) == (2, 5)
    await log.close()


async def test_it_goes_on_after_the_log_was_away() -> None:
    """While it is, the last numbers stay."""
    log = HeldLog()
    log.gate.set()
    log.failing.add(0)
    with pytest.raises(EventLogUnavailable):
        await measure_log(log)
    watch = asyncio.create_task(watch_log(log, timedelta(hours=2), every_seconds=0.01))
    log.failing.clear()
    await log.append(0, b"x")
    await asyncio.to_thread(wait_until, lambda: bound("end", log.log_id, 0) == 1, "another look")
    assert REGISTRY.get_sample_value("smolhog_log_retention_seconds") == 7200
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
