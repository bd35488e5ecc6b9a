"""What a question means in one project: its people, its cohorts, and the values bound so far."""

from dataclasses import dataclass, replace
from typing import Protocol

from query_api.questions.bindings import Bindings, SqlPart


class CohortLookup(Protocol):
    """Knows the cohorts that a question names."""

    def persons(self, cohort_id: int, bindings: Bindings) -> SqlPart:
        """Return a subquery, in brackets, of one column ``person``: who is in the cohort.

        Raises:
            InvalidParameter: the project has no cohort of that number.
        """


@dataclass(frozen=True, slots=True)
class Scope:
    """What parts of statements are made with. Statements find the project bound as ``project_id``.

    Attributes:
        bindings: of the statement.
        linked: whether any distinct ids of the project were linked; otherwise each is a person by itself, and
            no statement has to look at table ``people``.
        cohorts: those of the project.
    """

    bindings: Bindings
    linked: bool
    cohorts: CohortLookup

    def anew(self) -> "Scope":
        """Return the same for another statement, with no values bound but the project."""
        return replace(self, bindings=Bindings(project_id=self.bindings.parameters["project_id"]))
