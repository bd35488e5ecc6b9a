"""A dataflow process ends when one of its flows does, however that came about."""

import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from dataflows import run
from dataflows.options import DataflowOptions
from dataflows.run import run_dataflows
from event_log.port import EventLog
from event_log.sqlite import SQLiteEventLog
from schemas.limits import Limits


class RustPanic(BaseException):
    """What a panic in Bytewax or RocksDB arrives as: no Exception."""


def options_over(folder: Path) -> DataflowOptions:
    """Options of two partitions whose stores are never asked."""
    open_log: Callable[[], Awaitable[EventLog]] = partial(SQLiteEventLog.open, folder / "log", partitions=2)
    return DataflowOptions(
        partitions=(0, 1),
        open_log=open_log,
        postgres_dsn="postgresql://nobody@127.0.0.1:1/none",
        clickhouse_url="http://127.0.0.1:1/none",
        folder=folder / "dataflow",
        limits=Limits(),
        epoch=timedelta(seconds=0.5),
        grace_seconds=60,
        breakdown_values=100,
        dedup_days=8,
        max_rejected_ratio=1.0,
    )


def end_of_flows() -> None:
    """Wait for the flows that were still starting: what is patched must outlive them."""
    for thread in threading.enumerate():
        if thread.name.startswith("flow-"):
            thread.join(30)


@pytest.mark.parametrize("failure", [OSError("the folder is gone"), RustPanic("unable to receive")])
def test_whatever_ends_a_flow_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: BaseException
) -> None:
    """A flow that dies unheard would leave a process that looks alive and does nothing."""

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(run, "_run", fail)
    with pytest.raises(type(failure)):
        run_dataflows(options_over(tmp_path))
    end_of_flows()


def test_a_flow_that_returns_ends_the_process_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A log has no end."""
    monkeypatch.setattr(run, "_run", lambda *_: None)
    with pytest.raises(RuntimeError, match="ended by itself"):
        run_dataflows(options_over(tmp_path))
    end_of_flows()
