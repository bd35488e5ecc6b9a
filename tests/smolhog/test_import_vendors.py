"""Exports of other products, by hand-made files in the formats that their vendors document."""

import json
from pathlib import Path
from typing import Any

import pytest

from smolhog.import_errors import ColumnsError, UnreadableFileError
from tests.smolhog.test_importer import imported

UUID = "0190a6e0-7c1d-7000-8000-0123456789ab"

POSTHOG: dict[str, Any] = {
    "uuid": UUID,
    "event": "$pageview",
    "distinct_id": "ada",
    "person_id": "0190a6e0-7c1d-7000-8000-00000000aaaa",
    "properties": {"$session_id": "s1", "$current_url": "https://shop.example/", "$set": {"plan": "pro"}},
    "person_properties": {"plan": "free"},
    "elements_chain": "button",
    "timestamp": "2026-01-31T12:00:00.250000+00:00",
    "created_at": "2026-01-31T12:00:01+00:00",
    "_inserted_at": "2026-01-31T12:00:02+00:00",
}
MIXPANEL: dict[str, Any] = {
    "event": "bought",
    "properties": {
        "time": 1769860800,
        "distinct_id": "ada",
        "$insert_id": "order-1",
        "mp_lib": "web",
        "$city": "Gdynia",
        "n": 1,
    },
}
AMPLITUDE: dict[str, Any] = {
    "$insert_id": "x-1",
    "amplitude_id": 12345,
    "city": "Gdynia",
    "country": "Poland",
    "data": {},
    "device_id": "device-1",
    "event_id": 7,
    "event_properties": {"n": 1},
    "event_time": "2026-01-31 12:00:00.250000",
    "event_type": "bought",
    "groups": {"company": "acme"},
    "ip_address": "192.0.2.7",
    "os_name": "Chrome",
    "session_id": 1769860800000,
    "user_id": "ada",
    "user_properties": {"plan": "pro"},
    "uuid": UUID,
}


def lines(*rows: Any) -> str:
    """Write JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


async def test_posthog(tmp_path: Path) -> None:
    """Events keep their ids, so what came in by both ways counts once; people are made of events, as ever."""
    report, (event,) = await imported(lines(POSTHOG), tmp_path, "events.jsonl")
    assert (report.vendor, report.stored) == ("posthog", 1)
    assert event == {
        "event_id": UUID,
        "event": "$pageview",
        "distinct_id": "ada",
        "timestamp": "2026-01-31T12:00:00.250000Z",
        "session_id": "s1",
        "properties": POSTHOG["properties"] | {"$elements_chain": "button"},
    }


async def test_mixpanel(tmp_path: Path) -> None:
    """One `$insert_id` is one event, in however many files it stands."""
    report, events = await imported(lines(MIXPANEL, MIXPANEL), tmp_path, "export.jsonl")
    assert (report.vendor, report.stored) == ("mixpanel", 2)
    assert events[0] == events[1]
    assert events[0]["timestamp"] == "2026-01-31T12:00:00Z"
    assert events[0]["properties"] == {"$lib": "web", "$city": "Gdynia", "n": 1}


async def test_mixpanel_of_an_older_project(tmp_path: Path) -> None:
    """Its times are the clock of the project's zone; whoever names the zone gets the instants."""
    from zoneinfo import ZoneInfo

    _, (event,) = await imported(lines(MIXPANEL), tmp_path, "export.jsonl", zone=ZoneInfo("America/New_York"))
    assert event["timestamp"] == "2026-01-31T17:00:00Z"


async def test_amplitude(tmp_path: Path) -> None:
    """Who has no user id is known by the device; an `$identify` ties the two together."""
    anonymous = AMPLITUDE | {"user_id": None, "uuid": None, "session_id": -1}
    identify = AMPLITUDE | {"event_type": "$identify", "event_properties": {}, "uuid": UUID[:-1] + "c"}
    report, events = await imported(lines(AMPLITUDE, anonymous, identify), tmp_path, "1_2026-01-31_12#0.json")
    assert (report.vendor, report.stored) == ("amplitude", 3)
    assert events[0] == {
        "event_id": UUID,
        "event": "bought",
        "distinct_id": "ada",
        "timestamp": "2026-01-31T12:00:00.250000Z",
        "session_id": "1769860800000",
        "properties": {
            "$ip": "192.0.2.7",
            "$os": "Chrome",
            "country": "Poland",
            "city": "Gdynia",
            "n": 1,
            "$set": {"plan": "pro"},
            "$groups": {"company": "acme"},
            "$device_id": "device-1",
        },
    }
    assert events[1]["distinct_id"] == "device-1"
    assert "session_id" not in events[1] or events[1]["session_id"] is None
    assert (events[2]["event"], events[2]["properties"]["$anon_distinct_id"]) == ("$identify", "device-1")


async def test_plausible(tmp_path: Path) -> None:
    """Its exports are totals: a row is one event with the numbers, and nobody is made up."""
    text = "date,name,link_url,path,visitors,events\n2026-01-31,Signup,,/join,3,5\n"
    report, (event,) = await imported(text, tmp_path, "imported_custom_events_20260101_20260131.csv")
    assert (report.vendor, report.stored) == ("plausible", 1)
    assert (event["event"], event["distinct_id"]) == ("plausible_custom_events", "plausible")
    assert event["timestamp"] == "2026-01-31T00:00:00Z"
    assert event["properties"] == {"name": "Signup", "path": "/join", "visitors": 3, "events": 5}


@pytest.mark.parametrize(
    ("vendor", "row", "says"),
    [
        ("posthog", POSTHOG | {"distinct_id": ""}, "distinct_id is missing"),
        ("posthog", POSTHOG | {"timestamp": "soon"}, "has no time that can be read"),
        ("mixpanel", {"event": "e", "properties": {"time": 1}}, "properties.distinct_id is missing"),
        ("mixpanel", {"event": "e", "properties": {"distinct_id": "d"}}, "has no time that can be read"),
        ("mixpanel", {"event": None, "properties": {"distinct_id": "d", "time": 1}}, "has no event's name"),
        ("amplitude", AMPLITUDE | {"event_properties": 1}, "event_properties is no JSON object"),
        ("amplitude", AMPLITUDE | {"event_time": None}, "has no time that can be read"),
        (
            "amplitude",
            AMPLITUDE | {"user_id": None, "device_id": None, "amplitude_id": None},
            "has no user_id, device_id or amplitude_id",
        ),
    ],
)
async def test_a_bad_row_costs_its_neighbours_nothing(
    tmp_path: Path, vendor: str, row: dict[str, Any], says: str
) -> None:
    """The row is named with its line and what it lacks; the others are stored."""
    good = {"posthog": POSTHOG, "mixpanel": MIXPANEL, "amplitude": AMPLITUDE}[vendor]
    report, events = await imported(lines(good, row, good), tmp_path, "export.jsonl", vendor=vendor)
    assert (report.stored, report.rejected, len(events)) == (2, 1, 2)
    assert [(rejected.line, rejected.message) for rejected in report.first_rejected] == [(2, says)]


@pytest.mark.parametrize(
    ("text", "name", "options", "says"),
    [
        (lines(MIXPANEL), "a.jsonl", {"vendor": "mixpanel", "mapped": {"event": "e"}}, "--map and --numbers"),
        (lines(MIXPANEL), "a.jsonl", {"vendor": "plausible"}, "an export of plausible is a file of CSV"),
        (
            "event,user_id\na,b\n",
            "a.csv",
            {"vendor": "posthog"},
            "an export of posthog is a file of JSON lines",
        ),
    ],
)
async def test_what_does_not_go_together_is_said_before_anything_is_sent(
    tmp_path: Path, text: str, name: str, options: dict[str, Any], says: str
) -> None:
    """No row is sent."""
    with pytest.raises(ColumnsError, match=says):
        await imported(text, tmp_path, name, **options)


async def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    """Amplitude and Plausible hand out archives of files."""
    with pytest.raises(UnreadableFileError, match="unpack it"):
        await imported("PK", tmp_path, "export.zip")


async def test_a_file_of_ones_own_stays_one(tmp_path: Path) -> None:
    """Columns decide, also where a row looks like somebody's, if the user says which is what."""
    own = {"event": "e", "user_id": "d", "timestamp": "2026-01-31T12:00:00Z", "properties": {"n": 1}}
    report, (event,) = await imported(lines(own), tmp_path, "events.jsonl")
    assert (report.vendor, event["properties"]) == ("columns", {"n": 1})
    report, (event,) = await imported(
        lines(POSTHOG), tmp_path, "others.jsonl", mapped={"distinct_id": "person_id"}
    )
    assert (report.vendor, event["distinct_id"]) == ("columns", POSTHOG["person_id"])
