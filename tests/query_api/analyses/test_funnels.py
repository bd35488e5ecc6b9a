"""Funnels count what trying every attempt of every person counts."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from query_api.analyses.funnels import FunnelPeopleAnswer, FunnelsAnswer
from tests.query_api.analyses.funnel_oracle import Attempt, Step, best_attempt
from tests.query_api.analyses.history import UTC_MARCH, Happened, History, generated, happened, median, store
from tests.query_api.conftest import READ_TWO, Stores

pytestmark = pytest.mark.shards_too

RANGE = {"from": "2026-03-27", "to": "2026-04-06"}
ORDERS = ["ordered", "strict", "any"]


async def ask(
    api: httpx.AsyncClient, path: str = "funnels", key: str | None = None, **question: Any
) -> dict[str, Any]:
    """Ask, and hold the answer against the contract."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    response = await api.post(f"/analytics/{path}", json={"range": RANGE, **question}, headers=headers)
    assert response.status_code == 200, response.text
    model = FunnelsAnswer if path == "funnels" else FunnelPeopleAnswer
    model.model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    return answer


def named(*names: str | None) -> list[dict[str, Any]]:
    """Return steps for events of these names."""
    return [{"event": name} for name in names]


def wants(step: dict[str, Any]) -> Step:
    """Return what a step of a question means, for the oracle. Filters here compare amounts only."""
    conditions = (step.get("filter") or {"filters": []})["filters"]

    def holds(event: Happened) -> bool:
        return (step["event"] is None or event.event == step["event"]) and all(
            event.properties["amount"] >= condition["value"] for condition in conditions
        )

    return holds


def attempts(
    history: History,
    steps: Sequence[dict[str, Any]],
    order: str,
    window: timedelta,
    looked_at: Callable[[Happened], bool] = lambda _: True,
    project_id: int = 1,
) -> dict[str, Attempt]:
    """Return each person's attempt that counts."""
    kinds = [steps.index(step) for step in steps]
    found = {}
    for person, events in history.by_person(project_id).items():
        seen = [event for event in events if looked_at(event)]
        attempt = best_attempt(seen, [wants(step) for step in steps], kinds, order, window)
        if attempt is not None:
            found[person] = attempt
    return found


def expected(made: Sequence[Attempt], steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps of an answer."""
    counts = [sum(attempt.reached > place for attempt in made) for place in range(len(steps))]
    result = []
    for place, (step, count) in enumerate(zip(steps, counts, strict=True)):
        before = counts[place - 1] if place else count
        taken = [
            (attempt.times[place] - attempt.times[place - 1]).total_seconds()
            for attempt in made
            if place and attempt.reached > place
        ]
        result.append(
            {
                "event": step["event"],
                "label": None,
                "count": count,
                "from_start": count / counts[0] if counts[0] else 0,
                "from_previous": count / before if before else 0,
                "dropped": before - count,
                "median_seconds": pytest.approx(median(taken)) if taken else None,
                "average_seconds": pytest.approx(sum(taken) / len(taken)) if taken else None,
            }
        )
    return result


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(2))
async def test_counts_and_times_are_those_of_brute_force(
    api: httpx.AsyncClient, stores: Stores, seed: int, order: str
) -> None:
    """Random histories with ties, repeated rows and merged people; every kind of order, several windows and steps."""
    history = generated(seed, count=500, start=UTC_MARCH, days=9, merged=seed % 2 == 0)
    store(stores.clickhouse_url, history, seed=seed)
    rich = {"match": "all", "filters": [{"property": "amount", "operator": ">=", "value": 10}]}
    funnels = [
        named("view", "cart", "pay"),
        named("view", "view", "view"),
        named("cart", None),
        [*named("view"), {"event": None, "filter": rich}, *named("pay", "view", "cart")],
        named("nobody", "view"),
        named(*["view", "cart", "pay", "other"] * 2, "view", "cart"),
    ]
    for steps in funnels:
        for window, length in (
            ("30m", timedelta(minutes=30)),
            ("1d", timedelta(days=1)),
            ("2w", timedelta(days=14)),
        ):
            answer = await ask(api, steps=steps, order=order, window=window)
            made = list(attempts(history, steps, order, length).values())
            assert answer["steps"] == expected(made, steps), (steps, window)
            assert answer["breakdowns"] == []


@pytest.mark.parametrize("order", ORDERS)
async def test_breakdown_is_by_the_first_event_of_the_attempt(
    api: httpx.AsyncClient, stores: Stores, order: str
) -> None:
    """Everybody counts under one value; the rare ones are together, as are those without one."""
    history = generated(11, count=700, start=UTC_MARCH, days=9, ids=60)
    store(stores.clickhouse_url, history)
    steps = named("view", "cart")
    answer = await ask(api, steps=steps, order=order, window="2d", breakdown={"property": "plan", "limit": 2})
    by_value: defaultdict[str | None, list[Attempt]] = defaultdict(list)
    for attempt in attempts(history, steps, order, timedelta(days=2)).values():
        by_value[attempt.first.properties.get("plan")].append(attempt)
    real = sorted(
        (value for value in by_value if value not in (None, "$other")),
        key=lambda value: (-len(by_value[value]), value or ""),
    )
    wanted: list[dict[str, Any]] = [
        {"value": value, "steps": expected(by_value[value], steps)} for value in real[:2]
    ]
    rest = [attempt for value in real[2:] for attempt in by_value[value]] + by_value["$other"]
    wanted += [{"value": "$other", "steps": expected(rest, steps)}] if rest else []
    wanted += [{"value": None, "steps": expected(by_value[None], steps)}] if by_value[None] else []
    assert answer["breakdowns"] == wanted
    assert sum(part["steps"][0]["count"] for part in answer["breakdowns"]) == answer["steps"][0]["count"]


@pytest.mark.parametrize("order", ORDERS)
async def test_people_of_a_step_are_listed_page_by_page(
    api: httpx.AsyncClient, stores: Stores, order: str
) -> None:
    """Converted and dropped people are those of the counts, the latest first, on pages that join up."""
    history = generated(5, count=600, start=UTC_MARCH, days=9, ids=40)
    store(stores.clickhouse_url, history)
    steps = named("view", "cart", "pay")
    made = attempts(history, steps, order, timedelta(hours=6))
    for step, outcome in [
        (1, "converted"),
        (2, "converted"),
        (3, "converted"),
        (2, "dropped"),
        (3, "dropped"),
    ]:
        last = step if outcome == "converted" else step - 1
        wanted = {
            person: attempt.times[last - 1]
            for person, attempt in made.items()
            if (attempt.reached >= last if outcome == "converted" else attempt.reached == last)
        }
        listed: list[tuple[str, str]] = []
        cursor: str | None = None
        while True:
            page = await ask(
                api,
                "funnels/people",
                steps=steps,
                order=order,
                window="6h",
                step=step,
                outcome=outcome,
                limit=7,
                cursor=cursor,
            )
            listed += [(person["person_id"], person["reached_at"]) for person in page["people"]]
            cursor = page["next"]
            if cursor is None:
                break
            assert len(page["people"]) == 7
        ordered = sorted(wanted.items(), key=lambda item: (-item[1].timestamp(), item[0]))
        assert [person for person, _ in listed] == [person for person, _ in ordered]


async def test_a_filter_hides_events_also_from_strict_funnels(api: httpx.AsyncClient, stores: Stores) -> None:
    """What the question's filter leaves out did not happen, so it does not stand between two steps either."""
    history = generated(8, count=500, start=UTC_MARCH, days=9)
    store(stores.clickhouse_url, history)
    only = {"match": "all", "filters": [{"property": "$browser", "operator": "=", "value": "Firefox"}]}
    steps = named("view", "cart")
    for order in ORDERS:
        answer = await ask(api, steps=steps, order=order, window="1d", filter=only)
        made = attempts(
            history, steps, order, timedelta(days=1), lambda event: event.context["$browser"] == "Firefox"
        )
        assert answer["steps"] == expected(list(made.values()), steps)


async def test_the_stories_of_the_documentation(api: httpx.AsyncClient, stores: Stores) -> None:
    """Small cases that a reader can check: other events between, a second attempt, the edge of the window."""
    told = [
        *happened("between", ("view", 0), ("other", 1), ("cart", 2), start=UTC_MARCH),
        *happened("again", ("view", 0), ("view", 100), ("cart", 105), start=UTC_MARCH),
        *happened("edge", ("view", 0), ("cart", 60), start=UTC_MARCH),
        *happened("late", ("view", 0), ("cart", 60.001), start=UTC_MARCH),
        *happened("backwards", ("cart", 0), ("view", 1), start=UTC_MARCH),
        *happened("tied", ("view", 5), ("cart", 5), start=UTC_MARCH),
        *happened("tied the other way", ("cart", 5), ("view", 5), start=UTC_MARCH),
    ]
    store(stores.clickhouse_url, History(tuple(told)))
    steps = named("view", "cart")
    who = {}
    for order in ORDERS:
        people = await ask(api, "funnels/people", steps=steps, order=order, window="1h", step=2)
        who[order] = {person["distinct_id"] for person in people["people"]}
    assert who["ordered"] == {"between", "again", "edge", "tied"}
    assert who["strict"] == {"again", "edge", "tied"}
    assert who["any"] == {"between", "again", "edge", "tied", "backwards", "tied the other way"}


async def test_projects_see_their_own_people(api: httpx.AsyncClient, stores: Stores) -> None:
    """The other project's key gives the other project's numbers."""
    history = generated(21, count=400, start=UTC_MARCH, days=9)
    store(stores.clickhouse_url, history)
    steps = named("view", "pay")
    answer = await ask(api, key=READ_TWO, steps=steps, order="ordered", window="1d")
    made = attempts(history, steps, "ordered", timedelta(days=1), project_id=2)
    assert answer["steps"] == expected(list(made.values()), steps)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"steps": named("a")}, "steps"),
    ({"steps": named(*["a"] * 11)}, "steps"),
    ({"steps": named("a", "b"), "window": "2 weeks"}, "window"),
    ({"steps": named("a", "b"), "window": "367d"}, "window"),
    ({"steps": named("a", "b"), "order": "sideways"}, "order"),
    (
        {
            "steps": [
                {"event": "a"},
                {"event": "b", "filter": {"filters": [{"property": "x", "operator": "~"}]}},
            ]
        },
        "steps.1.filter.filters.0.operator",
    ),
    ({"steps": [{"event": "a"}, {"name": "b"}]}, "steps.1.name"),
    ({"steps": named("a", "b"), "breakdown": {"property": "x", "limit": 0}}, "breakdown.limit"),
    ({"steps": named("a", "b"), "range": {"from": "now", "to": "-1d"}}, "range.from"),
    ({"steps": named("a", "b"), "timezone": "Nowhere"}, "timezone"),
]
WRONG_PEOPLE: list[tuple[dict[str, Any], str]] = [
    ({"step": 3}, "step"),
    ({"step": 1, "outcome": "dropped"}, "outcome"),
    ({"step": 2, "outcome": "lost"}, "outcome"),
    ({"limit": 1001}, "limit"),
    ({"cursor": "1 OR 1=1"}, "cursor"),
]


@pytest.mark.parametrize(("question", "field"), WRONG)
async def test_a_wrong_question_says_where(
    api: httpx.AsyncClient, question: dict[str, Any], field: str
) -> None:
    """Each refusal names the field, with its place."""
    response = await api.post("/analytics/funnels", json=question)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_parameter"
    assert response.json()["error"]["field"] == field


@pytest.mark.parametrize(("question", "field"), WRONG_PEOPLE)
async def test_a_wrong_list_says_where(api: httpx.AsyncClient, question: dict[str, Any], field: str) -> None:
    """The same for people of a step."""
    response = await api.post("/analytics/funnels/people", json={"steps": named("a", "b"), **question})
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field


def test_the_oracle_tries_every_attempt() -> None:
    """The oracle itself, on a case counted by hand: the second attempt goes further."""
    story = happened("x", ("view", 0), ("view", 50), ("cart", 70), ("pay", 100), start=UTC_MARCH)
    random.Random(0).shuffle(story)
    story.sort(key=lambda event: event.order)
    steps = [wants(step) for step in named("view", "cart", "pay")]
    attempt = best_attempt(story, steps, [0, 1, 2], "ordered", timedelta(minutes=60))
    assert attempt is not None
    assert Counter([attempt.reached]) == {3: 1}
    assert attempt.first.timestamp == UTC_MARCH + timedelta(minutes=50)
