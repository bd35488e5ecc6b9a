"""Checking and rebuilding for the command line: connects to everything, and says what does not answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from dataflows import deletion
from dataflows import rebuild as rebuilding
from dataflows.deleted_people import digest_of_person
from dataflows.deletion import DeletionReport
from dataflows.errors import DataflowError
from dataflows.rebuild import RebuildReport
from dataflows.verify_breakdowns import verify_breakdowns
from event_log.errors import EventLogError
from projects.audit import record_action
from projects.errors import ProjectError
from projects.registry import find_project
from schemas.rollup import HourRange
from sinks.clickhouse.connect import connect
from sinks.positions import read_counted, read_stored, record_counted
from sinks.verify import Stores, Verification, verify_totals
from smolhog.errors import SetupRefused, SmolHogError
from smolhog.processes import open_log
from smolhog.settings import Settings
from smolhog.stores import postgres_connection, unreachable

_LINKED = """
SELECT DISTINCT other_id FROM identity_links
WHERE project_id = {project_id:UInt32} AND distinct_id IN {ids:Array(String)}
"""
_NEWEST_LOG = "SELECT log_id FROM sink_positions ORDER BY updated_at DESC LIMIT 1"
# A day of a busy project takes a while to be counted.
_QUERY_SECONDS = 600
_NOT_MIGRATED = frozenset({60, 81})


def verify(
    settings: Settings,
    project: str | None,
    hours: HourRange,
    *,
    dimensions: bool,
    patience_seconds: float,
    on_progress: Callable[[int, int], None],
) -> Verification:
    """Compare the raw events with what was made of them.

    Raises:
        SmolHogError: the check could not be made.
    """
    with _stores(settings) as stores:
        project_id = _project_id(stores, project)
        found = verify_totals(
            stores, hours, project_id, patience_seconds=patience_seconds, on_chunk=on_progress
        )
        newest = stores.postgres.execute(_NEWEST_LOG).fetchone()
        if dimensions and newest is not None:
            found.left_out = verify_breakdowns(
                stores, found, project_id, newest[0], patience_seconds=patience_seconds
            )
    return found


def rebuild(
    settings: Settings,
    project: str | None,
    hours: HourRange,
    *,
    columnar: bool,
    wait_seconds: float,
    on_progress: Callable[[int, int], None],
) -> RebuildReport:
    """Count the rollups of a time anew.

    Raises:
        SmolHogError: it could not be done, or only in part.
    """
    with _stores(settings) as stores:
        return rebuilding.rebuild(
            stores,
            partial(open_log, settings),
            hours,
            _project_id(stores, project),
            values=settings.breakdown_values,
            columnar=columnar,
            wait_seconds=wait_seconds,
            on_progress=on_progress,
        )


def recount_restored(
    settings: Settings, hours: HourRange, *, wait_seconds: float, on_progress: Callable[[int, int], None]
) -> RebuildReport:
    """Make everything that ClickHouse holds from the raw events of a restored PostgreSQL.

    Raises:
        SmolHogError: it could not be done, or only in part.
    """
    report = rebuild(settings, None, hours, columnar=True, wait_seconds=wait_seconds, on_progress=on_progress)
    with _stores(settings) as stores:
        # No dataflow reads the event logs of the old installation any more; all they held is counted.
        counted = read_counted(stores.clickhouse)
        old = {place: end for place, end in read_stored(stores.postgres).items() if place not in counted}
        record_counted(stores.clickhouse, old)
    return report


def ids_of_person(settings: Settings, project: str, person: str) -> list[str]:
    """Return all ids of a person: the one given, and those that events have linked to it, in any number of steps.

    Raises:
        SmolHogError: a store does not answer, or there is no such project.
    """
    with _stores(settings) as stores:
        asked = {"project_id": _project_id(stores, project)}
        ids, new = set[str](), {person}
        while new:
            ids |= new
            rows = stores.clickhouse.query(_LINKED, parameters={**asked, "ids": sorted(new)}).result_rows
            new = {other for (other,) in rows} - ids
    return [person, *sorted(ids - {person})]


def delete_person(
    settings: Settings,
    project: str,
    ids: list[str],
    *,
    wait_seconds: float,
    on_progress: Callable[[int, int], None],
) -> DeletionReport:
    """Delete a person; who did it, and when, goes to the audit log.

    Raises:
        SmolHogError: it could not be done, or only in part.
    """
    with _stores(settings) as stores:
        project_id = find_project(stores.postgres, project).project_id
        report = deletion.delete_person(
            stores,
            partial(open_log, settings),
            project_id,
            ids,
            values=settings.breakdown_values,
            wait_seconds=wait_seconds,
            on_progress=on_progress,
        )
        record_action(
            stores.postgres,
            "person.delete",
            project_id,
            # Enough to tell that it was this person, for who knows the id; not the id.
            person=digest_of_person(project_id, ids[0]).hex()[:16],
            ids=len(ids),
            events=report.events,
            rejected=report.rejected,
        )
    return report


def _project_id(stores: Stores, project: str | None) -> int | None:
    return None if project is None else find_project(stores.postgres, project).project_id


@contextmanager
def _stores(settings: Settings) -> Iterator[Stores]:
    try:
        with postgres_connection(settings) as postgres:
            postgres.autocommit = True
            with connect(settings.clickhouse_dsn, timeout_seconds=_QUERY_SECONDS) as clickhouse:
                yield Stores(postgres, clickhouse)
    except (ClickHouseError, HTTPError) as error:
        if getattr(error, "code", None) in _NOT_MIGRATED:
            raise SetupRefused("ClickHouse has no tables of SmolHog yet", "Run `smolhog migrate`.") from error
        raise unreachable("ClickHouse", error) from error
    except psycopg.errors.UndefinedColumn as error:
        raise SetupRefused("the database is of an older SmolHog", "Run `smolhog migrate`.") from error
    except ProjectError as error:
        raise SmolHogError(str(error)) from error
    except DataflowError as error:
        raise SmolHogError(
            f"{error}; nothing was changed", "Start the dataflow (`smolhog up`) and run this again."
        ) from error
    except EventLogError as error:
        raise SmolHogError(f"the event log: {error}", "Run this again when it answers.") from error
