"""What clients of the live stream say and hear."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from query_api.errors import InvalidParameter
from query_api.event_rows import EventRow
from query_api.models import Answer
from query_api.parameters import BODY_BYTES, fields_of
from query_api.questions.filters import Group
from schemas.limits import DEFAULT_LIMITS

_Name = Annotated[str, StringConstraints(min_length=1, max_length=DEFAULT_LIMITS.name_length)]


class Watch(BaseModel):
    """Which events to send from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["watch"] = "watch"
    filter: Group | None = None
    events: tuple[_Name, ...] | None = Field(default=None, max_length=100)

    def is_same(self, other: "Watch") -> bool:
        """Whether both are true of the same events."""
        return (self.filter, self.events) == (other.filter, other.events)


class Hello(BaseModel):
    """The first frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["hello"]
    key: str = Field(max_length=200)
    filter: Group | None = None
    events: tuple[_Name, ...] | None = Field(default=None, max_length=100)


class EventsFrame(Answer):
    """Events that came, the newest last."""

    type: Literal["events"] = "events"
    events: list[EventRow]
    skipped: int


class CountsFrame(Answer):
    """How much comes, of all events of the project."""

    type: Literal["counts"] = "counts"
    as_of: datetime | None
    per_second: float
    events: int


def parse_hello(text: str) -> Hello:
    """Read the first frame; raises like :func:`parse_watch`."""
    try:
        return Hello.model_validate(_fields(text))
    except ValidationError as error:
        raise _wrong(error) from error


def parse_watch(text: str) -> Watch:
    """Read a later frame.

    Raises:
        InvalidParameter: it is none, and what is wrong.
    """
    try:
        return Watch.model_validate(_fields(text))
    except ValidationError as error:
        raise _wrong(error) from error


def error_frame(code: str, message: str) -> str:
    """Write the frame before an end."""
    return msgspec.json.encode({"type": "error", "code": code, "message": message}).decode()


def _fields(text: str) -> dict[str, Any]:
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > BODY_BYTES:
        raise InvalidParameter(f"a frame may have {BODY_BYTES} bytes")
    return fields_of(body)


def _wrong(error: ValidationError) -> InvalidParameter:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("("))
    return InvalidParameter(f"{place}: {first['msg']}", field=place)
