"""The kit for writing dataflows: what a data engineer imports, and all of it.

A flow is a file with one :class:`Flow`; what it does is a function over streams of event batches. The steps
keep it right: whatever is killed, the effect is that of every event once.
"""

from dataflows.kit.aggregates import (
    Aggregate,
    count,
    count_of,
    distinct_of,
    max_of,
    mean_of,
    min_of,
    sum_of,
    top_of,
)
from dataflows.kit.alerts import Alert, alert
from dataflows.kit.batch import Event, EventBatch, Events, named, prop
from dataflows.kit.event_steps import drop_repeats, enrich, filter_events, map_batches, map_events, map_rows
from dataflows.kit.flow import Flow
from dataflows.kit.inputs import BackfillSource, FileSource, LogSource
from dataflows.kit.joins import join_table
from dataflows.kit.rows import Rows, Window, WindowRows, Windows
from dataflows.kit.sessions import session_windows
from dataflows.kit.signatures import is_signed
from dataflows.kit.sinks.clickhouse_table import ClickHouseTable
from dataflows.kit.sinks.event_stream import EventStream
from dataflows.kit.sinks.postgres_table import PostgresTable
from dataflows.kit.sinks.stdout import Stdout
from dataflows.kit.sinks.webhook import Webhook
from dataflows.kit.totals import top_k, total_windows
from dataflows.kit.windows import closed_windows, sliding_windows, tumbling_windows, window_partials
from dataflows.kit.writing import write

__all__ = [
    "Aggregate",
    "Alert",
    "BackfillSource",
    "ClickHouseTable",
    "Event",
    "EventBatch",
    "EventStream",
    "Events",
    "FileSource",
    "Flow",
    "LogSource",
    "PostgresTable",
    "Rows",
    "Stdout",
    "Webhook",
    "Window",
    "WindowRows",
    "Windows",
    "alert",
    "closed_windows",
    "count",
    "count_of",
    "distinct_of",
    "drop_repeats",
    "enrich",
    "filter_events",
    "is_signed",
    "join_table",
    "map_batches",
    "map_events",
    "map_rows",
    "max_of",
    "mean_of",
    "min_of",
    "named",
    "prop",
    "session_windows",
    "sliding_windows",
    "sum_of",
    "top_k",
    "top_of",
    "total_windows",
    "tumbling_windows",
    "window_partials",
    "write",
]
