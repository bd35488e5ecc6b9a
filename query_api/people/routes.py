"""The addresses of people and cohorts."""

from query_api.analytics_route import AnalyticsRoute
from query_api.people.cohorts import (
    ChangedCohort,
    Cohort,
    CohortParameters,
    CohortPreview,
    CohortPreviewAnswer,
    CohortRemoved,
    CohortsAnswer,
    CohortsParameters,
    NewCohort,
    add_cohort,
    change_cohort,
    list_cohorts,
    preview_cohort,
    read_cohort,
    remove_cohort,
)
from query_api.people.profile import (
    PersonEventsAnswer,
    PersonEventsParameters,
    PersonParameters,
    Profile,
    read_person,
    read_person_events,
)
from query_api.people.users import UsersAnswer, UsersQuestion, read_users

PEOPLE_ROUTES = (
    AnalyticsRoute(
        "POST", "users", "users", "The people of the project", UsersQuestion, UsersAnswer, read_users
    ),
    AnalyticsRoute("GET", "users/{person_id}", "user", "One person", PersonParameters, Profile, read_person),
    AnalyticsRoute(
        "GET",
        "users/{person_id}/events",
        "user_events",
        "What a person did, newest first",
        PersonEventsParameters,
        PersonEventsAnswer,
        read_person_events,
    ),
    AnalyticsRoute(
        "GET", "cohorts", "cohorts", "All cohorts", CohortsParameters, CohortsAnswer, list_cohorts
    ),
    AnalyticsRoute("POST", "cohorts", "add_cohort", "Keep a cohort", NewCohort, Cohort, add_cohort),
    AnalyticsRoute(
        "POST",
        "cohorts/preview",
        "preview_cohort",
        "How many people a cohort would have",
        CohortPreview,
        CohortPreviewAnswer,
        preview_cohort,
    ),
    AnalyticsRoute(
        "GET", "cohorts/{cohort_id}", "cohort", "One cohort", CohortParameters, Cohort, read_cohort
    ),
    AnalyticsRoute(
        "PUT",
        "cohorts/{cohort_id}",
        "change_cohort",
        "Change a cohort",
        ChangedCohort,
        Cohort,
        change_cohort,
    ),
    AnalyticsRoute(
        "DELETE",
        "cohorts/{cohort_id}",
        "remove_cohort",
        "Forget a cohort",
        CohortParameters,
        CohortRemoved,
        remove_cohort,
    ),
)
