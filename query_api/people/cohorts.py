"""Cohorts: kept by rule, listed, counted."""

import asyncio
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ConfigDict, Field

from query_api.errors import QueryTooExpensive
from query_api.models import Answer, Parameters
from query_api.people.cohort_lookup import Cohorts
from query_api.people.cohort_rules import CohortDefinition
from query_api.people.cohort_sql import cohort_persons
from query_api.people.presence import has_people
from query_api.questions.bindings import Bindings
from query_api.questions.scope import Scope
from query_api.rooms import Rooms
from query_api.saved.shelf import Kept, Shelf

_SHELF = Shelf("cohort", "definition")
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
    kept = await _SHELF.all(rooms.postgres, project_id)
    linked = await has_people(rooms.columns, project_id)
    return CohortsAnswer(
        cohorts=await asyncio.gather(*(_shown(rooms, project_id, one, linked=linked) for one in kept))
    )


async def read_cohort(rooms: Rooms, project_id: int, asked: CohortParameters) -> Cohort:
    """Return one cohort.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: a store is away.
    """
    return await _opened(rooms, project_id, await _SHELF.one(rooms.postgres, project_id, asked.cohort_id))


async def add_cohort(rooms: Rooms, project_id: int, asked: NewCohort) -> Cohort:
    """Keep a cohort.

    Raises:
        InvalidParameter: there are as many as there may be.
        StoreUnavailable: a store is away.
    """
    kept = await _SHELF.add(rooms.postgres, project_id, asked.name, _stored(asked))
    return await _opened(rooms, project_id, kept)


async def change_cohort(rooms: Rooms, project_id: int, asked: ChangedCohort) -> Cohort:
    """Put another name and definition in place.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: a store is away.
    """
    stored = _stored(asked)
    kept = await _SHELF.change(rooms.postgres, project_id, asked.cohort_id, asked.name, stored)
    return await _opened(rooms, project_id, kept)


async def remove_cohort(rooms: Rooms, project_id: int, asked: CohortParameters) -> CohortRemoved:
    """Forget a cohort; questions that name it are refused from now on.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    await _SHELF.remove(rooms.postgres, project_id, asked.cohort_id)
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


def _stored(asked: NewCohort) -> dict[str, Any]:
    return asked.definition.model_dump(mode="json", by_alias=True)


async def _opened(rooms: Rooms, project_id: int, kept: Kept) -> Cohort:
    return await _shown(rooms, project_id, kept, linked=await has_people(rooms.columns, project_id))


async def _shown(rooms: Rooms, project_id: int, kept: Kept, *, linked: bool) -> Cohort:
    definition = CohortDefinition.model_validate(kept.content)
    try:
        people = await _count(rooms, project_id, definition, linked=linked)
    except QueryTooExpensive:
        people = None
    return Cohort(
        cohort_id=kept.number,
        name=kept.name,
        definition=definition,
        people=people,
        updated_at=kept.updated_at,
    )


async def _count(rooms: Rooms, project_id: int, definition: CohortDefinition, *, linked: bool) -> int:
    now = rooms.now()
    scope = Scope(Bindings(project_id=project_id), linked=linked, cohorts=Cohorts({}, linked, now))
    members = cohort_persons(definition, scope, now)
    rows = await rooms.columns.rows(f"SELECT count() FROM {members}", scope.bindings.parameters, _Count)
    return rows[0].n
