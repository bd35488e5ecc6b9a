"""The addresses of what is about the project as a whole: whose it is, the pipeline, SQL, files."""

from query_api.about import MeAnswer, MeParameters, read_me
from query_api.analytics_route import AnalyticsRoute, DownloadRoute
from query_api.console.console import SqlAnswer, SqlQuestion, read_sql
from query_api.exports import (
    MEDIA_TYPES,
    ExportParameters,
    ExportQuestion,
    PersonExportParameters,
    export_asked,
    export_named,
    export_person,
)
from query_api.pipeline import PipelineAnswer, PipelineParameters, read_pipeline

PROJECT_ROUTES = (
    AnalyticsRoute("GET", "me", "me", "The project of the key", MeParameters, MeAnswer, read_me),
    AnalyticsRoute(
        "GET",
        "pipeline",
        "pipeline",
        "How far events have come",
        PipelineParameters,
        PipelineAnswer,
        read_pipeline,
    ),
    AnalyticsRoute("POST", "sql", "sql", "One SELECT of your own", SqlQuestion, SqlAnswer, read_sql),
)

DOWNLOADS = (
    DownloadRoute(
        "POST",
        "export",
        "export",
        "Events as a file",
        ExportQuestion,
        tuple(MEDIA_TYPES.values()),
        export_asked,
    ),
    DownloadRoute(
        "GET",
        "export",
        "export_link",
        "Events as a file, by an address alone",
        ExportParameters,
        tuple(MEDIA_TYPES.values()),
        export_named,
    ),
    DownloadRoute(
        "GET",
        "users/{person_id}/export",
        "export_user",
        "All that is kept about a person: a line about them, then one for each event",
        PersonExportParameters,
        ("application/jsonl",),
        export_person,
    ),
)
