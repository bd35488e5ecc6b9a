"""The event as a program builds it, and its JSON."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from smolhog_client.errors import InvalidEventError

_encode = msgspec.json.Encoder().encode


class Event(Struct, omit_defaults=True):
    """One thing that somebody did."""

    event: str
    """What happened, e.g. ``checkout_started``."""
    distinct_id: str
    """Who did it: a user's id or an anonymous id."""
    properties: dict[str, Any] | Raw = field(default_factory=dict)
    """Whatever else is known about it; ``Raw`` holds a JSON object that is already encoded."""
    timestamp: datetime | None = None
    """When, with its zone. The gateway takes the time of arrival where it is missing."""
    event_id: str | None = None
    """UUID by which a repeat is recognised; the client makes one if missing."""
    session_id: str | None = None
    """The visit that the event belongs to."""


def encode_event(event: Event) -> bytes:
    """Write one event as a JSON object.

    Raises:
        InvalidEventError: a value has no JSON form, or the timestamp has no zone.
    """
    if event.timestamp is not None and event.timestamp.tzinfo is None:
        raise InvalidEventError(
            "invalid_timestamp", "timestamp has no time zone: use datetime.now(UTC) or give its tzinfo"
        )
    try:
        return _encode(event)
    except UnicodeEncodeError as error:
        raise InvalidEventError("lone_surrogate", f"a string is not valid Unicode: {error}") from error
    except RecursionError as error:
        raise InvalidEventError(
            "nested_too_deep", "properties nest too deep, or contain themselves"
        ) from error
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidEventError("invalid_field", f"the event cannot be written as JSON: {error}") from error
