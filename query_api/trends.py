"""Numbers over time: events or users, by bucket, by event, by one property."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from query_api.buckets import Buckets, Interval, buckets_of, estimated_count
from query_api.columns import Columns
from query_api.errors import InvalidParameter, QueryTooExpensive
from query_api.models import Point, Series, TrendsAnswer, TrendsParameters
from query_api.moments import parse_moment, parse_zone
from query_api.plan import Exactness, Plan, Source, plan_trends
from query_api.rooms import Rooms
from query_api.sql import TRENDS
from query_api.trend_rows import Line, TrendRow, lines_of, overflowed

MAX_BUCKETS = 10_000
MAX_POINTS = 50_000

_COARSER = {Interval.MINUTE: "interval=hour or ", Interval.HOUR: "interval=day or ", Interval.DAY: ""}
_log = structlog.get_logger()


async def read_trends(rooms: Rooms, project_id: int, asked: TrendsParameters) -> TrendsAnswer:
    """Answer a question about trends.

    Args:
        rooms: the stores and the clock.
        project_id: of the key that asks.
        asked: the question.

    Raises:
        InvalidParameter: the range or the time zone makes no sense, or asks for too many points.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    zone = parse_zone(asked.timezone)
    buckets = _buckets(asked, zone, rooms.now())
    plan = plan_trends(asked.measure, buckets, breakdown=asked.breakdown is not None)
    parameters = _bound(project_id, asked, buckets)
    as_of = await rooms.postgres.as_of()
    rows, plan = await _ask(rooms.columns, plan, asked, parameters)
    names = list(dict.fromkeys(asked.event)) or [""]
    lines = lines_of(rows, buckets.starts, names, breakdown=asked.breakdown is not None)
    labels = [buckets.label(start) for start in buckets.starts]
    return TrendsAnswer.model_validate(
        {
            "interval": asked.interval,
            "timezone": asked.timezone,
            "from": labels[0],
            "to": buckets.label(buckets.end),
            "series": [_series(line, labels) for line in lines],
            "as_of": as_of,
            "exactness": plan.exactness,
            "source": plan.source,
        }
    )


def _buckets(asked: TrendsParameters, zone: ZoneInfo, now: datetime) -> Buckets:
    start = parse_moment(asked.from_, zone, now, field="from", ends=False)
    end = parse_moment(asked.to, zone, now, field="to", ends=True)
    if start >= end:
        raise InvalidParameter(
            f"from ({start.isoformat()}) must be before to ({end.isoformat()})", field="from"
        )
    advice = f"; use {_COARSER[asked.interval]}a shorter range"
    # Estimated first, so that a silly range costs nothing.
    if estimated_count(start, end, asked.interval) > MAX_BUCKETS + 2:
        raise InvalidParameter(
            f"that would be more than {MAX_BUCKETS} points in a series{advice}", field="interval"
        )
    buckets = buckets_of(start, end, asked.interval, zone)
    per_event = 1 if asked.breakdown is None else asked.breakdown_limit + 2
    points = len(buckets.starts) * max(1, len(asked.event)) * per_event
    if len(buckets.starts) > MAX_BUCKETS or points > MAX_POINTS:
        raise InvalidParameter(
            f"that would be {points} points, at most {MAX_POINTS} are allowed and {MAX_BUCKETS} in a series"
            f"{advice}, fewer events or a lower breakdown_limit",
            field="interval",
        )
    return buckets


def _bound(project_id: int, asked: TrendsParameters, buckets: Buckets) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "start": buckets.start,
        "end": buckets.end,
        "run_starts": [run.start for run in buckets.runs],
        "run_steps": [run.step for run in buckets.runs],
        "events": list(asked.event),
        "breakdown": asked.breakdown or "",
        "breakdown_limit": asked.breakdown_limit,
    }


async def _ask(
    columns: Columns, plan: Plan, asked: TrendsParameters, parameters: Mapping[str, Any]
) -> tuple[list[TrendRow], Plan]:
    variant = (asked.measure, asked.breakdown is not None, bool(asked.event))
    rows = await columns.rows(TRENDS[plan.source, *variant], parameters, TrendRow)
    if not (plan.may_overflow and overflowed(rows)):
        return rows, plan
    try:
        exact = await columns.rows(TRENDS[Source.EVENTS, *variant], parameters, TrendRow)
    except QueryTooExpensive:
        # The rollup's answer is complete but for the names of rare values, and says so.
        _log.info("breakdown stays approximate", breakdown=asked.breakdown, source=plan.source)
        return rows, Plan(plan.source, Exactness.APPROXIMATE)
    return exact, Plan(Source.EVENTS, Exactness.EXACT)


def _series(line: Line, labels: list[str]) -> Series:
    points = [Point(time=label, value=value) for label, value in zip(labels, line.values, strict=True)]
    return Series(event=line.series or None, breakdown=line.breakdown, points=points, total=line.total)
