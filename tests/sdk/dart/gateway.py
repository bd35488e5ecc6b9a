"""A real gateway over an embedded event log, as a process that a test may kill.

Run as `python -m tests.sdk.dart.gateway --folder DIR --port 0 --port-file FILE [--listen PORT] [--rate N]`.
"""

import argparse
import asyncio
from pathlib import Path

from event_log.sqlite import SQLiteEventLog
from ingest_gateway.app import create_app
from ingest_gateway.rate import KeyRates
from ingest_gateway.server import serve
from schemas.limits import Limits
from tests.ingest_gateway.running import PARTITIONS, Ring


async def main(folder: Path, port: int, port_file: Path, rate: int) -> None:
    """Serve until SIGTERM."""
    log = await SQLiteEventLog.open(folder, partitions=PARTITIONS)
    limits = Limits()
    app = create_app(
        log=log,
        keys=Ring(),
        limits=limits,
        cors_origins=("*",),
        buffer_bytes=8 * 1024 * 1024,
        rates=KeyRates(rate, rate),
    )
    await serve(app, event_log=log, limits=limits, host="127.0.0.1", port=port, port_file=port_file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--listen", type=int, default=None, help="a port in place of a free one")
    parser.add_argument("--rate", type=int, default=0, help="events a second that a key may send; 0: any")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    options = parser.parse_args()
    listen = options.port if options.listen is None else options.listen
    asyncio.run(main(options.folder, listen, options.port_file, options.rate))
