"""A question about trends that cannot be answered gets a sentence about what is wrong with it."""

from typing import Any

import httpx
import pytest

BAD: list[tuple[dict[str, Any], str]] = [
    ({"interval": "year"}, "interval"),
    ({"interval": "minute"}, "interval"),
    ({"range": {"from": "soon"}}, "range.from"),
    ({"range": {"from": "2026-01-02", "to": "2026-01-01"}}, "range.from"),
    ({"range": {"since": "-7d"}}, "range.since"),
    ({"range": {"from": "1970-01-01"}, "interval": "hour"}, "interval"),
    ({"range": {"from": "1970-01-02", "to": "1970-01-03"}, "compare": "previous"}, "compare"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"series": []}, "series"),
    ({"series": [{}] * 11}, "series"),
    ({"series": [{"event": ""}]}, "series.0.event"),
    ({"series": [{"event": 5}]}, "series.0.event"),
    ({"series": [{"measure": "clicks"}]}, "series.0.measure"),
    ({"series": [{"measure": "sum"}]}, "series.0.property"),
    ({"series": [{"property": "amount"}]}, "series.0.property"),
    ({"series": [{}, {"filter": {"filters": [{"property": "a", "operator": "regex", "value": "(" * 9}]}}]}, "series.1.filter.filters.0.value"),
    ({"series": [{"filter": {"filters": [{"property": "a", "operator": "regex", "value": "a" * 501}]}}]}, "series.0.filter.filters.0.value"),
    ({"series": [{"filter": {"filters": [{"property": "a", "operator": "regex", "value": "(x{1000}){1000}"}]}}]}, "series.0.filter.filters.0.value"),
    ({"formula": "A / B"}, "formula"),
    ({"formula": "A +"}, "formula"),
    ({"formula": "1 + 2"}, "formula"),
    ({"formula": "__import__('os')"}, "formula"),
    ({"breakdown": {"property": ""}}, "breakdown.property"),
    ({"breakdown": {"property": "a", "limit": 101}}, "breakdown.limit"),
    ({"breakdown": {"property": "a", "of": "session"}}, "breakdown.property"),
    ({"compare": "next"}, "compare"),
    ({"cumulative": True, "series": [{"measure": "average", "property": "a"}]}, "cumulative"),
    ({"filter": {"filters": [{"operator": "in_cohort", "value": "x"}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "between", "value": [1]}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "=", "value": None}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "=", "value": list(range(101))}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": ">", "value": True}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"property": "a", "operator": "is_set", "value": 1}]}}, "filter.filters.0.value"),
    ({"filter": {"filters": [{"filters": [{"filters": [{"filters": []}]}]}]}}, "filter"),
    ({"project_id": 2}, "project_id"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "field"), BAD)
async def test_bad_questions_name_what_is_wrong(
    api: httpx.AsyncClient, question: dict[str, Any], field: str
) -> None:
    """Every mistake is a 400 with the path of the field and a sentence."""
    response = await api.post("/analytics/trends", json=question)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["code"], error["field"]) == ("invalid_parameter", field)
    assert len(error["message"]) > 15


async def test_thirty_conditions_are_the_most_of_a_question(api: httpx.AsyncClient) -> None:
    """Wherever they stand in it."""
    ten = {"filters": [{"property": "a", "operator": "is_not_set"}] * 10}
    question: dict[str, Any] = {"filter": ten, "series": [{"filter": ten}, {"filter": ten}]}
    assert (await api.post("/analytics/trends", json=question)).status_code == 200
    question["series"].append({"filter": {"filters": ten["filters"][:1]}})
    response = await api.post("/analytics/trends", json=question)
    assert response.status_code == 400
    assert "30 conditions" in response.json()["error"]["message"]
