"""The processes of the stack: each builds its room's objects from the settings and serves.

Run by `smolhog up` and by compose, one operating system process each. They log to standard error,
end at SIGTERM after finishing what they hold, and may be killed at any moment.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from projects.directory import KeyDirectory
from smolhog.logs import configure_logs
from smolhog.settings import Settings
from smolhog.stores import postgres_dsn


def run_gateway(settings: Settings) -> None:
    """Serve the gateway until SIGTERM."""
    configure_logs(settings.log_level, as_json=settings.log_json, process="gateway")
    asyncio.run(_serve_gateway(settings))


def run_query_api(settings: Settings) -> None:
    """Serve the query API until SIGTERM."""
    configure_logs(settings.log_level, as_json=settings.log_json, process="query-api")
    asyncio.run(_serve_query_api(settings))


def run_dataflow(settings: Settings, index: int, total: int) -> None:
    """Process this process's share of the partitions until SIGTERM.

    Args:
        settings: as read.
        index: which process this is, from 0.
        total: how many there are.
    """
    from dataflows.run import run_dataflow as run  # noqa: PLC0415

    configure_logs(settings.log_level, as_json=settings.log_json, process=f"dataflow-{index}")
    run(settings, index, total)


async def _serve_gateway(settings: Settings) -> None:
    from event_log.opening import open_event_log  # noqa: PLC0415 - one room a process
    from event_log.port import Retention  # noqa: PLC0415
    from ingest_gateway.server import serve  # noqa: PLC0415

    log = await open_event_log(
        settings.event_log_url,
        partitions=settings.partitions,
        retention=Retention(settings.log_retention_bytes, settings.log_retention),
    )
    with _keys(settings, "gateway") as keys:
        await serve(
            log=log,
            keys=keys,
            limits=settings.limits,
            cors_origins=settings.cors_origins,
            buffer_bytes=settings.gateway_buffer_bytes,
            host=settings.gateway_host,
            port=settings.gateway_port,
        )


async def _serve_query_api(settings: Settings) -> None:
    from query_api.server import serve  # noqa: PLC0415 - one room a process

    with _keys(settings, "query-api") as keys:
        await serve(
            clickhouse_url=settings.clickhouse_dsn,
            postgres_dsn=postgres_dsn(settings),
            keys=keys,
            keys_known=lambda: keys.ready,
            host=settings.query_host,
            port=settings.query_port,
            cors_origins=settings.cors_origins,
        )


@contextmanager
def _keys(settings: Settings, process: str) -> Iterator[KeyDirectory]:
    keys = KeyDirectory(postgres_dsn(settings), settings.data / "keys" / f"{process}.json")
    keys.start()
    try:
        yield keys
    finally:
        keys.close()
