"""Formats an event as one line of tab-separated text that both stores read."""

import re
from datetime import UTC, datetime, timedelta

from schemas.envelope import LogEvent, SubBatch

NULL = b"\\N"
_SPECIAL = re.compile(r"[\\\t\n\r\x08\x0b\x0c]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\v": "\\v", "\f": "\\f"}


def escape_text(text: str) -> bytes:
    """Escape text as both formats understand it."""
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(lambda match: _ESCAPES[match[0]], text)
    return text.encode()


def escape_json(raw: bytes) -> bytes:
    """Escape JSON: a backslash is doubled, white space between tokens becomes a blank."""
    if b"\\" in raw:
        raw = raw.replace(b"\\", b"\\\\")
    if b"\n" in raw or b"\t" in raw or b"\r" in raw:
        # Inside JSON strings these stand escaped only.
        raw = raw.translate(_BLANKS)
    return raw


_BLANKS = bytes.maketrans(b"\n\t\r", b"   ")


def format_time(instant: datetime) -> bytes:
    """Format a time that is in UTC as ``YYYY-MM-DD HH:MM:SS[.ffffff]``."""
    return instant.isoformat(" ")[:-6].encode()


def format_client_time(instant: datetime) -> bytes:
    """Format a time with the zone that the client gave it.

    RFC 3339 has zones up to 23:59, PostgreSQL up to 15:59: a time in one beyond is told in UTC.
    """
    offset = instant.utcoffset()
    if offset is not None and abs(offset) >= _ZONES_END:
        try:
            instant = instant.astimezone(UTC)
        except OverflowError:
            # The last hours of the year 9999, or the first of the year 1, are in a year beyond.
            instant = _LAST if offset < timedelta() else _FIRST
    return instant.isoformat(" ").encode()


_ZONES_END = timedelta(hours=16)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def row_prefix(project_id: int) -> bytes:
    """Start of each row of a sub-batch."""
    return b"%d\t" % project_id


def row_suffix(batch: SubBatch, log_id: int, partition: int, offset: int) -> bytes:
    """End of each row of a sub-batch: all columns after ``context``, and the newline."""
    return b"\t%b\t%d\t%d\t%d\n" % (escape_text(batch.source), log_id, partition, offset)


def format_row(
    event: LogEvent, timestamp: datetime, received_at: bytes, raw_properties: bytes, context: bytes
) -> bytes:
    """Format the columns that differ from event to event.

    Args:
        event: as it stands in the log.
        timestamp: its corrected time, in UTC.
        received_at: formatted time of arrival.
        raw_properties: JSON as it was sent.
        context: JSON, already escaped.
    """
    session_id = event.session_id
    client_timestamp = event.timestamp
    return b"\t".join(
        (
            event.event_id.encode(),
            escape_text(event.event),
            escape_text(event.distinct_id),
            format_time(timestamp),
            NULL if client_timestamp is None else format_client_time(client_timestamp),
            received_at,
            NULL if session_id is None else escape_text(session_id),
            escape_json(raw_properties),
            context,
        )
    )
