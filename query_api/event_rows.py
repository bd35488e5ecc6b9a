"""Single events, as answers and the live stream show them."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from pydantic import Field, JsonValue

from query_api.models import Answer
from query_api.people.addresses import public_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

EVENT_COLUMNS = """toString(event_id), event, distinct_id, person, toUnixTimestamp64Micro(timestamp),
    toUnixTimestamp64Micro(received_at), session_id, properties, context, source"""
"""What a statement selects for :class:`StoredRow`, from the relation of events."""

JSON_LINE = """concat(
    '{"event_id":"', toString(event_id), '","event":', toJSONString(event),
    ',"distinct_id":', toJSONString(distinct_id), ',"person_id":', toJSONString(person),
    ',"timestamp":"', formatDateTime(timestamp, '%Y-%m-%dT%H:%i:%S.%f', 'UTC'),
    'Z","received_at":"', formatDateTime(received_at, '%Y-%m-%dT%H:%i:%S.%f', 'UTC'),
    'Z","session_id":', if(session_id = '', 'null', toJSONString(session_id)),
    ',"properties":', if(properties = '', '{}', translate(properties, '\\n\\r\\t', '   ')),
    ',"context":', if(context = '', '{}', translate(context, '\\n\\r\\t', '   ')),
    ',"source":', toJSONString(source), '}'
)"""
"""One event as a line of JSON, made by the store. Line ends within JSON can only stand between its words."""


class StoredRow(NamedTuple):
    """An event as the store answers it. Times are microseconds since 1970-01-01 UTC."""

    event_id: str
    event: str
    distinct_id: str
    person: str
    timestamp: int
    received_at: int
    session_id: str
    properties: str
    context: str
    source: str


class EventRow(Answer):
    """One event."""

    event_id: str
    event: str
    distinct_id: str
    person_id: str = Field(description="Whose it is, as identity is known now.")
    timestamp: datetime
    received_at: datetime
    session_id: str | None
    properties: dict[str, JsonValue]
    context: dict[str, JsonValue] = Field(description="What was added: browser, country, campaign …")
    source: str


def event_row(row: StoredRow) -> EventRow:
    """Return what an answer shows of an event."""
    # Built of what was checked when it was stored.
    return EventRow.model_construct(
        event_id=row.event_id,
        event=row.event,
        distinct_id=row.distinct_id,
        person_id=public_id(row.person),
        timestamp=moment_of(row.timestamp),
        received_at=moment_of(row.received_at),
        session_id=row.session_id or None,
        properties=_object(row.properties),
        context=_object(row.context),
        source=row.source,
    )


def moment_of(micros: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def _object(text: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(text or "{}")
    return found
