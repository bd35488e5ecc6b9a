"""What the stores need done once a day, on a thread of the first dataflow process: retention, and indexes."""

import threading
from datetime import UTC, datetime

import psycopg
import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from sinks.clickhouse.connect import connect
from sinks.postgres.timelines import index_timelines
from sinks.retention import prune
from sinks.verify import Stores
from smolhog.settings import Settings
from smolhog.stores import postgres_dsn

EVERY_SECONDS = 600.0
_DELETE_SECONDS = 3600
_log = structlog.get_logger()


def do_upkeep(settings: Settings) -> None:
    """Do what is due now; a store that is away is tried again next time."""
    now = datetime.now(UTC)
    try:
        with psycopg.connect(postgres_dsn(settings), connect_timeout=5, autocommit=True) as postgres:
            with connect(settings.clickhouse_dsn, timeout_seconds=_DELETE_SECONDS) as clickhouse:
                for pruned in prune(Stores(postgres, clickhouse), now):
                    _log.info(
                        "retention",
                        project=pruned.project_id,
                        before=pruned.before.isoformat(),
                        events=pruned.events,
                    )
            index_timelines(postgres, now)
    except (psycopg.Error, ClickHouseError, HTTPError, OSError) as error:
        _log.warning("upkeep not done", error=str(error).strip().partition("\n")[0])


def start_upkeep(settings: Settings) -> None:
    """Look now and then, until the process ends."""

    def look() -> None:
        pause = threading.Event()
        while True:
            do_upkeep(settings)
            pause.wait(EVERY_SECONDS)

    threading.Thread(target=look, name="upkeep", daemon=True).start()
