"""Learns what a question means in its project before it is answered."""

from query_api.people.cohort_lookup import load_cohorts
from query_api.people.presence import has_people
from query_api.questions.bindings import Bindings
from query_api.questions.question import cohorts_within
from query_api.questions.scope import Scope
from query_api.rooms import Rooms


async def open_scope(rooms: Rooms, project_id: int, *parts: object, people: bool = True) -> Scope:
    """Return the scope of a question.

    Args:
        rooms: the stores.
        project_id: of the key that asks; statements find it bound as ``project_id``.
        parts: the question, or all parts of it that have filters: their cohorts are looked up.
        people: whether it matters who is who; without, the statements hold each id for a person, and none has to ask.

    Raises:
        InvalidParameter: a filter names a cohort that the project does not have.
        StoreUnavailable: a store is away.
    """
    linked = people and await has_people(rooms.columns, project_id)
    cohorts = await load_cohorts(rooms, project_id, cohorts_within(parts), linked=linked)
    return Scope(Bindings(project_id=project_id), linked=linked, cohorts=cohorts)
