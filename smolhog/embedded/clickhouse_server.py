"""A ClickHouse for a laptop: chDB behind ClickHouse's HTTP interface, on loopback.

    python -m smolhog.embedded.clickhouse_server --path DIR [--host 127.0.0.1] [--port N] [--port-file FILE]

Clients such as clickhouse-connect use it like a server. Where it differs from one:

- A `session_id` is accepted and holds nothing: every request has its own settings, so `SET` and `USE` end with the
  request that ran them, and temporary tables with it too. Send settings with each request, as clients do.
- External tables, ClickHouse's own block compression (`compress=1`), INTO OUTFILE and FROM INFILE are refused, and
  reading files, URLs and other databases is not granted.
- `KILL QUERY WHERE query_id = …` knows the ids that clients gave; `system.processes` shows the engine's own ids and
  the client's as `Settings['log_comment']`.
- Formats with a header or a frame (Arrow, Parquet, JSON, …WithNames) are answered whole, others block by block.
- There are no system log tables.

SIGTERM lets running queries finish, closes the engine and exits with 0. SIGKILL loses no acknowledged insert.
`SMOLHOG_EMBEDDED_CLICKHOUSE_PASSWORD`, when set, is the password of the user `default`.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import structlog
import uvicorn

from smolhog.embedded.errors import StartError
from smolhog.embedded.loopback import bind_loopback, write_port_file
from smolhog.garbage import spared_collections

PASSWORD_VARIABLE = "SMOLHOG_EMBEDDED_CLICKHOUSE_PASSWORD"  # noqa: S105 - the name of a variable, not a password

_log = structlog.get_logger()


class _Server(uvicorn.Server):
    """A uvicorn that exits with 0 on SIGTERM, and says when it is ready."""

    def __init__(self, config: uvicorn.Config, port_file: Path | None) -> None:
        super().__init__(config)
        self._port_file = port_file

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Replace uvicorn's, which ends the process by the signal it got."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then tell the port."""
        await super().startup(sockets)
        if self.started and sockets and self._port_file:
            write_port_file(self._port_file, sockets[0].getsockname()[1])

    def _stop(self) -> None:
        self.should_exit = True


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="smolhog.embedded.clickhouse_server", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--path", type=Path, required=True, help="data folder, made when missing")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=8123, help="0 takes a free port")
    parser.add_argument("--port-file", type=Path, help="file that gets the port once the server is ready")
    parser.add_argument("--memory-mb", type=int, default=1024, help="bound on queries and merges together")
    parser.add_argument("--fsync", action="store_true", help="wait for the disk on every insert (power cuts)")
    return parser.parse_args(argv)


def _serve(arguments: argparse.Namespace) -> None:
    # The engine takes its time zone from the environment. chDB imports pyarrow when it finds it, for result types
    # that are not used here: 36 MB.
    os.environ["TZ"] = "UTC"
    time.tzset()
    sys.modules["pyarrow"] = None  # type: ignore[assignment]
    from smolhog.embedded.clickhouse_config import EngineLimits  # noqa: PLC0415 - see above
    from smolhog.embedded.clickhouse_engine import Engine  # noqa: PLC0415
    from smolhog.embedded.clickhouse_http import ClickHouseInterface  # noqa: PLC0415

    listener = bind_loopback(arguments.host, arguments.port)
    with contextlib.closing(listener):
        engine = Engine(arguments.path, EngineLimits(memory_mb=arguments.memory_mb, fsync=arguments.fsync))
        # The engine asks for its working folder now and then; the one that it was started in may go away.
        port_file = arguments.port_file and arguments.port_file.absolute()
        os.chdir(arguments.path)
        interface = ClickHouseInterface(engine, password=os.environ.get(PASSWORD_VARIABLE))
        try:
            host, port = listener.getsockname()[:2]
            _log.info(
                "clickhouse_listening", host=host, port=port, path=str(arguments.path), engine=engine.version
            )
            config = uvicorn.Config(
                interface.app, log_config=None, access_log=False, lifespan="off", http="httptools"
            )
            with spared_collections(rare=False):
                _Server(config, port_file).run(sockets=[listener])
        finally:
            interface.close()
    _log.info("clickhouse_stopped", path=str(arguments.path))


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM. Returns the process's exit status: 1 when it could not start."""
    arguments = _arguments(argv)
    try:
        _serve(arguments)
    except (StartError, OSError) as error:
        _log.error("clickhouse_start_failed", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
