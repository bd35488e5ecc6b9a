"""What all questions have in common."""

from collections.abc import Iterator

from pydantic import BaseModel, Field, model_validator

from query_api.models import Parameters
from query_api.questions.filters import COHORT_OPERATORS, MAX_CONDITIONS, Condition, Group, refusal
from query_api.questions.ranges import Range


class Question(Parameters):
    """A question about a range of time, in the body of a POST; analyses add fields of their own."""

    range: Range = Field(default_factory=Range)
    timezone: str = Field(
        default="UTC",
        max_length=64,
        description="IANA time zone whose clocks and days count.",
        examples=["Europe/Berlin"],
    )
    filter: Group | None = Field(default=None, description="Holds for all events that are looked at.")

    @model_validator(mode="after")
    def _is_bounded(self) -> "Question":
        if sum(1 for _ in conditions_within(self)) > MAX_CONDITIONS:
            raise refusal(f"a question may have {MAX_CONDITIONS} conditions in all of its filters")
        return self


def conditions_within(part: object) -> Iterator[Condition]:
    """Yield all conditions of a question, wherever they stand in it."""
    if isinstance(part, Condition):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from conditions_within(getattr(part, name))
    elif isinstance(part, tuple | list):
        for item in part:
            yield from conditions_within(item)


def cohorts_within(part: object) -> frozenset[int]:
    """Return the numbers of the cohorts that a question names."""
    return frozenset(
        int(condition.value)
        for condition in conditions_within(part)
        if condition.operator in COHORT_OPERATORS
    )
