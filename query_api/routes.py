"""The questions that have an address; the application and the OpenAPI document are made from this table.

A route's function gets the rooms, the project of the key, and the question: the parameters of a GET, or
the body of a POST or PUT, together with what stands in the path.
"""

from query_api.analyses.breakdowns import BreakdownAnswer, BreakdownQuestion, read_breakdown
from query_api.analyses.funnels import (
    FunnelPeopleAnswer,
    FunnelPeopleQuestion,
    FunnelsAnswer,
    FunnelsQuestion,
    read_funnel_people,
    read_funnels,
)
from query_api.analyses.paths import PathsAnswer, PathsQuestion, read_paths
from query_api.analyses.retention import RetentionAnswer, RetentionQuestion, read_retention
from query_api.analyses.sessions import SessionsAnswer, SessionsQuestion, read_sessions
from query_api.analyses.stickiness import StickinessAnswer, StickinessQuestion, read_stickiness
from query_api.analyses.trend_models import TrendsQuestion, TrendsResult
from query_api.analyses.trends import read_trend_lines
from query_api.analytics_route import AnalyticsRoute
from query_api.catalogue.routes import CATALOGUE_ROUTES
from query_api.models import (
    EventsAnswer,
    EventsParameters,
    RejectedAnswer,
    RejectedParameters,
    StatsAnswer,
    StatsParameters,
    TrendsAnswer,
    TrendsParameters,
)
from query_api.newest import read_newest
from query_api.people.routes import PEOPLE_ROUTES
from query_api.project_routes import PROJECT_ROUTES
from query_api.rejected import read_rejected
from query_api.saved.routes import SAVED_ROUTES
from query_api.totals import read_totals
from query_api.trends import read_trends

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

NUMBER_ROUTES = (
    AnalyticsRoute(
        "POST",
        "trends",
        "trend_lines",
        "Numbers over time, of any events and any property",
        TrendsQuestion,
        TrendsResult,
        read_trend_lines,
    ),
    AnalyticsRoute(
        "POST",
        "breakdown",
        "breakdown",
        "One number by the values of a property",
        BreakdownQuestion,
        BreakdownAnswer,
        read_breakdown,
    ),
)

BEHAVIOUR_ROUTES = (
    AnalyticsRoute(
        "POST", "funnels", "funnels", "How far people get", FunnelsQuestion, FunnelsAnswer, read_funnels
    ),
    AnalyticsRoute(
        "POST",
        "funnels/people",
        "funnel_people",
        "Who did a step of a funnel, or dropped before it",
        FunnelPeopleQuestion,
        FunnelPeopleAnswer,
        read_funnel_people,
    ),
    AnalyticsRoute(
        "POST",
        "retention",
        "retention",
        "How many people come back",
        RetentionQuestion,
        RetentionAnswer,
        read_retention,
    ),
    AnalyticsRoute(
        "POST",
        "stickiness",
        "stickiness",
        "How regularly people do something",
        StickinessQuestion,
        StickinessAnswer,
        read_stickiness,
    ),
    AnalyticsRoute(
        "POST", "paths", "paths", "What people do after what", PathsQuestion, PathsAnswer, read_paths
    ),
    AnalyticsRoute(
        "POST",
        "sessions",
        "sessions",
        "How many sessions, and how they went",
        SessionsQuestion,
        SessionsAnswer,
        read_sessions,
    ),
)

ROUTES: tuple[AnalyticsRoute, ...] = (
    *FIRST_ROUTES,
    *NUMBER_ROUTES,
    *CATALOGUE_ROUTES,
    *BEHAVIOUR_ROUTES,
    *PEOPLE_ROUTES,
    *SAVED_ROUTES,
    *PROJECT_ROUTES,
)
