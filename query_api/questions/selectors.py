"""Which events, what of them is counted, and by what they are told apart."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from query_api.questions.attributes import GROUP_KEY
from query_api.questions.bindings import SqlPart
from query_api.questions.filter_sql import TRUE, filter_sql
from query_api.questions.filters import GROUP, SESSION_PROPERTIES, Group, Of, Owner, refusal
from query_api.questions.scope import Scope
from schemas.limits import DEFAULT_LIMITS

_NAME = DEFAULT_LIMITS.name_length


class Measure(StrEnum):
    """What is made of the events of a series."""

    EVENTS = "events"
    USERS = "users"
    SUM = "sum"
    AVERAGE = "average"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    MEDIAN = "median"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    EVENTS_PER_USER = "events_per_user"


OF_A_PROPERTY = frozenset(Measure) - {Measure.EVENTS, Measure.USERS, Measure.EVENTS_PER_USER}
"""Measures that need the name of a numeric property."""


class Selector(BaseModel):
    """Some events."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"event": "purchase", "label": "Purchases"}]},
    )

    event: str | None = Field(
        default=None, min_length=1, max_length=_NAME, description="Their name; null for any event."
    )
    filter: Group | None = None
    label: str | None = Field(default=None, max_length=_NAME, description="Comes back in the answer.")


class Breakdown(BaseModel):
    """A property by whose values to tell apart: the most frequent ones, ``$other`` for all others, null without one.

    Of events, texts (sent ones of up to 100 characters) and booleans are values; of people, groups and sessions
    numbers too.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"property": "$browser", "limit": 5}]}
    )

    of: Owner = Field(default=Of.EVENT, description="Whose property, as in conditions.")
    property: str = Field(min_length=1, max_length=_NAME)
    limit: int = Field(default=10, ge=1, le=100, description="Values that are told apart.")

    @field_validator("property")
    @classmethod
    def _is_known(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("of") is Of.SESSION and name not in SESSION_PROPERTIES:
            raise refusal(f"a session has {', '.join(SESSION_PROPERTIES)}; got {name[:64]!r}")
        return name


def is_carried(breakdown: Breakdown) -> bool:
    """Whether the value comes with the event, and not from what the event belongs to."""
    return breakdown.of is Of.EVENT or (breakdown.of.startswith(GROUP) and breakdown.property == GROUP_KEY)


def selector_sql(selector: Selector, scope: Scope, also: Group | None = None) -> SqlPart:
    """Return a condition on the events relation: whether an event is one of the selector's.

    Args:
        selector: which events.
        scope: of the statement.
        also: a filter that has to hold besides, such as the whole question's.

    Raises:
        InvalidParameter: a filter names a cohort that the project does not have.
    """
    parts = [f"event = {scope.bindings.text(selector.event)}"] if selector.event is not None else []
    parts += [filter_sql(group, scope).text for group in (selector.filter, also) if group is not None]
    parts = [part for part in parts if part != TRUE]
    return scope.bindings.part(f"({' AND '.join(parts)})" if parts else TRUE)
