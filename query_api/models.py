"""The contract: parameters and answers of every route, from which the OpenAPI document is made."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from query_api.plan import Exactness, Source
from schemas.limits import DEFAULT_LIMITS
from schemas.reasons import RejectReason

_NAME = DEFAULT_LIMITS.name_length


class Parameters(BaseModel):
    """Parameters of a URL. Unknown ones are refused, so that a typing error does not go unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """The body of a 200."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StatsParameters(Parameters):
    """The totals of a project take no parameters."""


class EventsParameters(Parameters):
    """Which of the newest events."""

    limit: int = Field(default=100, ge=1, le=1000, description="Most events in the answer.", examples=[100])
    before: str | None = Field(
        default=None,
        max_length=64,
        description="Go on where an answer stopped: its `next`.",
        examples=["1767268800000000.0190a6e0-7c1d-7000-8000-0123456789ab"],
    )


class RejectedParameters(Parameters):
    """Which of the rejected events."""

    limit: int = Field(default=20, ge=1, le=100, description="Most events in the answer.", examples=[20])
    before: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="Go on where an answer stopped: its `next`."
    )
    reason: RejectReason | None = Field(
        default=None, description="Only those refused for this.", examples=["event_too_large"]
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        max_length=64,
        description="Arrived then or later: RFC 3339 with an offset, a date (UTC), or how long ago: `-24h`, `-7d`.",
        examples=["-24h"],
    )
    to: str | None = Field(
        default=None, max_length=64, description="Arrived before, in the same forms; a date includes its day."
    )


class ShortInterval(StrEnum):
    """How long a bucket of GET trends is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Counted(StrEnum):
    """What GET trends counts."""

    EVENTS = "events"
    USERS = "users"


class TrendsParameters(Parameters):
    """A question about numbers over time."""

    event: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="Count these events, a series each; repeat the parameter for several. "
        "Absent: all events in one series.",
        examples=[["checkout_started"]],
    )
    from_: str = Field(
        default="-7d",
        alias="from",
        max_length=64,
        description="Start: RFC 3339 with an offset, a date (its midnight in `timezone`), or how long ago: "
        "`-30m`, `-24h`, `-7d`, `-4w`. The first bucket counts whole.",
        examples=["-24h"],
    )
    to: str = Field(
        default="now",
        max_length=64,
        description="End, in the same forms; not included itself, but a date includes that day. "
        "The last bucket counts whole.",
        examples=["now"],
    )
    timezone: str = Field(
        default="UTC",
        max_length=64,
        description="IANA time zone whose clocks and days count.",
        examples=["Europe/Berlin"],
    )
    interval: ShortInterval = Field(default=ShortInterval.HOUR, description="Length of a bucket.")
    measure: Counted = Field(
        default=Counted.EVENTS, description="Count events, or the distinct users who caused them."
    )
    breakdown: str | None = Field(
        default=None,
        min_length=1,
        max_length=_NAME,
        description="Property by whose values to tell events apart: one that was sent, else one that was "
        "added, such as `$browser`. Strings up to 100 characters and booleans are values.",
        examples=["$browser"],
    )
    breakdown_limit: int = Field(
        default=10,
        ge=1,
        le=100,
        description="Values that get a series of their own; the others are summed as `$other`.",
    )


class EventCount(Answer):
    """How often one event happened."""

    event: str
    count: int


class StatsExactness(Answer):
    """Which of the totals are exact; unique users are estimated within about one per cent."""

    total_events: Exactness = Exactness.EXACT
    unique_users: Exactness = Exactness.APPROXIMATE
    top_events: Exactness = Exactness.EXACT


AS_OF = Field(
    description="When the newest event arrived that is surely counted in; null when none was stored yet.",
    examples=["2026-01-01T12:00:00.250Z"],
)


class StatsAnswer(Answer):
    """The totals of a project."""

    total_events: int
    unique_users: int
    top_events: list[EventCount] = Field(description="The ten most frequent events.")
    as_of: datetime | None = AS_OF
    exactness: StatsExactness = Field(default_factory=StatsExactness)


class StoredEvent(Answer):
    """One event, in the words of SmolHog's first SDK."""

    event_name: str
    user_id: str
    properties: dict[str, JsonValue]
    timestamp: datetime
    session_id: str | None


class EventsAnswer(Answer):
    """The newest events, newest first."""

    events: list[StoredEvent]
    next: str | None = Field(
        description="Give it as `before` to go on with older events; null when there are none."
    )
    as_of: datetime | None = AS_OF


class RejectedEvent(Answer):
    """An event that was not stored, and why."""

    number: int
    received_at: datetime
    reason: RejectReason
    message: str
    event_id: str | None = Field(description="As it was sent; null where there was none or it is not known.")
    source: str | None = Field(description="The protocol that it came by.", examples=["ws.v1"])
    rejected_by: str = Field(description="`gateway` or `dataflow`.")
    replayed_at: datetime | None = Field(description="When it was sent again after a fix; null: never.")
    payload: str = Field(description="What came, up to 64 KiB; bytes that are not UTF-8 stand as U+FFFD.")
    payload_base64: str | None = Field(
        description="The bytes themselves; null where `payload` is all of them."
    )


class RejectedAnswer(Answer):
    """Rejected events, the newest first."""

    rejected: list[RejectedEvent]
    next: int | None = Field(
        description="Give it as `before` to go on with older ones; null when there are none."
    )
    as_of: datetime | None = AS_OF


class Point(Answer):
    """The value of one bucket."""

    time: str = Field(
        description="Start of the bucket, with the offset of the time zone at that time.",
        examples=["2026-01-01T00:00:00+01:00"],
    )
    value: int


class Series(Answer):
    """One line of a chart."""

    event: str | None = Field(description="Null when all events are one series.")
    breakdown: str | None = Field(
        description="Value of the property; `$other` for the sum of those beyond the limit (and for a value that "
        "is really called that); null for events without one, and when no breakdown was asked for."
    )
    points: list[Point] = Field(description="One for each bucket, also where nothing happened.")
    total: int = Field(
        description="Over the whole range. For users, those of several buckets count once here."
    )


class TrendsAnswer(Answer):
    """Numbers over time."""

    interval: ShortInterval
    timezone: str
    from_: str = Field(alias="from", description="Start of the first bucket.")
    to: str = Field(description="End of the last bucket.")
    series: list[Series]
    as_of: datetime | None = AS_OF
    exactness: Exactness
    source: Source = Field(description="The table that was read.")


class ErrorDetail(Answer):
    """What is wrong, for machines and for people."""

    code: str
    message: str
    field: str | None = Field(default=None, description="The parameter at fault, if one is.")


class ErrorAnswer(Answer):
    """The body of every 4xx and 5xx."""

    error: ErrorDetail


def json_of(answer: Answer) -> bytes:
    """Encode an answer under the names of the contract."""
    return answer.__pydantic_serializer__.to_json(answer, by_alias=True)


Schema = dict[str, Any]
