"""The relations beside the events: people, what is known of them, and sessions. All take ``project_id``. Constants."""

LINKED_PEOPLE = """(
    SELECT distinct_id, argMax(person_id, version) AS person_id
    FROM people
    WHERE project_id = {project_id:UInt32}
    GROUP BY distinct_id
)"""
"""(distinct_id, person_id) of distinct ids that were linked; every other one is its own person."""

SESSIONS = """(
    SELECT session_id,
        dateDiff('microsecond', min(started_at), max(ended_at)) / 1e6 AS duration,
        uniqMerge(sessions.events) AS events,
        argMinMerge(sessions.entry) AS entry,
        argMaxMerge(sessions.exit) AS exit
    FROM sessions
    WHERE project_id = {project_id:UInt32}
    GROUP BY session_id
)"""
"""(session_id, duration in seconds, events, entry, exit)."""
