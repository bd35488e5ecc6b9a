"""The buckets of a time range in a time zone: minutes to months as people there live them.

A day is from local midnight to local midnight, so it has 23 or 25 hours when clocks change. A week
begins on Monday (ISO 8601), a month on its first day. The
hour that clocks repeat is two buckets, told apart by their offset. Where clocks move by half an
hour, one bucket is half an hour long.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise


class Interval(StrEnum):
    """How long a bucket is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_STEP = {
    Interval.MINUTE: timedelta(minutes=1),
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(days=7),
    # The shortest, for estimates; the calendar knows how long each is.
    Interval.MONTH: timedelta(days=28),
}
_OF_THE_CALENDAR = (Interval.DAY, Interval.WEEK, Interval.MONTH)
_HOUR = timedelta(hours=1)
_NEAR_MIDNIGHT = timedelta(hours=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """Buckets of one length that follow each other. Seconds; ``start`` is since 1970-01-01 UTC."""

    start: int
    step: int


@dataclass(frozen=True)
class Buckets:
    """Consecutive buckets. ``bounds`` are their starts and the end of the last one, in UTC seconds."""

    bounds: tuple[int, ...]
    zone: tzinfo

    @property
    def starts(self) -> tuple[int, ...]:
        """Start of each bucket, in seconds since 1970-01-01 UTC."""
        return self.bounds[:-1]

    @property
    def start(self) -> int:
        """Start of the first bucket."""
        return self.bounds[0]

    @property
    def end(self) -> int:
        """End of the last bucket, which is not in it."""
        return self.bounds[-1]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The same buckets as a few runs, which is how a store gets told of them.

        The bucket of an instant ``t`` starts at ``run.start + (t - run.start) // run.step * run.step``
        with the last run that starts at or before ``t``.
        """
        runs: list[Run] = []
        for start, end in pairwise(self.bounds):
            if not runs or runs[-1].step != end - start:
                runs.append(Run(start, end - start))
        return tuple(runs)

    def aligned_to(self, seconds: int) -> bool:
        """Whether every bound falls on a multiple of ``seconds`` in UTC."""
        return all(bound % seconds == 0 for bound in self.bounds)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The start of each bucket, as :meth:`label` writes it."""
        return tuple(self.label(start) for start in self.starts)

    def label(self, instant: int) -> str:
        """RFC 3339 of an instant, with the zone's offset at that time."""
        return _label(instant, self.zone)


@lru_cache(maxsize=20_000)
def _label(instant: int, zone: tzinfo) -> str:
    # Charts that are live ask for the same minutes again and again, a thousand at a time.
    return datetime.fromtimestamp(instant, zone).isoformat()


def estimated_count(start: datetime, end: datetime, interval: Interval) -> int:
    """Roughly how many buckets a range has, without making them."""
    return int((end - start) / _STEP[interval]) + 1


def buckets_of(start: datetime, end: datetime, interval: Interval, zone: tzinfo) -> Buckets:
    """Return the buckets that touch [start, end), the first and the last one whole.

    Args:
        start: aware; before ``end``.
        end: aware.
        interval: length of a bucket.
        zone: whose clocks count.
    """
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    bounds = []
    for bound in _bounds(first, interval, zone):
        bounds.append(_seconds(bound))
        if bound >= last:
            break
    return Buckets(tuple(bounds), zone)


def bounds_before(start: int, count: int, interval: Interval, zone: tzinfo) -> tuple[int, ...]:
    """Return the bounds of the ``count`` buckets that end where one starts.

    Args:
        start: of a bucket, in seconds since 1970-01-01 UTC.
        count: how many.
        interval: length of a bucket.
        zone: whose clocks count.
    """
    end = datetime.fromtimestamp(start, UTC)
    # Buckets may be shorter than the step where clocks change, never longer by more than three days.
    reach = _STEP[interval] * count + (
        count * timedelta(days=3) if interval is Interval.MONTH else _NEAR_MIDNIGHT * 13
    )
    bounds = []
    for bound in _bounds(end - reach, interval, zone):
        bounds.append(_seconds(bound))
        if bound >= end:
            break
    return tuple(bounds[-count - 1 :])


def _bounds(instant: datetime, interval: Interval, zone: tzinfo) -> Iterator[datetime]:
    """Yield the start of the bucket that ``instant`` is in, and of all that follow. UTC throughout."""
    if interval in _OF_THE_CALENDAR:
        day = _calendar_floor(_local_day(instant, zone), interval)
        bound = _first_instant(day, zone)
        yield bound
        while True:
            day = _calendar_next(day, interval)
            following = _first_instant(day, zone)
            # A zone that moved over the date line has days that nobody lived.
            if following > bound:
                bound = following
                yield bound
    step = _STEP[interval]
    bound = _floor(instant, step, zone)
    yield bound
    while True:
        before, bound = bound, _next(bound, step, zone)
        yield bound
        # Zones are slow to ask: through most hours no clock changes, and then minutes follow by themselves.
        if step < _HOUR and bound - before == step and _offset_change(bound, bound + _HOUR, zone) is None:
            for _ in range(1, _HOUR // step):
                bound += step
                yield bound


def _local_day(instant: datetime, zone: tzinfo) -> date:
    day = instant.astimezone(zone).date()
    # Within the minute after midnight before clocks went back it is still the day before.
    return day - timedelta(days=1) if _first_instant(day, zone) > instant else day


def _calendar_floor(day: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if interval is Interval.WEEK else day


def _calendar_next(day: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return (day + timedelta(days=31)).replace(day=1)
    return day + _STEP[interval]


def _first_instant(day: date, zone: tzinfo) -> datetime:
    """Return when ``day`` begins, for good if clocks go back over midnight."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    first = midnight.astimezone(UTC)
    # Where clocks skip midnight, it is told by the old offset; the day starts when they jump.
    jump = _offset_change(first - _NEAR_MIDNIGHT, first, zone)
    if jump is not None and jump.astimezone(zone).date() == day:
        return jump
    back = _offset_change(first, first + _NEAR_MIDNIGHT, zone)
    if back is not None and back.astimezone(zone).date() < day:
        return midnight.replace(fold=1).astimezone(UTC)
    return first


def _floor(instant: datetime, step: timedelta, zone: tzinfo) -> datetime:
    offset = _offset(instant, zone)
    floor = instant - (instant - _EPOCH + offset) % step
    change = _offset_change(floor, instant, zone)
    return floor if change is None else change


def _next(bound: datetime, step: timedelta, zone: tzinfo) -> datetime:
    following = bound - (bound - _EPOCH + _offset(bound, zone)) % step + step
    change = _offset_change(bound, following, zone)
    return following if change is None else change


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    return timedelta() if offset is None else offset


def _offset_change(after: datetime, until: datetime, zone: tzinfo) -> datetime | None:
    """Return the instant in (after, until] from which another offset is in force, if there is one."""
    before = _offset(after, zone)
    if _offset(until, zone) == before:
        return None
    # Offsets change on whole seconds and at most once within the hours that are asked about.
    same, other = _seconds(after), _seconds(until)
    while other - same > 1:
        middle = (same + other) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), zone) == before:
            same = middle
        else:
            other = middle
    return datetime.fromtimestamp(other, UTC)


def _seconds(instant: datetime) -> int:
    # Thrice as fast as dividing the timedelta.
    return int((instant - _EPOCH).total_seconds() // 1)
