"""Sessions are what grouping all events by their session gives."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from query_api.analyses.sessions import SessionsAnswer
from tests.query_api.analyses.history import Happened, History, generated, median, store
from tests.query_api.conftest import READ_TWO, Stores
from tests.query_api.oracle import wall_clock

pytestmark = pytest.mark.shards_too

OCTOBER = datetime(2026, 10, 22, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns"]
EDGES = [0, 10, 30, 60, 180, 600, 1800, 3600]


def without_ties(history: History) -> History:
    """Return the history with instants of their own for all events: of a tie, either may be first."""
    moved = [
        Happened(
            e.event,
            e.distinct_id,
            e.timestamp + timedelta(microseconds=place),
            e.event_id,
            e.properties,
            e.context,
            f"{e.session_id}-{e.timestamp:%d%H}" if e.session_id else "",
            e.project_id,
        )
        for place, e in enumerate(history.events)
    ]
    return History(tuple(moved), history.people)


HISTORY = without_ties(generated(9, count=2500, start=OCTOBER, days=5, ids=20))


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """One history for all of these questions."""
    store(stores.clickhouse_url, HISTORY)


def sessions_of(project_id: int) -> dict[str, list[Happened]]:
    """Return the events of each session, in order."""
    found: defaultdict[str, list[Happened]] = defaultdict(list)
    for event in sorted(HISTORY.events, key=lambda event: event.order):
        if event.project_id == project_id and event.session_id:
            found[event.session_id].append(event)
    return found


def numbers(sessions: list[list[Happened]]) -> dict[str, Any]:
    """Return what is said about some sessions."""
    seconds = [(events[-1].timestamp - events[0].timestamp).total_seconds() for events in sessions]
    count = len(sessions)
    return {
        "total": count,
        "people": len(
            {HISTORY.people.get(events[0].distinct_id, events[0].distinct_id) for events in sessions}
        ),
        "average_seconds": pytest.approx(sum(seconds) / count),
        "median_seconds": pytest.approx(median(seconds)),
        "bounce_rate": pytest.approx(sum(len(events) == 1 for events in sessions) / count),
        "events_per_session": pytest.approx(sum(map(len, sessions)) / count),
        "durations": Counter(max(edge for edge in EDGES if edge <= length) for length in seconds),
        "entries": Counter(events[0].event for events in sessions),
        "exits": Counter(events[-1].event for events in sessions),
    }


async def ask(api: httpx.AsyncClient, key: str | None = None, **question: Any) -> dict[str, Any]:
    """Ask, and hold the answer against the contract."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    response = await api.post("/analytics/sessions", json=question, headers=headers)
    assert response.status_code == 200, response.text
    SessionsAnswer.model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    return answer


def assert_numbers(answer: dict[str, Any], sessions: list[list[Happened]]) -> None:
    """Hold the totals of an answer against some sessions."""
    wanted = numbers(sessions)
    bars = {bar["from_seconds"]: bar["sessions"] for bar in answer["durations"]}
    assert list(bars) == EDGES
    assert {edge: count for edge, count in bars.items() if count} == wanted.pop("durations")
    for name in ("entries", "exits"):
        assert {entry["event"]: entry["sessions"] for entry in answer[name]} == wanted.pop(name)
        assert [entry["sessions"] for entry in answer[name]] == sorted(
            (entry["sessions"] for entry in answer[name]), reverse=True
        )
    assert {name: answer[name] for name in wanted} == wanted


def begun(sessions: dict[str, list[Happened]], zone: str, first: str, last: str) -> list[list[Happened]]:
    """Return the sessions that began on local days ``first`` to ``last``."""
    tz = ZoneInfo(zone)
    return [
        events
        for events in sessions.values()
        if first <= f"{events[0].timestamp.astimezone(tz):%Y-%m-%d}" <= last
    ]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("interval", ["hour", "day"])
async def test_sessions_belong_to_where_they_begin(api: httpx.AsyncClient, zone: str, interval: str) -> None:
    """Totals, histogram, first and last events, and points by local hour and day."""
    answer = await ask(
        api, range={"from": "2026-10-24", "to": "2026-10-25"}, timezone=zone, interval=interval
    )
    mine = begun(sessions_of(1), zone, "2026-10-24", "2026-10-25")
    assert_numbers(answer, mine)
    by_bucket: defaultdict[tuple[str, str], list[list[Happened]]] = defaultdict(list)
    for events in mine:
        by_bucket[wall_clock(events[0].timestamp.astimezone(ZoneInfo(zone)), interval)].append(events)
    for point in answer["points"]:
        inside = by_bucket.pop(wall_clock(datetime.fromisoformat(point["time"]), interval), [])
        assert point["sessions"] == len(inside)
        if inside:
            wanted = numbers(inside)
            assert point["median_seconds"] == wanted["median_seconds"]
            assert point["bounce_rate"] == wanted["bounce_rate"]
        else:
            assert (point["median_seconds"], point["bounce_rate"]) == (None, None)
    assert not by_bucket


async def test_a_filter_picks_sessions_that_hold_such_an_event(api: httpx.AsyncClient) -> None:
    """One event that fits is enough, and the session counts with all of its events."""
    paid = {
        "match": "all",
        "filters": [
            {"property": "$event", "operator": "=", "value": "pay"},
            {"property": "amount", "operator": ">", "value": 10},
        ],
    }
    answer = await ask(api, range={"from": "2026-10-23", "to": "2026-10-25"}, filter=paid)
    mine = [
        events
        for events in begun(sessions_of(1), "UTC", "2026-10-23", "2026-10-25")
        if any(event.event == "pay" and event.properties["amount"] > 10 for event in events)
    ]
    assert_numbers(answer, mine)


async def test_projects_see_their_own_sessions(api: httpx.AsyncClient) -> None:
    """Session ids of both projects are alike; the numbers are not mixed."""
    answer = await ask(api, READ_TWO, range={"from": "2026-10-22", "to": "2026-10-26"})
    mine = list(sessions_of(2).values())
    wanted = numbers(mine)
    assert answer["total"] == wanted["total"]
    assert answer["average_seconds"] == wanted["average_seconds"]


async def test_no_sessions_are_no_numbers(api: httpx.AsyncClient) -> None:
    """An empty range has zeros to count and nothing to average."""
    answer = await ask(api, range={"from": "2026-09-01", "to": "2026-09-02"})
    assert answer["total"] == answer["people"] == 0
    assert answer["median_seconds"] is answer["bounce_rate"] is answer["events_per_session"] is None
    assert [point["sessions"] for point in answer["points"]] == [0, 0]
    assert answer["entries"] == []
    assert answer["source"] == "sessions"
