"""Asks PostgreSQL how flows are."""

from datetime import UTC, datetime

import psycopg

from dataflows.kit.progress import read_progress
from smolhog.embedded.errors import FolderUnusableError
from smolhog.flow_files import configured_flows
from smolhog.flow_runs import read_runs
from smolhog.flow_states import FlowState, flow_states
from smolhog.settings import Settings


def read_flow_states(settings: Settings) -> list[FlowState] | None:
    """Ask PostgreSQL; ``None`` where it does not answer."""
    configured = [flow.name for flow in configured_flows(settings)]
    try:
        dsn = settings.postgres_dsn
        with psycopg.connect(dsn, connect_timeout=3, options="-c timezone=UTC") as connection:
            runs = read_runs(connection)
        progress = read_progress(dsn)
    except (psycopg.Error, FolderUnusableError):
        return None
    return flow_states(configured, runs, progress, datetime.now(UTC))
