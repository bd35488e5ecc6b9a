"""Cohorts: kept by rule, listed, counted."""

import asyncio
import json
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ConfigDict, Field

from query_api.errors import InvalidParameter, NotFound, QueryTooExpensive
from query_api.models import Answer, Parameters
from query_api.people.cohort_lookup import Cohorts
from query_api.people.cohort_rules import CohortDefinition
from query_api.people.cohort_sql import cohort_persons
from query_api.people.presence import has_people
from query_api.questions.bindings import Bindings
from query_api.questions.scope import Scope
from query_api.rooms import Rooms

MAX_COHORTS = 100
_COLUMNS = "cohort_id, name, definition, updated_at"
_LIST = f"SELECT {_COLUMNS} FROM cohorts WHERE project_id = %(project_id)s ORDER BY name, cohort_id"
_ONE = f"SELECT {_COLUMNS} FROM cohorts WHERE project_id = %(project_id)s AND cohort_id = %(cohort_id)s"
# One too many may slip in when two are added at once; the bound is there for memory's sake.
_ADD = f"""
INSERT INTO cohorts (project_id, name, definition)
SELECT %(project_id)s, %(name)s, %(definition)s::jsonb
WHERE (SELECT count(*) FROM cohorts WHERE project_id = %(project_id)s) < {MAX_COHORTS}
RETURNING {_COLUMNS}
"""
_CHANGE = f"""
UPDATE cohorts SET name = %(name)s, definition = %(definition)s::jsonb, updated_at = now()
WHERE project_id = %(project_id)s AND cohort_id = %(cohort_id)s
RETURNING {_COLUMNS}
"""
_REMOVE = (
    "DELETE FROM cohorts WHERE project_id = %(project_id)s AND cohort_id = %(cohort_id)s RETURNING cohort_id"
)
_NUMBER = Field(ge=1, le=2**31 - 1, description="Number of the cohort.", examples=[1])
_NAME = Field(min_length=1, max_length=200, examples=["Buyers"])


class CohortsParameters(Parameters):
    """The list of cohorts takes no parameters."""


class CohortParameters(Parameters):
    """Which cohort."""

    cohort_id: int = _NUMBER


class NewCohort(Parameters):
    """A cohort to keep."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Buyers",
                    "definition": {
                        "match": "all",
                        "rules": [
                            {
                                "kind": "behaviour",
                                "selector": {"event": "purchase"},
                                "times": {"operator": ">=", "count": 2},
                                "within": "30d",
                            }
                        ],
                    },
                }
            ]
        }
    )

    name: str = _NAME
    definition: CohortDefinition


class ChangedCohort(NewCohort):
    """What a cohort is to be from now on."""

    cohort_id: int = _NUMBER


class CohortPreview(Parameters):
    """A definition to try."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "definition": {
                        "match": "all",
                        "rules": [
                            {
                                "kind": "behaviour",
                                "selector": {"event": "purchase"},
                                "times": {"operator": ">=", "count": 2},
                                "within": "30d",
                            }
                        ],
                    }
                }
            ]
        }
    )

    definition: CohortDefinition


class Cohort(Answer):
    """A group of people, by rule."""

    cohort_id: int
    name: str
    definition: CohortDefinition
    people: int | None = Field(description="How many they are now; null where counting takes too long.")
    updated_at: datetime


class CohortsAnswer(Answer):
    """All cohorts of the project, by name."""

    cohorts: list[Cohort]


class CohortRemoved(Answer):
    """The cohort is gone."""

    cohort_id: int


class CohortPreviewAnswer(Answer):
    """Who would be in it."""

    people: int
    as_of: datetime | None


class _Count(NamedTuple):
    n: int


async def list_cohorts(rooms: Rooms, project_id: int, _: CohortsParameters) -> CohortsAnswer:
    """Return all cohorts.

    Raises:
        StoreUnavailable: a store is away.
    """
    rows = await rooms.postgres.rows(_LIST, {"project_id": project_id})
    linked = await has_people(rooms.columns, project_id)
    return CohortsAnswer(
        cohorts=await asyncio.gather(*(_shown(rooms, project_id, row, linked=linked) for row in rows))
    )


async def read_cohort(rooms: Rooms, project_id: int, asked: CohortParameters) -> Cohort:
    """Return one cohort.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: a store is away.
    """
    bound = {"project_id": project_id, "cohort_id": asked.cohort_id}
    return await _only(rooms, project_id, asked.cohort_id, await rooms.postgres.rows(_ONE, bound))


async def add_cohort(rooms: Rooms, project_id: int, asked: NewCohort) -> Cohort:
    """Keep a cohort.

    Raises:
        InvalidParameter: there are as many as there may be.
        StoreUnavailable: a store is away.
    """
    rows = await rooms.postgres.rows(_ADD, {"project_id": project_id, **_stored(asked)})
    if not rows:
        raise InvalidParameter(f"a project may have {MAX_COHORTS} cohorts; remove one first")
    return await _shown(rooms, project_id, rows[0], linked=await has_people(rooms.columns, project_id))


async def change_cohort(rooms: Rooms, project_id: int, asked: ChangedCohort) -> Cohort:
    """Put another name and definition in place.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: a store is away.
    """
    bound = {"project_id": project_id, "cohort_id": asked.cohort_id, **_stored(asked)}
    return await _only(rooms, project_id, asked.cohort_id, await rooms.postgres.rows(_CHANGE, bound))


async def remove_cohort(rooms: Rooms, project_id: int, asked: CohortParameters) -> CohortRemoved:
    """Forget a cohort; questions that name it are refused from now on.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    bound = {"project_id": project_id, "cohort_id": asked.cohort_id}
    if not await rooms.postgres.rows(_REMOVE, bound):
        raise _no_such(asked.cohort_id)
    return CohortRemoved(cohort_id=asked.cohort_id)


async def preview_cohort(rooms: Rooms, project_id: int, asked: CohortPreview) -> CohortPreviewAnswer:
    """Count who a definition is true of.

    Raises:
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    as_of = await rooms.postgres.as_of()
    linked = await has_people(rooms.columns, project_id)
    people = await _count(rooms, project_id, asked.definition, linked=linked)
    return CohortPreviewAnswer(people=people, as_of=as_of)


async def _only(rooms: Rooms, project_id: int, cohort_id: int, rows: list[tuple[Any, ...]]) -> Cohort:
    if not rows:
        raise _no_such(cohort_id)
    return await _shown(rooms, project_id, rows[0], linked=await has_people(rooms.columns, project_id))


def _no_such(cohort_id: int) -> NotFound:
    return NotFound(f"there is no cohort {cohort_id} in this project", field="cohort_id")


def _stored(asked: NewCohort) -> dict[str, Any]:
    definition = asked.definition.model_dump(mode="json", by_alias=True)
    return {"name": asked.name, "definition": json.dumps(definition)}


async def _shown(rooms: Rooms, project_id: int, row: tuple[Any, ...], *, linked: bool) -> Cohort:
    cohort_id, name, stored, updated_at = row
    definition = CohortDefinition.model_validate(stored)
    try:
        people = await _count(rooms, project_id, definition, linked=linked)
    except QueryTooExpensive:
        people = None
    return Cohort(cohort_id=cohort_id, name=name, definition=definition, people=people, updated_at=updated_at)


async def _count(rooms: Rooms, project_id: int, definition: CohortDefinition, *, linked: bool) -> int:
    now = rooms.now()
    scope = Scope(Bindings(project_id=project_id), linked=linked, cohorts=Cohorts({}, linked, now))
    members = cohort_persons(definition, scope, now)
    rows = await rooms.columns.rows(f"SELECT count() FROM {members}", scope.bindings.parameters, _Count)
    return rows[0].n
