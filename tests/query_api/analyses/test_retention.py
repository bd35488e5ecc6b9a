"""Retention and stickiness count what following each person through the calendar counts."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from query_api.analyses.retention import RetentionAnswer
from query_api.analyses.stickiness import StickinessAnswer
from tests.query_api.analyses.calendar_oracle import period_of, periods_from
from tests.query_api.analyses.history import Happened, History, generated, store
from tests.query_api.conftest import NOW, READ_TWO, Stores

pytestmark = pytest.mark.shards_too

OCTOBER = datetime(2026, 10, 3, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]
# Reaches over the night when clocks go back in Europe and the night when they do in Newfoundland, to NOW.
HISTORY = generated(3, count=900, start=OCTOBER, days=29.5, ids=45)


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """One history for all of these questions."""
    store(stores.clickhouse_url, HISTORY)


async def ask(api: httpx.AsyncClient, path: str, key: str | None = None, **question: Any) -> dict[str, Any]:
    """Ask, and hold the answer against the contract."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    response = await api.post(f"/analytics/{path}", json=question, headers=headers)
    assert response.status_code == 200, response.text
    model = RetentionAnswer if path == "retention" else StickinessAnswer
    model.model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    return answer


def fits(event: Happened, name: str | None) -> bool:
    """Whether an event is one of a selector's."""
    return name is None or event.event == name


def expected_rows(
    history: History,
    zone: str,
    interval: str,
    first: date,
    rows: int,
    periods: int,
    names: tuple[str | None, str | None],
    kind: str,
    project_id: int = 1,
) -> list[dict[str, Any]]:
    """Return the cohorts, person by person."""
    start, returning = names
    calendar = list(periods_from(first, interval, rows + periods))
    today = period_of(NOW, interval, zone)
    cohorts: defaultdict[date, list[set[date]]] = defaultdict(list)
    for events in history.by_person(project_id).values():
        starts = [period_of(event.timestamp, interval, zone) for event in events if fits(event, start)]
        returns = {period_of(event.timestamp, interval, zone) for event in events if fits(event, returning)}
        for begun in starts[:1] if kind == "first_time" else set(starts):
            cohorts[begun].append(returns)
    result = []
    for place, begun in enumerate(calendar[:rows]):
        people = cohorts[begun]
        counts: list[int | None] = []
        for after in range(periods):
            period = calendar[place + after]
            came = len(people) if after == 0 else sum(period in returns for returns in people)
            counts.append(came if period <= today else None)
        result.append({"size": len(people), "counts": counts})
    return result


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", ["first_time", "recurring"])
@pytest.mark.parametrize(
    ("interval", "first", "last", "rows", "periods"),
    [
        ("day", date(2026, 10, 22), date(2026, 11, 1), 11, 7),
        ("day", date(2026, 10, 5), date(2026, 10, 9), 5, 31),
        ("week", date(2026, 10, 5), date(2026, 11, 1), 4, 4),
        ("month", date(2026, 10, 1), date(2026, 10, 31), 1, 3),
    ],
)
@pytest.mark.parametrize("names", [("cart", "pay"), (None, None)])
async def test_retention_is_that_of_the_calendar(
    api: httpx.AsyncClient,
    zone: str,
    kind: str,
    interval: str,
    first: date,
    last: date,
    rows: int,
    periods: int,
    names: tuple[str | None, str | None],
) -> None:
    """Cohorts and returns by local day, week and month; what has not begun yet is null."""
    answer = await ask(
        api,
        "retention",
        range={"from": f"{first}", "to": f"{last}"},
        timezone=zone,
        interval=interval,
        periods=periods,
        start={"event": names[0]},
        returning={"event": names[1]},
        kind=kind,
    )
    assert [row["start"][:10] for row in answer["rows"]] == [
        str(day) for day in periods_from(first, interval, rows)
    ]
    found = [{"size": row["size"], "counts": row["counts"]} for row in answer["rows"]]
    assert found == expected_rows(HISTORY, zone, interval, first, rows, periods, names, kind)


async def test_the_average_leaves_out_periods_that_still_run(api: httpx.AsyncClient) -> None:
    """It is weighted by people, over the rows for which a period is over."""
    answer = await ask(
        api,
        "retention",
        range={"from": "2026-10-25", "to": "2026-11-01"},
        interval="day",
        periods=9,
        kind="recurring",
    )
    rows = answer["rows"]
    assert rows[-1]["counts"][1:] == [None] * 8
    wanted: list[float | None] = [1.0]
    for after in range(1, 9):
        # The last of the eight rows is today; what falls on today is not over.
        over = rows[: max(0, 7 - after)]
        size = sum(row["size"] for row in over)
        wanted.append(sum(row["counts"][after] for row in over) / size if size else None)
    assert answer["average"] == pytest.approx(wanted)


async def test_first_time_means_ever(api: httpx.AsyncClient) -> None:
    """Who did it before the range does not start in it."""
    everything = await ask(
        api, "retention", range={"from": "2026-10-01", "to": "2026-11-01"}, interval="day", periods=2
    )
    late = await ask(
        api, "retention", range={"from": "2026-10-20", "to": "2026-11-01"}, interval="day", periods=2
    )
    assert sum(row["size"] for row in everything["rows"]) == len(HISTORY.by_person())
    assert late["rows"] == everything["rows"][19:]


async def test_projects_and_filters_are_kept_apart(api: httpx.AsyncClient) -> None:
    """The other project has its own people; a filter holds for starts and returns alike."""
    question: dict[str, Any] = {
        "range": {"from": "2026-10-05", "to": "2026-10-16"},
        "interval": "day",
        "periods": 3,
    }
    other = await ask(api, "retention", READ_TWO, kind="recurring", **question)
    first = date(2026, 10, 5)
    found = [{"size": row["size"], "counts": row["counts"]} for row in other["rows"]]
    assert found == expected_rows(
        HISTORY, "UTC", "day", first, 12, 3, (None, None), "recurring", project_id=2
    )
    rich = {"match": "all", "filters": [{"property": "amount", "operator": ">", "value": 15}]}
    few = await ask(api, "retention", kind="recurring", filter=rich, **question)
    kept = History(tuple(e for e in HISTORY.events if e.properties["amount"] > 15), HISTORY.people)
    found = [{"size": row["size"], "counts": row["counts"]} for row in few["rows"]]
    assert found == expected_rows(kept, "UTC", "day", first, 12, 3, (None, None), "recurring")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("interval", ["day", "week", "month"])
async def test_stickiness_counts_intervals_of_each_person(
    api: httpx.AsyncClient, zone: str, interval: str
) -> None:
    """People by the number of local days, weeks or months in which they did it."""
    names = ["pay", None, "nobody"]
    answer = await ask(
        api,
        "stickiness",
        range={"from": "2026-10-05", "to": "2026-10-31"},
        timezone=zone,
        interval=interval,
        series=[{"event": name, "label": "x"} for name in names],
    )
    begin = period_of(datetime(2026, 10, 5, 12, tzinfo=UTC), interval, "UTC")
    count = {"day": 27, "week": 4, "month": 1}[interval]
    periods = set(periods_from(begin, interval, count))
    assert answer["intervals"] == count
    for series, name in zip(answer["series"], names, strict=True):
        active = Counter(
            len({period_of(e.timestamp, interval, zone) for e in events if fits(e, name)} & periods)
            for events in HISTORY.by_person().values()
        )
        assert series["counts"] == [active[number] for number in range(1, count + 1)]
        assert (series["event"], series["label"]) == (name, "x")


@pytest.mark.parametrize(
    ("path", "question", "field"),
    [
        ("retention", {"periods": 1}, "periods"),
        ("retention", {"periods": 32}, "periods"),
        ("retention", {"interval": "hour"}, "interval"),
        ("retention", {"kind": "sometimes"}, "kind"),
        ("retention", {"start": {"event": ""}}, "start.event"),
        ("retention", {"range": {"from": "1970-01-01", "to": "now"}, "periods": 31}, "range"),
        ("stickiness", {"series": []}, "series"),
        ("stickiness", {"series": [{}, {"filter": {"match": "none"}}]}, "series.1.filter.match"),
        ("stickiness", {"interval": "minute"}, "interval"),
    ],
)
async def test_a_wrong_question_says_where(
    api: httpx.AsyncClient, path: str, question: dict[str, Any], field: str
) -> None:
    """Each refusal names the field."""
    response = await api.post(f"/analytics/{path}", json=question)
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field


def test_the_clock_of_these_tests() -> None:
    """NOW is in the last day of the histories, so that the day after has not begun."""
    assert OCTOBER + timedelta(days=29) < NOW < OCTOBER + timedelta(days=30)
