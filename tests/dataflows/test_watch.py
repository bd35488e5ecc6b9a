"""What a dataflow's watch measures, over a real log and a real index."""

from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from dataflows.dedup_index import RocksDedupIndex
from dataflows.lag import Progress
from dataflows.watch import DataflowWatch, show_counters, watched
from event_log.blocking import BlockingLog
from event_log.errors import EventLogUnavailable
from event_log.port import EventLog
from event_log.sqlite import SQLiteEventLog
from tests.dataflows.running_flow import wait_until


def value(name: str, partition: int) -> float | None:
    """Return what a metric of a partition says now."""
    return REGISTRY.get_sample_value(name, {"partition": str(partition)})


async def append(folder: Path, count: int) -> None:
    """Append messages to partition 0 of a log."""
    log = await SQLiteEventLog.open(folder, partitions=1)
    for number in range(count):
        await log.append(0, b"%d" % number)
    await log.close()


async def test_a_look_measures_log_index_and_disk(tmp_path: Path) -> None:
    """Lag in messages, how far back a restart would begin, ids, and a bound that the disk sets."""
    await append(tmp_path / "log", 7)
    index = RocksDedupIndex(tmp_path / "dedup", 8)
    index.put({number.to_bytes(20, "big"): bytes(12) for number in range(500)})
    progress = Progress(next_offset=3, log_time=None, snapshot_at=0.0)
    with BlockingLog(partial(SQLiteEventLog.open, tmp_path / "log", partitions=1)) as log:
        DataflowWatch(0, log, progress, index, tmp_path).look()
        assert value("smolhog_lag_messages", 0) == 4
        assert (value("smolhog_recovery_age_seconds", 0) or 0) > 1e9
        assert value("smolhog_dedup_index_ids", 0) == 500
        bound, size = value("smolhog_dedup_index_bound_bytes", 0), value("smolhog_dedup_index_bytes", 0)
        assert bound is not None
        assert size is not None
        assert bound > size >= 0
        progress.stored(7, 1.0, now=5.0)
        watch = DataflowWatch(0, log, progress, index, tmp_path)
        with watched(watch):
            wait_until(lambda: value("smolhog_lag_messages", 0) == 0, "the watch's first look")
        assert value("smolhog_recovery_age_seconds", 0) == 0
    index.close()


def test_a_log_that_is_away_changes_nothing(tmp_path: Path) -> None:
    """Lag stays as it was last known; the index is measured all the same."""

    async def away() -> EventLog:
        raise EventLogUnavailable("the test says so")

    index = RocksDedupIndex(tmp_path / "dedup", 8)
    with BlockingLog(away) as log:
        watch = DataflowWatch(41, log, Progress(0, None, 0.0), index, tmp_path)
        with pytest.raises(EventLogUnavailable):
            watch.look()
    assert value("smolhog_lag_messages", 41) is None
    assert value("smolhog_dedup_index_ids", 41) == 0
    index.close()


def test_counters_say_zero_from_the_start() -> None:
    """A rate needs two values; the first event ever should show."""
    show_counters(42)
    for name in ("processed", "deduplicated", "late"):
        assert value(f"smolhog_events_{name}_total", 42) == 0
