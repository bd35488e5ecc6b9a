"""`smolhog up` of this version goes on where an earlier one was killed, on the folder that it left."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dataflows.running_flow import wait_until
from tests.whole_stack import WholeStack, whole_stack

FOLDERS = sorted((Path(__file__).parent / "earlier_version").glob("*.tar.xz"))
"""Made by tests/earlier_version/make.py."""
# What is in the folder must not be too old for anything, whenever this runs.
FOR_EVER = {"SMOLHOG_LOG_RETENTION_HOURS": "876000", "SMOLHOG_DEDUP_DAYS": "36500"}
OPTIONS = ("--from", "2026-11-01", "--dimensions", "--json")

Counts = Counter[tuple[str, str, str]]
"""(event, value of `plan`, day) -> events"""


@pytest.fixture(params=FOLDERS, ids=lambda file: file.name.partition(".")[0])
def left(request: pytest.FixtureRequest) -> Iterator[tuple[WholeStack, dict[str, Any]]]:
    """A stack on what was left, and what had been sent to it."""
    sent: dict[str, Any] = {}

    def unpack(folder: Path) -> None:
        with tarfile.open(request.param) as archive:
            archive.extractall(folder, filter="tar")
        sent.update(json.loads((folder / "sent.json").read_text()))

    with whole_stack(settings=FOR_EVER, prepare=unpack) as stack:
        yield stack, sent


def send(stack: WholeStack, write_key: str, events: list[dict[str, Any]]) -> None:
    """Send events over HTTP; all are acknowledged."""
    for some in (events[start : start + 250] for start in range(0, len(events), 250)):
        answer = httpx.post(
            f"http://127.0.0.1:{stack.gateway_port}/v1/batch",
            json={"events": some},
            headers={"Authorization": f"Bearer {write_key}"},
            timeout=60,
        )
        assert answer.json() == {"accepted": len(some)}, answer.text


def is_stored(stack: WholeStack, count: int) -> bool:
    """Whether both stores hold so many events, and agree on each cell."""
    verdict = stack.smolhog("verify", *OPTIONS)
    found = json.loads(verdict.stdout)
    assert found["raw_events"] <= count, found
    return bool(found["raw_events"] == count and verdict.returncode == 0)


def answered(stack: WholeStack) -> Counts:
    """Count by the query API."""
    counts: Counts = Counter()
    for event in ("view", "buy"):
        answer = stack.analytics(
            "trends",
            event=event,
            breakdown="plan",
            interval="day",
            **{"from": "2026-11-19T00:00:00Z", "to": "2026-11-24T00:00:00Z"},
        )
        for series in answer["series"]:
            for point in series["points"]:
                if point["value"]:
                    counts[event, series["breakdown"], point["time"][:10]] += point["value"]
    return counts


def test_an_earlier_version_left_its_folder(left: tuple[WholeStack, dict[str, Any]]) -> None:
    """What it stored is there, what it had only in its log is stored now, and what it knew is not stored again."""
    stack, sent = left
    before, key = sent["events"], sent["write_key"]
    wait_until(lambda: is_stored(stack, len(before)), "what was left", stack.output)

    # The old key is still good, and an SDK that never heard of its acks sends all of it again.
    new = [
        {
            **event,
            "event_id": event["event_id"].replace("-4", "-5", 1),
            "timestamp": event["timestamp"].replace("2026-11-2", "2026-11-1"),
        }
        for event in before[::7]
    ]
    send(stack, key, before[:500] + new[:50])
    stack.child("dataflow").kill()
    send(stack, key, before[500:] + new[50:])
    wait_until(lambda: is_stored(stack, len(before) + len(new)), "new events", stack.output)
    counts: Counts = Counter(
        (event["event"], event["properties"]["plan"], event["timestamp"][:10]) for event in before + new
    )
    assert answered(stack) == Counter(
        {key: number for key, number in counts.items() if key[2] >= "2026-11-19"}
    )
