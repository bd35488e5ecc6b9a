"""Times as vendors' SDKs write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from schemas.wire import Instant

_WITHOUT_ZONE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?)?", re.ASCII)
_ZONE_WITHOUT_COLON = re.compile(r"(.*[+-]\d\d)(\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_BELOW = 1e11
"""A Unix time below it is in seconds (until the year 5138), above it in milliseconds (from 1973)."""


def parse_instant(value: Any) -> datetime | None:
    """Read a time: RFC 3339, the same without a zone (taken for UTC), or Unix seconds or milliseconds.

    Returns:
        The instant in UTC; ``None`` for anything else.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _unix_instant(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    return _convert(text) or _convert(_with_zone(text))


def _with_zone(text: str) -> str:
    """Write a time without a zone, or one whose zone has no colon, as RFC 3339 does."""
    if (match := _WITHOUT_ZONE.fullmatch(text)) is not None:
        return f"{match[1]}T{match[2] or '00:00'}{match[3] or ':00'}Z"
    if (match := _ZONE_WITHOUT_COLON.fullmatch(text)) is not None:
        return f"{match[1]}:{match[2]}"
    return text


def _convert(text: str) -> datetime | None:
    try:
        instant: datetime = msgspec.convert(text, Instant)
        return instant.astimezone(UTC)
    except (msgspec.ValidationError, UnicodeEncodeError, OverflowError):
        return None


def parse_number_text(text: str | None) -> datetime | None:
    """Read Unix seconds or milliseconds written as text, as in a query string."""
    if text is None or len(text) > 20 or re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII) is None:
        return None
    return _unix_instant(float(text))


def _unix_instant(number: float) -> datetime | None:
    try:
        return _EPOCH + timedelta(seconds=number if abs(number) < _SECONDS_BELOW else number / 1000)
    except (OverflowError, ValueError):
        return None
