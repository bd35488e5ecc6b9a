"""The event as a client sends it: the contract for people, generated documents and the exact check."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from schemas.limits import DEFAULT_LIMITS
from schemas.properties import Rejection, check_text
from schemas.reasons import RejectReason
from schemas.wire import Instant

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""The earliest time of an event; before it ClickHouse's ``DateTime`` has no values."""

_NAME_LENGTH = DEFAULT_LIMITS.name_length


def _storable(text: str) -> str:
    found = check_text(text)
    if found is not None:
        raise PydanticCustomError(found.reason.value, "{message}", {"message": found.message})
    return text


def _uuid_text(value: Any) -> Any:
    # UUID() alone also takes braces, "urn:uuid:" and hyphens anywhere; the wire takes one form.
    if isinstance(value, str):
        try:
            if len(value) == 36 and str(UUID(value)) == value.lower():
                return value
        except ValueError:
            pass
    raise PydanticCustomError(
        RejectReason.INVALID_EVENT_ID.value,
        "event_id must be a UUID such as 0190a6e0-7c1d-7000-8000-0123456789ab",
    )


def _instant(value: Any) -> Any:
    # The parser of the fast path, so that both read the same times: datetime.fromisoformat also takes
    # weeks, missing seconds and commas, and cuts a seventh digit where this one rounds.
    if isinstance(value, str):
        try:
            return msgspec.convert(value, Instant)
        except (msgspec.ValidationError, UnicodeEncodeError):
            pass
    raise PydanticCustomError(
        RejectReason.INVALID_TIMESTAMP.value,
        "timestamp must be RFC 3339 with a zone, such as 2026-01-31T12:00:00.250Z",
    )


def _after_earliest(instant: datetime) -> datetime:
    if instant < EARLIEST:
        raise PydanticCustomError(
            RejectReason.TIMESTAMP_OUT_OF_RANGE.value, "timestamp must not be before 1970-01-01T00:00:00Z"
        )
    return instant


Name = Annotated[str, Field(min_length=1, max_length=_NAME_LENGTH), AfterValidator(_storable)]
EventId = Annotated[str, BeforeValidator(_uuid_text), Field(json_schema_extra={"format": "uuid"})]
EventTime = Annotated[
    datetime,
    BeforeValidator(_instant),
    AfterValidator(_after_earliest),
]


class Event(BaseModel):
    """One thing that somebody did, as sent in a batch. Unknown fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    event: Name = Field(description="What happened, e.g. `checkout_started`.")
    distinct_id: Name = Field(description="Who did it: a user's id or an anonymous id.")
    event_id: EventId | None = Field(
        default=None,
        description="UUID (v7 from our SDKs) by which retries are recognised; made by the gateway if missing.",
    )
    timestamp: EventTime | None = Field(
        default=None,
        description="RFC 3339 with a zone, by the client's clock; when the event arrived if missing.",
    )
    session_id: Name | None = Field(default=None, description="The visit that the event belongs to.")
    properties: dict[str, Any] = Field(default_factory=dict, description="Whatever else is known about it.")


def rejection_of(error: ValidationError) -> Rejection:
    """Say in our own words why the first faulty field of an event was refused."""
    details: ErrorDetails = error.errors(include_url=False, include_input=False)[0]
    kind = details["type"]
    field = str(details["loc"][0]) if details["loc"] else "event"
    if kind in _CODES:
        return Rejection(_CODES[kind], details["msg"])
    if kind == "string_too_long":
        return Rejection(RejectReason.NAME_TOO_LONG, f"{field} is longer than {_NAME_LENGTH} characters")
    if kind == "string_unicode":
        return Rejection(RejectReason.LONE_SURROGATE, "strings must not contain a lone surrogate")
    if kind == "missing":
        return Rejection(RejectReason.INVALID_FIELD, f"{field} is missing")
    if kind == "string_too_short":
        return Rejection(RejectReason.INVALID_FIELD, f"{field} must not be empty")
    if kind == "model_type":
        return Rejection(RejectReason.INVALID_FIELD, "an event must be a JSON object")
    return Rejection(RejectReason.INVALID_FIELD, f"{field}: {details['msg']}")


_CODES = {reason.value: reason for reason in RejectReason}
