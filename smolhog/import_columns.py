"""From the columns of a file to events: which column is what, and what the rest becomes."""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from smolhog.import_errors import ColumnsError
from smolhog.import_files import Row
from smolhog_client import Event

FIELDS = ("event", "distinct_id", "timestamp", "session_id", "event_id")
"""Fields of an event that a column may be mapped to."""

WELL_KNOWN = {
    "event": ("event", "event_name", "name"),
    "distinct_id": ("distinct_id", "user_id", "userId", "anonymous_id"),
    "timestamp": ("timestamp", "time", "ts", "date"),
    "session_id": ("session_id", "session", "sessionId"),
    "event_id": ("event_id", "id", "uuid", "insert_id"),
}
"""Columns taken for a field that is not mapped; the first one that the row has counts.

Of the ids of a user, the first that is not empty: a row names a user who is not logged in by the
anonymous id alone. Of the ids of an event, the first that is a UUID.
"""

_NAMESPACE = uuid.UUID("6b1f3f52-3c5b-4d0e-9a53-5d0b1d7a7f0e")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_BELOW = 1e11
"""A Unix time below it is in seconds (until the year 5138), above it in milliseconds (from 1973)."""
_MILLISECONDS_BELOW = 1e14
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?\s*(?:[Zz]|[+-]\d\d:?\d\d)?)?"
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row is no event, and what to do about it."""

    message: str


@dataclass(frozen=True)
class Columns:
    """How rows become events.

    Args:
        content_hash: names the file's content; ids of events are made from it.
        mapped: field of the event to column, as the user said.
        numbers: columns of text that hold numbers.
        zone: of times that do not say theirs.
    """

    content_hash: str
    mapped: Mapping[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def check(self, header: Iterable[str] | None) -> None:
        """See that a CSV file's header (``None``: JSON lines) has the columns that events need.

        Raises:
            ColumnsError: one is missing; the message says how to name it.
        """
        unknown = sorted(set(self.mapped) - set(FIELDS))
        if unknown:
            raise ColumnsError(f"--map {unknown[0]}=…: an event has {', '.join(FIELDS)}")
        if len(set(self.mapped.values())) < len(self.mapped):
            raise ColumnsError("one column cannot be mapped to two fields of the event")
        if header is None:
            return
        names = set(header)
        shown = ", ".join(sorted(names))
        for column in (*self.mapped.values(), *sorted(self.numbers)):
            if column not in names:
                raise ColumnsError(f"there is no column {column!r}; the file has: {shown}")
        for name in ("event", "distinct_id", "timestamp"):
            if name not in self.mapped and not names.intersection(WELL_KNOWN[name]):
                raise ColumnsError(
                    f"no column is known to be the {name}: add --map {name}=COLUMN; the file has: {shown}"
                )

    @property
    def row_namespace(self) -> uuid.UUID:
        """Namespace of the ids of this content's rows."""
        return uuid.uuid5(_NAMESPACE, self.content_hash)


def event_builder(columns: Columns) -> Callable[[Row], Event | Fault]:
    """Make the function that turns readable rows into events.

    Ids are a function of content and row number, so the same file under any name gives the same ids,
    and two rows that look alike give two.
    """
    namespace = columns.row_namespace
    mapped = set(columns.mapped.values())
    candidates = {
        name: [columns.mapped[name]]
        if name in columns.mapped
        else [column for column in WELL_KNOWN[name] if column not in mapped]
        for name in FIELDS
    }

    def build(row: Row) -> Event | Fault:
        if row.values is None:
            return Fault(row.fault)
        values = dict(row.values)
        event = _take_text(values, _first_present(values, candidates["event"]))
        if not event:
            return _missing("event", candidates["event"])
        distinct_id = _take_text(values, candidates["distinct_id"])
        if not distinct_id:
            return _missing("distinct_id", candidates["distinct_id"])
        when = _take(values, _first_present(values, candidates["timestamp"]))
        if when is None:
            return _missing("timestamp", candidates["timestamp"])
        timestamp = parse_time(when, columns.zone)
        if isinstance(timestamp, Fault):
            return timestamp
        event_id = _take_event_id(values, candidates["event_id"])
        if event_id is None and "event_id" in columns.mapped:
            return Fault(
                f"{columns.mapped['event_id']} is not a UUID: leave the column unmapped, or correct it"
            )
        session_id = _take_text(values, candidates["session_id"])
        properties = _properties(values, columns.numbers)
        if isinstance(properties, Fault):
            return properties
        return Event(
            event=event,
            distinct_id=distinct_id,
            properties=properties,
            timestamp=timestamp,
            event_id=event_id or str(uuid.uuid5(namespace, str(row.number))),
            session_id=session_id,
        )

    return build


def parse_time(value: Any, zone: ZoneInfo) -> datetime | Fault:
    """Read a time: RFC 3339, date and time with or without zone, a date, or Unix seconds or milliseconds.

    Args:
        value: text, or a number (of JSON).
        zone: taken where the text names none; an hour that it has twice is the first of the two.

    Returns:
        The instant in UTC, or what is wrong with it.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _unix_time(value)
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        return _unix_time(float(text))
    try:
        if _DATE_TIME.fullmatch(text):
            local = datetime.fromisoformat(re.sub(r"\s+(?=[Zz+-])", "", text).upper())
            aware = local if local.tzinfo is not None else local.replace(tzinfo=zone)
            return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # said below, as for any other text
    return Fault(
        f"{text[:40]!r} is not a time: use 2026-01-31T12:00:00Z, 2026-01-31 12:00:00 or Unix seconds"
    )


def _unix_time(number: float) -> datetime | Fault:
    try:
        if abs(number) < _SECONDS_BELOW:
            return _EPOCH + timedelta(seconds=number)
        if abs(number) < _MILLISECONDS_BELOW:
            return _EPOCH + timedelta(milliseconds=number)
    except (OverflowError, ValueError):
        pass  # said below, as for any other number
    return Fault(f"{number:g} is not a Unix time in seconds or milliseconds")


def _first_present(values: Mapping[str, Any], candidates: Iterable[str]) -> list[str]:
    return [column for column in candidates if column in values][:1]


def _take(values: dict[str, Any], candidates: Iterable[str]) -> Any:
    for column in candidates:
        if values.get(column) not in (None, ""):
            return values.pop(column)
    return None


def _take_text(values: dict[str, Any], candidates: Iterable[str]) -> str | None:
    """Take a name; JSON numbers are good ids, other JSON values are no names."""
    value = _take(values, candidates)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _take_event_id(values: dict[str, Any], candidates: Iterable[str]) -> str | None:
    """Take the first candidate that is a UUID; any other stays a property."""
    for column in candidates:
        found = event_id_in(values.get(column))
        if found is not None:
            del values[column]
            return found
    return None


def event_id_in(value: Any) -> str | None:
    """Return a UUID as events have them, if the value is one."""
    if isinstance(value, str) and len(value) == 36:
        try:
            parsed = str(uuid.UUID(value))
        except ValueError:
            return None
        if parsed == value.lower():
            return parsed
    return None


def _missing(name: str, candidates: Iterable[str]) -> Fault:
    return Fault(f"has no {name} (column {' or '.join(candidates)}): fill it, or leave the row out")


def _properties(values: dict[str, Any], numbers: frozenset[str]) -> dict[str, Any] | Fault:
    nested = values.pop("properties", None)
    properties: dict[str, Any] = {}
    if isinstance(nested, dict):
        properties = nested
    elif nested not in (None, ""):
        properties["properties"] = nested
    for column, value in values.items():
        if value is None or value == "":
            continue
        if column in numbers and isinstance(value, str):
            number = _number(value)
            if number is None:
                return Fault(
                    f"{column} is {value[:40]!r}, which is no number: take it out of --numbers, or correct it"
                )
            properties[column] = number
        else:
            properties.setdefault(column, value)
    return properties


def _number(text: str) -> int | float | None:
    if "_" in text:  # Python alone reads 1_000 as a number
        return None
    try:
        return int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
    return number if number - number == 0 else None  # NaN and the infinities have no JSON
