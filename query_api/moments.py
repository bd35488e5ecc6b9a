"""Points in time as parameters write them: RFC 3339, a date, or how long ago."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from query_api.errors import InvalidParameter

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2106, 1, 1, tzinfo=UTC)
"""Rollups keep a bucket's start in 32 bits."""

_AGO = re.compile(r"-([0-9]{1,6})([mhdw])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MINUTES_OR_HOURS = ("m", "h")
_FORMS = (
    "an instant such as 2026-01-31T12:00:00Z, a date such as 2026-01-31, "
    "or how long ago: -30m, -24h, -7d, -4w, or now"
)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def parse_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone.

    Raises:
        InvalidParameter: there is none of that name.
    """
    # A look-up by name would open files, so only known names get that far.
    if name not in _zone_names():
        raise InvalidParameter(
            f"there is no time zone {name[:64]!r}; use an IANA name such as Europe/Berlin", field="timezone"
        )
    return ZoneInfo(name)


def parse_moment(text: str, zone: ZoneInfo, now: datetime, *, field: str, ends: bool) -> datetime:
    """Return the instant that ``text`` means, in UTC.

    Args:
        text: RFC 3339 with an offset; a date, which is that whole day in ``zone``; ``now``; or how
            long ago, where days and weeks are those of the calendar.
        zone: whose calendar counts.
        now: aware.
        field: the parameter's name, for the error.
        ends: a date means the end of its day, not the start.

    Raises:
        InvalidParameter: ``text`` is none of these, or outside of the years 1970 to 2105.
    """
    try:
        moment = _moment(text, zone, now, ends=ends)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise InvalidParameter(f"{field} must be {_FORMS}; got {text[:64]!r}", field=field)
    if not EARLIEST <= moment <= LATEST:
        raise InvalidParameter(f"{field} must be between 1970 and 2105; got {text[:64]!r}", field=field)
    return moment


def _moment(text: str, zone: ZoneInfo, now: datetime, *, ends: bool) -> datetime | None:
    if text == "now":
        return now.astimezone(UTC)
    if match := _AGO.fullmatch(text):
        ago = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if match[2] in _MINUTES_OR_HOURS:
            return now.astimezone(UTC) - ago
        # Arithmetic on an aware datetime keeps the wall clock, so a day may have 23 hours.
        return (now.astimezone(zone) - ago).astimezone(UTC)
    if _DATE.fullmatch(text):
        day = date.fromisoformat(text) + timedelta(days=ends)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    # An offset's "+" that nobody escaped arrives as a space.
    instant = datetime.fromisoformat(text.replace(" ", "+")) if text[10:11] in ("T", "t") else None
    if instant is None or instant.tzinfo is None:
        return None
    return instant.astimezone(UTC)
