"""Questions about the catalogue, and their answers."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from query_api.models import AS_OF, Answer, Parameters
from query_api.plan import Exactness, Source
from query_api.questions.filters import GROUP, Of, Owner
from schemas.limits import DEFAULT_LIMITS

_NAME = DEFAULT_LIMITS.name_length


class _Search(Parameters):
    search: str | None = Field(
        default=None, max_length=_NAME, description="Only what contains this text, in capitals or not."
    )
    limit: int = Field(default=100, ge=1, le=1000, description="Most rows in the answer.", examples=[100])


class CatalogueEventsParameters(_Search):
    """Which events to list."""


class CatalogueGroupsParameters(_Search):
    """Which types of groups to list."""


class CataloguePropertiesParameters(_Search):
    """Which properties to list."""

    of: Owner = Field(default=Of.EVENT, description="Whose, as in conditions.")
    event: str | None = Field(
        default=None,
        min_length=1,
        max_length=_NAME,
        description="Only those of this event.",
        examples=["purchase"],
    )


class CatalogueValuesParameters(_Search):
    """Which values to list."""

    property: str = Field(min_length=1, max_length=_NAME, description="Whose values.", examples=["$browser"])
    of: Owner = Field(default=Of.EVENT, description="What the property belongs to, as in conditions.")
    event: str | None = Field(
        default=None,
        min_length=1,
        max_length=_NAME,
        description="Only those in this event.",
        examples=["purchase"],
    )


class KnownEvent(Answer):
    """An event that came in the last 30 days."""

    event: str
    count: int
    last_seen: datetime = Field(description="The minute in which it last happened.")


class CatalogueEvents(Answer):
    """The events of the last 30 days, the most frequent first."""

    events: list[KnownEvent]
    as_of: datetime | None = AS_OF
    exactness: Exactness
    source: Source = Field(description="The table that was read.")


class KnownGroupType(Answer):
    """A type of groups, such as companies."""

    type: str = Field(examples=["company"])
    of: Owner = Field(description="What conditions and breakdowns call it.", examples=[f"{GROUP}company"])
    count: int = Field(description="Groups of this type.")


class CatalogueGroups(Answer):
    """Types of groups, those of the most groups first."""

    groups: list[KnownGroupType]
    as_of: datetime | None = AS_OF
    exactness: Exactness = Field(
        description="`approximate`: groups of which nothing was said are only known from a sample of the events."
    )
    source: Source = Field(description="The table that was read.")


class Kind(StrEnum):
    """What values a property has."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MIXED = "mixed"


class KnownProperty(Answer):
    """A property."""

    property: str
    of: Owner
    kind: Kind = Field(description="Lists and objects are `mixed`.")
    count: int = Field(description="Events, people, groups or sessions that have it.")


class CatalogueProperties(Answer):
    """Properties, the most frequent first."""

    properties: list[KnownProperty]
    as_of: datetime | None = AS_OF
    exactness: Exactness = Field(
        description="`approximate` where a sample of each event's newest day was looked at: it may lack rare properties."
    )
    source: Source = Field(description="The table that was read.")


class KnownValue(Answer):
    """A value of a property, as text."""

    value: str
    count: int = Field(description="Events, people, groups or sessions that have it.")


class CatalogueValues(Answer):
    """Values of a property, the most frequent first."""

    values: list[KnownValue]
    as_of: datetime | None = AS_OF
    exactness: Exactness = Field(description="As for properties.")
    source: Source = Field(description="The table that was read.")
