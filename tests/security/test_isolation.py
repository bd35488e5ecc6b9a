"""A read key sees its own project, whatever it asks; and text in a question is never part of a statement."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query_api.models import Parameters
from sinks.clickhouse.connect import connect
from tests.query_api.stored import Stored, write
from tests.security.questions import BY_ADDRESS, DOCUMENT, HOSTILE, bodies, questions
from tests.security.routes import QUESTIONS
from tests.security.servers import Servers

TRACE = "belongs-to-them-alone"
OURS, THEIRS = 3, 40
_slow = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60
)


def events_of(project_id: int, count: int, value: str) -> list[Stored]:
    """Make events that differ between the projects in number and in what only one of them may see."""
    now = datetime.now(UTC).replace(microsecond=0)
    return [
        Stored(
            project_id,
            "shared" if n % 2 else f"event-{value}",
            "ada" if n % 2 else f"user-{value}",
            now - timedelta(minutes=n),
            {"plan": value, "$browser": value},
            session_id=f"session-{value}",
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Servers:
    """Two projects that share event names, people and properties, and rejected events of both."""
    write(servers.clickhouse_url, events_of(1, OURS, "ours") + events_of(2, THEIRS, TRACE))
    with psycopg.connect(servers.postgres_url) as connection:
        for project, text in ((1, "ours"), (2, TRACE), (None, TRACE)):
            connection.execute(
                "INSERT INTO rejected_events (log_id, log_partition, log_offset, log_index, project_id, "
                "received_at, event_id, reason, message, payload, source, rejected_by) "
                "VALUES (1, 0, %s, 0, %s, now(), %s, 'malformed', %s, %s, 'ws.v1', 'gateway')",
                [project or 0, project, text, text, text.encode()],
            )
    return servers


@pytest.fixture(scope="module")
def client(filled: Servers) -> Iterator[httpx.Client]:
    """Asks with our read key."""
    headers = {"Authorization": f"Bearer {filled.read_keys['ours']}"}
    with httpx.Client(base_url=filled.query_api, headers=headers, timeout=60) as client:
        yield client


@given(question=questions("shared", "ada", "plan", "$browser", "-30d"))
@_slow
def test_nothing_of_another_project_is_ever_in_an_answer(
    client: httpx.Client, question: tuple[str, list[tuple[str, str]]]
) -> None:
    """Both projects have the same names; what only the other one has never shows, nor do its counts."""
    path, parameters = question
    answer = client.get(path, params=tuple(parameters))
    assert answer.status_code in {200, 400, 404}, answer.text
    assert TRACE not in answer.text
    if "trends" in path and answer.status_code == 200:
        assert all(series["total"] <= OURS for series in answer.json()["series"])
    if "stats" in path and answer.status_code == 200:
        assert answer.json()["total_events"] == OURS


@given(
    question=bodies(
        "shared", "ada", "plan", "$browser", "session-ours", "user-ours", "=", "!=", "is_set", "-30d"
    )
)
@_slow
def test_nothing_of_another_project_is_ever_in_an_answer_to_a_body(
    client: httpx.Client, question: tuple[str, dict[str, Any]]
) -> None:
    """The same of questions that come as a body, by every analysis."""
    path, body = question
    answer = client.post(path, json=body)
    assert answer.status_code in {200, 400, 404}, answer.text
    assert TRACE not in answer.text
    if "trends" in path and answer.status_code == 200:
        assert all(
            line["key"] == "formula" or (line["total"] or 0) <= OURS for line in answer.json()["series"]
        )


def test_the_other_project_sees_what_we_do_not(filled: Servers) -> None:
    """The test would notice: their key shows their rows."""
    headers = {"Authorization": f"Bearer {filled.read_keys['theirs']}"}
    answer = httpx.get(f"{filled.query_api}/analytics/events", headers=headers)
    assert TRACE in answer.text
    assert httpx.get(f"{filled.query_api}/analytics/stats", headers=headers).json()["total_events"] == THEIRS


def test_a_cursor_of_another_project_opens_nothing(client: httpx.Client, filled: Servers) -> None:
    """Where an answer of theirs stopped, ours goes on with our own rows."""
    headers = {"Authorization": f"Bearer {filled.read_keys['theirs']}"}
    theirs = httpx.get(f"{filled.query_api}/analytics/events?limit=1", headers=headers).json()
    answer = client.get("/analytics/events", params={"before": theirs["next"]})
    assert answer.status_code == 200
    assert TRACE not in answer.text


@pytest.mark.parametrize(
    "name", ["project_id", "project", "projectId", "key_id", "key", "tenant", "db", "database"]
)
@pytest.mark.parametrize("path", [address.path for address in QUESTIONS])
def test_no_parameter_names_a_project(client: httpx.Client, path: str, name: str) -> None:
    """There is none, in the description or besides it."""
    answer = client.get(path, params={name: "2"}, headers={"x-project-id": "2", "project-id": "2"})
    assert answer.status_code == 400, answer.text
    assert TRACE not in answer.text


def test_no_model_of_parameters_has_a_project() -> None:
    """Neither the models nor the document know such a field; and every question is described."""
    names = {name for model in Parameters.__subclasses__() for name in model.model_fields}
    described = {
        parameter["name"]
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
        for parameter in operation["parameters"]
    }
    assert not {name for name in names | described if "project" in name or "key" in name}
    assert {address.path for address in QUESTIONS} <= set(BY_ADDRESS)


TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=80),
    st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join),
)


def counts(servers: Servers) -> dict[str, int]:
    """Count what a statement that broke out could have changed."""
    found = {}
    with psycopg.connect(servers.postgres_url) as connection:
        for table in ("projects", "keys", "events", "rejected_events", "sink_positions"):
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert row is not None
            found[table] = row[0]
    with connect(servers.clickhouse_url) as clickhouse:
        tables = clickhouse.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase()"
        ).result_rows
        found |= {f"ch.{name}": -1 for (name,) in tables}
        found["ch.events"] = clickhouse.query("SELECT count() FROM events").result_rows[0][0]
    return found


@given(data=st.data())
@_slow
def test_text_of_a_question_is_never_part_of_a_statement(client: httpx.Client, data: st.DataObject) -> None:
    """Hostile text in any parameter is a value or a 400: no error of a store, nothing of theirs, nothing changed."""
    path, parameters = data.draw(questions(data.draw(TEXTS), data.draw(TEXTS)))
    answer = client.get(f"{path}?{urlencode(parameters, errors='surrogatepass')}")
    assert answer.status_code in {200, 400, 404}, answer.text
    assert TRACE not in answer.text


@given(data=st.data())
@_slow
def test_text_in_a_body_is_never_part_of_a_statement(client: httpx.Client, data: st.DataObject) -> None:
    """The same of every text in the body of a question."""
    path, body = data.draw(bodies(data.draw(TEXTS), data.draw(TEXTS)))
    answer = client.post(path, content=json.dumps(body))
    assert answer.status_code in {200, 400, 404}, answer.text
    assert TRACE not in answer.text


def test_after_all_that_the_stores_are_as_they_were(filled: Servers) -> None:
    """The tables are there, with the rows that this module wrote."""
    now = counts(filled)
    assert now["projects"] == 2
    assert now["rejected_events"] == 3
    assert now["ch.events"] >= OURS + THEIRS


@given(
    name=st.text(min_size=1, max_size=60), value=st.one_of(TEXTS, st.integers(-(10**9), 10**9), st.booleans())
)
@_slow
def test_names_in_events_are_data(filled: Servers, name: str, value: object) -> None:
    """The gateway takes any property name and value that the protocol allows, or refuses the event; never the batch."""
    event = {"event": name, "distinct_id": name, "properties": {name: value}}
    answer = httpx.post(
        f"{filled.gateway}/v1/batch",
        content=json.dumps({"events": [event]}),
        headers={"Authorization": f"Bearer {filled.write_keys['ours']}"},
    )
    assert answer.status_code == 200, answer.text
    refused = answer.json().get("results", [])
    assert answer.json()["accepted"] + len(refused) == 1
    assert {verdict["code"] for verdict in refused} <= {"nul_character", "lone_surrogate"}
