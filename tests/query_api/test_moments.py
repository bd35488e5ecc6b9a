"""Points in time mean what people write."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from query_api.errors import InvalidParameter
from query_api.moments import parse_moment, parse_zone

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 30, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ends", "expected"),
    [
        ("now", False, "2026-03-30T10:15:00+00:00"),
        ("-30m", False, "2026-03-30T09:45:00+00:00"),
        ("-48h", False, "2026-03-28T10:15:00+00:00"),
        ("-2d", False, "2026-03-28T11:15:00+00:00"),
        ("-1w", True, "2026-03-23T11:15:00+00:00"),
        ("2026-03-29", False, "2026-03-28T23:00:00+00:00"),
        ("2026-03-29", True, "2026-03-29T22:00:00+00:00"),
        ("2026-03-29T01:00:00Z", True, "2026-03-29T01:00:00+00:00"),
        ("2026-03-29T01:00:00.5+05:45", False, "2026-03-28T19:15:00.500000+00:00"),
        ("2026-03-29T01:00:00 02:00", False, "2026-03-28T23:00:00+00:00"),
    ],
)
def test_every_form_is_understood(text: str, expected: str, *, ends: bool) -> None:
    """Instants, dates in the zone, and spans of the clock and of the calendar."""
    moment = parse_moment(text, BERLIN, NOW, field="from", ends=ends)
    assert moment.isoformat() == expected
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-03-29T01:00:00",
        "2026-02-30",
        "-5y",
        "-999999w",
        "-\u0661d",
        "20260329",
        "1969-12-31",
        "2106-06-01",
        "9999-12-31",
        "0001-01-01T00:00:00+14:00",
        "2026-03-29T25:00:00Z",
    ],
)
@pytest.mark.parametrize("ends", [True, False])
def test_anything_else_is_refused_by_name(text: str, *, ends: bool) -> None:
    """The error names the parameter."""
    with pytest.raises(InvalidParameter) as caught:
        parse_moment(text, BERLIN, NOW, field="to", ends=ends)
    assert caught.value.field == "to"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "europe/berlin", "UTC'; DROP TABLE x"])
def test_only_known_zones_are_looked_up(name: str) -> None:
    """A name that is no zone never becomes a path."""
    with pytest.raises(InvalidParameter) as caught:
        parse_zone(name)
    assert caught.value.field == "timezone"
