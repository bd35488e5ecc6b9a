"""Text of a question is never read as SQL, wherever it stands; nobody sees the other project's people."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.query_api.analyses.history import UTC_MARCH, Happened, History, store
from tests.query_api.conftest import Stores
from tests.security.questions import HOSTILE

RANGE = {"from": "2026-03-27", "to": "2026-04-06"}
FILTER = {
    "match": "all",
    "filters": [
        {"property": "text", "operator": "=", "value": "text"},
        {
            "match": "any",
            "filters": [{"property": "text", "of": "person", "operator": "contains", "value": "text"}],
        },
        {"property": "entry", "of": "session", "operator": "regex", "value": "text"},
        {"property": "text", "of": "group:text", "operator": "!=", "value": "text"},
    ],
}
SELECTOR = {"event": "text", "filter": FILTER, "label": "text"}
COMMON = {"range": RANGE, "timezone": "UTC", "filter": FILTER}
FUNNEL = {
    **COMMON, "steps": [SELECTOR, {"event": "text"}], "order": "ordered", "window": "1d",
    "breakdown": {"property": "text", "of": "event"},
}  # fmt: skip
QUESTIONS: dict[str, dict[str, Any]] = {
    "funnels": FUNNEL,
    "funnels/people": {**FUNNEL, "step": 1, "outcome": "converted", "cursor": "1.text"},
    "retention": {**COMMON, "interval": "day", "kind": "recurring", "start": SELECTOR, "returning": SELECTOR},
    "stickiness": {**COMMON, "interval": "day", "series": [SELECTOR]},
    "paths": {**COMMON, "by": "text", "from_step": "text", "to_step": "text", "gap": "30m"},
    "sessions": {**COMMON, "interval": "day"},
}
BIDDEN: dict[str, dict[str, Any]] = {  # What each of them asks for when nothing is hidden from it.
    "funnels": {"range": RANGE, "steps": [{"event": None}, {"event": None}]},
    "funnels/people": {"range": RANGE, "steps": [{"event": None}, {"event": None}]},
    "retention": {"range": RANGE},
    "stickiness": {"range": RANGE},
    "paths": {"range": RANGE},
    "sessions": {"range": RANGE},
}


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """One person here; many of the other project, whose every name gives it away."""
    events = [
        Happened(
            "ours",
            "our person",
            UTC_MARCH + timedelta(minutes=minute),
            UUID(int=minute),
            session_id="our session",
        )
        for minute in range(3)
    ]
    events += [
        Happened(
            f"secret {number % 5}", f"secret {number}", UTC_MARCH + timedelta(minutes=number), UUID(int=100 + number),
            {"text": "secret"}, session_id=f"secret {number % 7}", project_id=2,
        )
        for number in range(200)
    ]  # fmt: skip
    store(stores.clickhouse_url, History(tuple(events)))


def places(question: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every text of a question."""
    children = question.items() if isinstance(question, dict) else enumerate(question)
    for name, value in children:
        if isinstance(value, str):
            yield (name,)
        elif isinstance(value, dict | list):
            yield from ((name, *rest) for rest in places(value))


def replaced(question: Any, way: tuple[Any, ...], text: str) -> Any:
    """Return the question with another text in one place."""
    if not way:
        return text
    copy = dict(question) if isinstance(question, dict) else list(question)
    copy[way[0]] = replaced(question[way[0]], way[1:], text)
    return copy


@pytest.mark.parametrize("path", QUESTIONS)
async def test_no_text_is_read_as_sql(api: httpx.AsyncClient, path: str) -> None:
    """Each place takes each hostile text as a text, or names itself in a refusal; nothing of others shows."""
    question = QUESTIONS[path]
    for number, way in enumerate(places(question)):
        # Each place gets one of them, another one in each question.
        text = HOSTILE[(number + 5 * list(QUESTIONS).index(path)) % len(HOSTILE)]
        response = await api.post(f"/analytics/{path}", json=replaced(question, way, text))
        assert response.status_code in {200, 400}, (way, text, response.text)
        assert "secret" not in response.text
        if response.status_code == 400:
            named = response.json()["error"]["field"]
            assert named.split(".")[0] == str(way[0]), (way, text, response.text)


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_type_of_groups_is_a_text_too(api: httpx.AsyncClient, text: str) -> None:
    """In a condition, in a breakdown and in the catalogue: there are no such groups, or the type is refused."""
    of = f"group:{text}"
    condition = {"property": "text", "of": of, "operator": "is_set"}
    for name in (text, "$group_key"):
        breakdown = {"property": name, "of": of}
        for path, question in (
            ("breakdown", {"range": RANGE, "breakdown": breakdown, "filter": {"filters": [condition]}}),
            ("funnels", {**BIDDEN["funnels"], "breakdown": breakdown}),
        ):
            response = await api.post(f"/analytics/{path}", json=question)
            assert response.status_code in {200, 400}, (path, response.text)
            assert "secret" not in response.text
        response = await api.get("/analytics/catalogue/values", params={"of": of, "property": name})
        assert response.status_code == 400 or response.json()["values"] == [], response.text


@pytest.mark.parametrize("path", BIDDEN)
async def test_a_project_has_only_its_own_rows(api: httpx.AsyncClient, path: str) -> None:
    """The widest question there is shows one person, and no name of the other project."""
    response = await api.post(f"/analytics/{path}", json=BIDDEN[path])
    assert response.status_code == 200, response.text
    assert "secret" not in response.text
    answer = response.json()
    people = {
        "funnels": ("steps", 0, "count"),
        "funnels/people": ("people",),
        "retention": ("rows", 0, "size"),
        "stickiness": ("series", 0, "counts", 0),
        "paths": ("nodes", 0, "people"),
        "sessions": ("people",),
    }
    found = answer
    for name in people[path]:
        found = found[name]
    assert (len(found) if isinstance(found, list) else found) == 1
