"""When: a range of time in a zone, its buckets, and the period before it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from query_api.buckets import Buckets, Interval, bounds_before, buckets_of, estimated_count
from query_api.errors import InvalidParameter
from query_api.moments import parse_moment, parse_zone

MAX_BUCKETS = 10_000
MAX_POINTS = 50_000

_COARSER = {
    Interval.MINUTE: "interval=hour or ",
    Interval.HOUR: "interval=day or ",
    Interval.DAY: "interval=week or ",
    Interval.WEEK: "interval=month or ",
    Interval.MONTH: "",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


class Range(BaseModel):
    """From when to when."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"from": "-7d", "to": "now"}, {"from": "2026-01-01", "to": "2026-01-31"}]
        },
    )

    from_: str = Field(
        default="-7d",
        alias="from",
        max_length=64,
        description="RFC 3339 with an offset, a date (its midnight in the time zone), or how long ago: "
        "`-30m`, `-24h`, `-7d`, `-4w`.",
    )
    to: str = Field(
        default="now",
        max_length=64,
        description="The end, in the same forms; not included itself, but a date includes that day.",
    )


@dataclass(frozen=True, slots=True)
class Span:
    """A range as two instants: [start, end), in UTC; ``zone`` is whose clocks and calendar count."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def start_micros(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        return (self.start - _EPOCH) // _MICROSECOND

    @property
    def end_micros(self) -> int:
        """Likewise."""
        return (self.end - _EPOCH) // _MICROSECOND


def span_of(asked: Range, timezone: str, now: datetime) -> Span:
    """Return the instants that a range means.

    Raises:
        InvalidParameter: there is no such time zone, or the range is malformed or empty.
    """
    return span_between(asked.from_, asked.to, timezone, now, fields=("range.from", "range.to"))


def span_between(first: str, last: str, timezone: str, now: datetime, *, fields: tuple[str, str]) -> Span:
    """Return the instants from ``first`` to ``last``; ``fields`` names them in errors. Otherwise as :func:`span_of`."""
    zone = parse_zone(timezone)
    start = parse_moment(first, zone, now, field=fields[0], ends=False)
    end = parse_moment(last, zone, now, field=fields[1], ends=True)
    if start >= end:
        raise InvalidParameter(
            f"{fields[0]} ({start.isoformat()}) must be before {fields[1]} ({end.isoformat()})",
            field=fields[0],
        )
    return Span(start, end, zone)


def buckets_in(
    span: Span,
    interval: Interval,
    *,
    series: int = 1,
    field: str = "interval",
    coarsest: Interval = Interval.MONTH,
) -> Buckets:
    """Return the buckets that a range touches; the first and the last one count whole.

    Args:
        span: the range.
        interval: length of a bucket.
        series: how many numbers the answer has for each bucket, at most.
        field: who is to blame for too many.
        coarsest: the longest interval that the question could have instead.

    Raises:
        InvalidParameter: there would be more than :data:`MAX_BUCKETS`, or :data:`MAX_POINTS` in all.
    """
    advice = f"; use {_COARSER[interval] if interval is not coarsest else ''}a shorter range"
    # Estimated first, so that a silly range costs nothing.
    if estimated_count(span.start, span.end, interval) > MAX_BUCKETS + 2:
        raise InvalidParameter(
            f"that would be more than {MAX_BUCKETS} points in a series{advice}", field=field
        )
    buckets = buckets_of(span.start, span.end, interval, span.zone)
    points = len(buckets.starts) * max(1, series)
    if len(buckets.starts) > MAX_BUCKETS or points > MAX_POINTS:
        raise InvalidParameter(
            f"that would be {points} points, at most {MAX_POINTS} are allowed and {MAX_BUCKETS} in a series"
            f"{advice}, fewer series or a lower limit of the breakdown",
            field=field,
        )
    return buckets


@dataclass(frozen=True, slots=True)
class Before:
    """The period before some buckets.

    Attributes:
        starts: of as many buckets as those, right before them; the n-th of both are compared.
        buckets: what of them is counted: the first ones, the last of which may be cut short.
    """

    starts: tuple[int, ...]
    buckets: Buckets


def period_before(buckets: Buckets, interval: Interval, now: datetime) -> Before:
    """Return the period before, cut where the buckets themselves are now, so that like is compared with like.

    What is not over yet is compared with as much time: of days, weeks and months to the nearest hour, of hours to the
    nearest minute, and never less than one; then rollups can still tell.

    Raises:
        InvalidParameter: that would be before 1970.
    """
    bounds = bounds_before(buckets.start, len(buckets.starts), interval, buckets.zone)
    if bounds[0] < 0:
        raise InvalidParameter("the period before this range begins before 1970", field="compare")
    starts, seconds = bounds[:-1], int(now.timestamp())
    begun = sum(1 for start in buckets.starts if start <= seconds)
    if begun and seconds < buckets.end:
        unit = 60 if interval in {Interval.MINUTE, Interval.HOUR} else 3600
        units = max(1, round((seconds - buckets.starts[begun - 1]) / unit))
        bounds = (*bounds[:begun], min(bounds[begun - 1] + units * unit, bounds[begun]))
    return Before(starts, Buckets(bounds, buckets.zone))


def whole_units(span: Span) -> Buckets:
    """Return a range as one bucket, rounded outwards to what rollups can tell apart.

    Whole hours of the zone, as trends by the hour count them; whole minutes if the range is under a day.
    """
    unit = Interval.HOUR if span.end - span.start >= _DAY else Interval.MINUTE
    first = buckets_of(span.start, span.start + _MICROSECOND, unit, span.zone)
    last = buckets_of(span.end - _MICROSECOND, span.end, unit, span.zone)
    return Buckets((first.start, last.end), span.zone)
