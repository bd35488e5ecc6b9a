"""The period before, beside a trend, has the numbers of a count by hand."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.query_api.analyses.trend_history import KNOWN, MINE, ask, same, write_history
from tests.query_api.conftest import Stores
from tests.query_api.numbers_oracle import bucket_start, chosen, line, split


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """Both projects' events."""
    write_history(stores)


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("breakdown", [None, {"property": "$browser", "limit": 1}])
async def test_the_period_before_has_as_many_points(
    api: httpx.AsyncClient, interval: str, breakdown: dict[str, Any] | None
) -> None:
    """It ends where this one begins, and tells the same values apart."""
    span = {"from": "2026-10-26", "to": "2026-10-27"}
    series = {"event": "page", "measure": "average", "property": "amount"}
    question = {
        "series": [series],
        "interval": interval,
        "range": span,
        "breakdown": breakdown,
        "compare": "previous",
    }
    answer = await ask(api, "trends", timezone="Europe/Berlin", **question)
    start = datetime.fromisoformat(answer["from"])
    zone = ZoneInfo("Europe/Berlin")
    values = [one["breakdown"] for one in answer["series"] if one["breakdown"] not in {None, "$other"}]
    for one in answer["series"]:
        before = one["previous"]["points"]
        assert len(before) == len(one["points"])
        # This week is not over yet; another test is about that.
        until = min(start, datetime.fromisoformat(one["previous"]["to"]))
        earlier = [e for e in MINE if datetime.fromisoformat(before[0]["time"]) <= e.timestamp < until]
        found = chosen(series, earlier)
        if breakdown is not None:
            found = split(series, found, breakdown, values, KNOWN).get(one["breakdown"], [])
        expected, total = line(
            series,
            found,
            [point["time"] for point in before],
            lambda event: bucket_start(event.timestamp, interval, zone),
        )
        same(one["previous"], expected, total)


@pytest.mark.parametrize(
    ("interval", "first", "last", "cut", "points"),
    [
        # It is 12:34:56 on November 1st.
        ("day", "2026-10-30", "now", "2026-10-29T13:00:00+00:00", 3),
        ("day", "2026-10-30", "2026-11-03", "2026-10-27T13:00:00+00:00", 5),
        ("week", "2026-10-26", "now", "2026-10-25T13:00:00+00:00", 1),
        ("hour", "-2h", "now", "2026-11-01T09:35:00+00:00", 3),
        ("day", "2026-10-30", "2026-10-31", "2026-10-30T00:00:00+00:00", 2),
    ],
)
@pytest.mark.parametrize("measure", ["events", "users"])
async def test_what_is_not_over_is_compared_with_as_much_time(
    api: httpx.AsyncClient, measure: str, interval: str, first: str, last: str, cut: str, points: int
) -> None:
    """The period before ends at the same point, in its last bucket, its total and its formula."""
    series = {"event": "page", "measure": measure}
    span = {"from": first, "to": last}
    question = {"interval": interval, "range": span, "compare": "previous", "formula": "A * 2"}
    answer = await ask(api, "trends", series=[series], **question)
    counted, formula = answer["series"]
    before = counted["previous"]
    start, end = datetime.fromisoformat(before["points"][0]["time"]), datetime.fromisoformat(cut)
    found = [e for e in MINE if e.event == "page" and start <= e.timestamp < end]
    assert (before["to"], len(before["points"])) == (cut, points)
    assert len(counted["points"]) == points
    times = [point["time"] for point in before["points"] if datetime.fromisoformat(point["time"]) < end]
    values, total = line(
        series,
        found,
        times,
        lambda event: bucket_start(event.timestamp, interval, ZoneInfo("UTC")),
        known=KNOWN,
    )
    same(before, values + [None] * (points - len(times)), total)
    assert formula["previous"]["total"] == (total or 0) * 2
