"""The cohorts that a question names, read once before its statements are made."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from query_api.errors import InvalidParameter
from query_api.people.cohort_rules import CohortDefinition
from query_api.people.cohort_sql import cohort_persons
from query_api.questions.bindings import Bindings, SqlPart
from query_api.questions.scope import Scope
from query_api.rooms import Rooms

_DEFINITIONS = """
SELECT cohort_id, definition FROM cohorts
WHERE project_id = %(project_id)s AND cohort_id = ANY(%(numbers)s)
"""


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Some cohorts of one project; a :class:`query_api.questions.scope.CohortLookup`."""

    definitions: dict[int, CohortDefinition]
    linked: bool
    now: datetime

    def persons(self, cohort_id: int, bindings: Bindings) -> SqlPart:
        """Return a subquery, in brackets, of one column ``person``: who is in the cohort.

        Raises:
            InvalidParameter: the project has no cohort of that number.
        """
        definition = self.definitions.get(cohort_id)
        if definition is None:
            raise InvalidParameter(
                f"there is no cohort {cohort_id} in this project; GET cohorts shows those there are",
                field="filter",
            )
        scope = Scope(bindings, linked=self.linked, cohorts=self)
        return bindings.part(cohort_persons(definition, scope, self.now))


async def load_cohorts(rooms: Rooms, project_id: int, numbers: Collection[int], *, linked: bool) -> Cohorts:
    """Read the definitions of cohorts; those that the project does not have are refused when they are looked up.

    Args:
        rooms: the stores and the clock.
        project_id: of the key that asks.
        numbers: of the cohorts.
        linked: whether ids of the project are linked.

    Raises:
        StoreUnavailable: PostgreSQL is away.
    """
    definitions: dict[int, CohortDefinition] = {}
    # Numbers beyond what the column holds are nobody's.
    asked = [number for number in numbers if number < 2**31]
    if asked:
        bound = {"project_id": project_id, "numbers": asked}
        rows = await rooms.postgres.rows(_DEFINITIONS, bound)
        definitions = {number: CohortDefinition.model_validate(stored) for number, stored in rows}
    return Cohorts(definitions, linked, rooms.now())
