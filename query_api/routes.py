"""The questions that have an address; the application and the OpenAPI document are made from this table.

A route's function gets the rooms, the project of the key, and the question: the parameters of a GET, or
the body of a POST or PUT, together with what stands in the path.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from query_api.models import (
    Answer,
    EventsAnswer,
    EventsParameters,
    Parameters,
    RejectedAnswer,
    RejectedParameters,
    StatsAnswer,
    StatsParameters,
    TrendsAnswer,
    TrendsParameters,
)
from query_api.newest import read_newest
from query_api.rejected import read_rejected
from query_api.rooms import Rooms
from query_api.totals import read_totals
from query_api.trends import read_trends


@dataclass(frozen=True, slots=True)
class AnalyticsRoute:
    """One address below ``/analytics/``.

    Attributes:
        method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        path: below ``/analytics/``; ``{name}`` stands for a field of the question.
        name: for metrics and generated clients.
        summary: one line.
        question: what is asked.
        answer: what comes back.
        read: answers; raises errors of query_api/errors.py.
        first_dashboard: also found under ``/api``, where SmolHog's first dashboard looks.
    """

    method: str
    path: str
    name: str
    summary: str
    question: type[Parameters]
    answer: type[Answer]
    read: Callable[[Rooms, int, Any], Awaitable[Answer]]
    first_dashboard: bool = False


FIRST_ROUTES = (
    AnalyticsRoute(
        "GET",
        "stats",
        "stats",
        "Totals of the project",
        StatsParameters,
        StatsAnswer,
        read_totals,
        first_dashboard=True,
    ),
    AnalyticsRoute(
        "GET",
        "events",
        "events",
        "The newest events, newest first",
        EventsParameters,
        EventsAnswer,
        read_newest,
        first_dashboard=True,
    ),
    AnalyticsRoute(
        "GET",
        "trends",
        "trends",
        "Events or users over time",
        TrendsParameters,
        TrendsAnswer,
        read_trends,
        first_dashboard=True,
    ),
    AnalyticsRoute(
        "GET",
        "rejected",
        "rejected",
        "Events that were refused, and why",
        RejectedParameters,
        RejectedAnswer,
        read_rejected,
        first_dashboard=True,
    ),
)

ROUTES: tuple[AnalyticsRoute, ...] = (*FIRST_ROUTES,)
