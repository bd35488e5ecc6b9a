"""The tables that people's SQL sees: each a subquery of one project's rows. Constants; ``project_id`` is bound."""

from query_api.people.relations import person_relation
from query_api.questions.people_sql import LINKED_PEOPLE
from sinks.clickhouse.cluster import databases_of

_ROLLUP = """(
    SELECT bucket, event, dimension, value, sum(total) AS total
    FROM {table} FINAL
    WHERE project_id = {project_id:UInt32}
    GROUP BY bucket, event, dimension, value
)"""

RELATIONS = {
    "events": f"""(
    SELECT events.event_id AS event_id, events.event AS event, events.distinct_id AS distinct_id,
        if(linked.person_id = '', events.distinct_id, linked.person_id) AS person_id,
        events.timestamp AS timestamp, events.received_at AS received_at, events.session_id AS session_id,
        events.properties AS properties, events.context AS context, events.source AS source
    FROM events FINAL LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = events.distinct_id
    WHERE project_id = {{project_id:UInt32}}
)""",
    "rollup_minute": _ROLLUP.replace("{table}", "rollup_minute"),
    "rollup_hour": _ROLLUP.replace("{table}", "rollup_hour"),
    "sessions": """(
    SELECT session_id, any(sessions.distinct_id) AS distinct_id,
        min(sessions.started_at) AS started_at, max(sessions.ended_at) AS ended_at,
        dateDiff('microsecond', min(sessions.started_at), max(sessions.ended_at)) / 1e6 AS duration,
        uniqMerge(sessions.events) AS events,
        argMinMerge(sessions.entry) AS entry, argMaxMerge(sessions.exit) AS exit
    FROM sessions
    WHERE project_id = {project_id:UInt32}
    GROUP BY session_id
)""",
    "people": f"""(
    SELECT person_id, arraySort(groupUniqArrayArray(ids)) AS distinct_ids, anyLast(described) AS properties
    FROM (
        SELECT person_id, groupArray(distinct_id) AS ids, CAST(map(), 'Map(String, String)') AS described
        FROM {LINKED_PEOPLE} GROUP BY person_id
        UNION ALL
        SELECT person AS person_id, [person] AS ids, properties AS described
        FROM {person_relation(linked=True)}
    )
    GROUP BY person_id
)""",
}
"""By the name under which people know it."""

# What a table may show to a project at all, for the store to check once more. Of tables that are not named here
# nothing is read, because no statement has them.
_OF_PROJECT = ("events", "rollup_minute", "rollup_hour", "sessions", "people", "person_facts", "identity_links",
               "distinct_users_hour", "distinct_users_day")  # fmt: skip
_OF_NOBODY = ("rollup_positions", "schema_migrations", "table_parts")


def table_filters(database: str, project_id: int) -> dict[str, str]:
    """Return the setting ``additional_table_filters`` that leaves one project's rows.

    Args:
        database: that people's statements read; on a cluster the filters hold for each shard's own tables, too.
        project_id: whose.
    """
    of_project = dict.fromkeys(_OF_PROJECT, f"project_id = {project_id:d}")
    filters = of_project | dict.fromkeys(_OF_NOBODY, "0")
    return {f"{name}.{table}": which for name in databases_of(database) for table, which in filters.items()}
