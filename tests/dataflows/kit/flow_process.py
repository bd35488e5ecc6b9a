"""Runs a flow as `smolhog flow run` does, for tests that kill it: its own process, real services.

python -m tests.dataflows.kit.flow_process FLOW_FILE DATA LOG_URL PARTITIONS POSTGRES CLICKHOUSE
"""

import os
import sys
from functools import partial
from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.run import FlowOptions, run_flow
from event_log.opening import open_event_log
from event_log.port import EventLog


async def open_stream(data: Path, log_url: str, name: str, partitions: int) -> EventLog:
    """Another log: in the data folder, or on the same broker."""
    if log_url.startswith("amqp"):
        return await open_event_log(log_url, partitions=partitions, prefix=name)
    return await open_event_log(f"sqlite:///{data / 'streams' / name}", partitions=partitions)


def main(arguments: list[str]) -> None:
    """Run it until killed."""
    file, data, log_url, partitions, postgres, clickhouse = arguments
    run_flow(
        load_flow(Path(file)),
        FlowOptions(
            data=Path(data),
            open_log=partial(open_event_log, log_url, partitions=int(partitions)),
            partitions=int(partitions),
            postgres_dsn=postgres,
            clickhouse_url=clickhouse,
            open_stream=partial(open_stream, Path(data), log_url),
            # A ledger tells its own time, which is not now.
            tick_seconds=float(os.environ.get("TICK_SECONDS", "3600")),
            # Several writes an epoch: most moments are after one that Bytewax knows nothing of yet.
            flush_rows=20,
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
