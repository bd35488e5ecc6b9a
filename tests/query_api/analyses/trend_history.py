"""The events that trends are asked about, and how an answer is held against a count by hand."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from query_api.analyses.breakdowns import BreakdownAnswer
from query_api.analyses.trend_models import TrendsResult
from query_api.models import Answer
from sinks.clickhouse.connect import connect
from tests.query_api.conftest import Stores
from tests.query_api.filter_oracle import Known, sessions_of
from tests.query_api.numbers_oracle import bucket_start, chosen, line, split
from tests.query_api.stored import Stored, write

START = datetime(2026, 10, 20, tzinfo=UTC)
FIRST, LAST = "2026-10-21", "2026-10-30"


def generated(count: int = 900) -> list[Stored]:
    """Events of two projects over eleven days, among them the end of summer time."""
    chance = random.Random(11)
    events = []
    for number in range(count):
        user = chance.randint(1, 25)
        properties: dict[str, Any] = {
            "plan": chance.choice(["free", "pro", "", "$other", "x" * 101, True, None, 7])
        }
        if chance.random() < 0.7:
            properties["amount"] = chance.choice([5, 0.25, -3, "12.5", "none", None, 1000, True])
        events.append(
            Stored(
                project_id=1 if number % 5 else 2,
                event=chance.choice(["page", "click", "buy"]),
                distinct_id=f"user-{user}",
                timestamp=START + timedelta(microseconds=chance.randint(0, 11 * 86_400_000_000)),
                properties=properties,
                context={"$browser": chance.choice(["Firefox", "Chrome", "Safari"])} if number % 7 else {},
                session_id=f"s-{user}" if user % 3 else "",
            )
        )
    return events


EVENTS = generated()
MINE = [event for event in EVENTS if event.project_id == 1]
LINKED = {"user-1": "user-2", "user-2": "user-2", "user-3": "user-2"}
KNOWN = Known(person=LINKED, sessions=sessions_of(MINE))


def write_history(stores: Stores) -> None:
    """Store both projects' events; some ids of project 1 are linked."""
    write(stores.clickhouse_url, EVENTS)
    with connect(stores.clickhouse_url) as client:
        rows = [(1, distinct_id, person, 1) for distinct_id, person in LINKED.items()]
        client.insert("people", rows, column_names=["project_id", "distinct_id", "person_id", "version"])


async def ask(api: httpx.AsyncClient, name: str, **question: Any) -> dict[str, Any]:
    """Ask, and hold the answer against its model."""
    question.setdefault("range", {"from": FIRST, "to": LAST})
    response = await api.post(f"/analytics/{name}", json=question)
    assert response.status_code == 200, response.text
    answers: dict[str, type[Answer]] = {"trends": TrendsResult, "breakdown": BreakdownAnswer}
    answers[name].model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    return answer


def close(one: Any, other: Any) -> bool:
    """Whether two numbers are the same but for rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def same(answered: dict[str, Any], values: list[Any], total: Any) -> None:
    """Hold a line of an answer against the oracle."""
    found = [point["value"] for point in answered["points"]]
    assert len(found) == len(values)
    assert all(close(one, other) for one, other in zip(found, values, strict=True)), (found, values)
    assert close(answered["total"], total)


def within(events: list[Stored], answer: dict[str, Any]) -> list[Stored]:
    """Return the events that an answer is about."""
    first, last = datetime.fromisoformat(answer["from"]), datetime.fromisoformat(answer["to"])
    return [event for event in events if first <= event.timestamp < last]


def check_series(
    question: dict[str, Any], answer: dict[str, Any], known: Known = KNOWN, events: list[Stored] = MINE
) -> None:
    """Hold every line against the oracle."""
    zone, interval = ZoneInfo(question.get("timezone", "UTC")), question.get("interval", "day")
    looked_at = within(events, answer)
    lines = iter(line for line in answer["series"] if line["key"] != "formula")
    for key, series in zip("ABCDEFGHIJ", question["series"], strict=False):
        found = chosen(series, looked_at, question.get("filter"), known)
        breakdown = question.get("breakdown")
        parts = split(series, found, breakdown, known=known) if breakdown else {None: found}
        answered = [next(lines) for _ in parts]
        assert {one["breakdown"] for one in answered} == set(parts)
        for one in answered:
            times = [point["time"] for point in one["points"]]
            values, total = line(
                series,
                parts[one["breakdown"]],
                times,
                lambda event: bucket_start(event.timestamp, interval, zone),
                cumulative=question.get("cumulative", False),
                known=known,
            )
            assert (one["key"], one["event"]) == (key, series.get("event"))
            same(one, values, total)
    assert next(lines, None) is None
