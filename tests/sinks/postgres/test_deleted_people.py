"""What goes with a person who is deleted, and what stays because it is somebody else's."""

import json

import psycopg

from sinks.postgres.deleted_people import delete_failed_deliveries
from sinks.postgres.migrate import migrate_postgres


def test_given_up_calls_of_a_person_go_and_those_of_others_stay(postgres_database: str) -> None:
    """By the id as JSON writes it, and by the project where a call names one."""
    migrate_postgres(postgres_database)
    calls = {
        "hers": {"project_id": 1, "distinct_id": "ann"},
        "hers, deep": {"project_id": 1, "by": {"who": "ann"}},
        "hers, of no project": {"text": "ann"},
        "another one's": {"project_id": 1, "distinct_id": "anna"},
        "of project 12": {"project_id": 12, "distinct_id": "ann"},
        "of project 2": {"distinct_id": "ann", "project_id": 2},
    }
    with psycopg.connect(postgres_database) as connection:
        for key, body in calls.items():
            connection.execute(
                "INSERT INTO flow_failed_deliveries VALUES (%s, 'carts', 'out', 'http://x', %s, 410, 'gone', 1)",
                [key, json.dumps(body, separators=(",", ":"))],
            )
        delete_failed_deliveries(connection, 1, [b'"ann"'])
        kept = connection.execute("SELECT idempotency_key FROM flow_failed_deliveries").fetchall()
    assert {key for (key,) in kept} == {"another one's", "of project 12", "of project 2"}
