"""PostHog's, Segment's and Mixpanel's official SDKs for Node, pointed at a gateway and otherwise unchanged."""

import json
from pathlib import Path

import pytest

from tests.vendors.running import NEAR, WHEN, StoredEvent, by_name, node, one, stored_once, vendor_gateway
from tests.vendors.segment_calls import check_calls


@pytest.mark.parametrize(
    ("mode", "options", "faults"),
    [("v0", {}, ("refuse", "forget")), ("v1", {}, ("forget",)), ("v1", {"disableCompression": True}, ())],
    ids=["gzip, log away", "V1 gzip, log away", "V1 plain"],
)
async def test_posthog(
    tmp_path: Path, mode: str, options: dict[str, object], faults: tuple[str, ...]
) -> None:
    """identify, alias, groups, capture and flags work; what was answered 503 is sent again and stored once."""
    async with vendor_gateway(tmp_path, *faults) as gateway:
        told = await node(
            "posthog_node.mjs",
            gateway.url,
            SMOLHOG_OPTIONS=json.dumps(options),
            POSTHOG_CAPTURE_MODE=mode,
        )
        assert gateway.log.faults_left == 0
    assert told == {"lost": [], "flags": {}}
    check_posthog(await stored_once(tmp_path), "http.posthog_v1" if mode == "v1" else "http.posthog")


def check_posthog(events: list[StoredEvent], source: str = "http.posthog") -> None:
    """See that the story's events are there once, with the right fields."""
    assert len(events) == 15
    bought = by_name(events, "bought")
    assert sorted(event.properties["n"] for event in bought) == list(range(12))
    # The app cut its text in the middle of an emoji.
    assert {event.properties["text"] for event in bought} == {"żółw �"}
    assert {event.properties["$groups"]["company"] for event in bought} == {"acme"}
    assert all(abs(event.timestamp - WHEN) < NEAR for event in bought)
    assert {event.properties["$lib"] for event in events} == {"posthog-node"}
    assert {event.source for event in events} == {source}
    identify = one(events, "$identify")
    assert (identify.distinct_id, identify.properties["$anon_distinct_id"]) == ("ada", "anonymous-1")
    assert identify.properties["$set"] == {"plan": "pro"}
    alias = one(events, "$create_alias")
    assert {alias.distinct_id, alias.properties["alias"]} == {"ada", "anonymous-2"}
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]) == (
        "company",
        "acme",
        {"seats": 5},
    )


@pytest.mark.parametrize("faults", [(), ("refuse", "forget")], ids=["plain", "log away"])
async def test_segment(tmp_path: Path, faults: tuple[str, ...]) -> None:
    """All six calls arrive under our names; what was answered 503 is sent again and stored once."""
    async with vendor_gateway(tmp_path, *faults) as gateway:
        assert await node("segment_node.mjs", gateway.url) == {"lost": []}
    check_segment(await stored_once(tmp_path))


def check_segment(events: list[StoredEvent]) -> None:
    """See that the story's events are there once, with the right fields."""
    bought = check_calls(events)
    said = bought[0].properties
    assert (said["$ip"], said["utm_source"], said["$context"]) == ("192.0.2.7", "letter", {"weather": "rain"})
    assert said["text"] == "żółw 🐗"
    assert {event.properties["$lib"] for event in events} == {"@segment/analytics-node"}
    assert one(events, "$pageview").properties["$current_url"] == "https://shop.example/prices"


@pytest.mark.parametrize("verbose", ["0", "1"])
async def test_mixpanel(tmp_path: Path, verbose: str) -> None:
    """track, import, batches, alias, people and groups arrive; an id that comes three times is one event."""
    async with vendor_gateway(tmp_path) as gateway:
        assert await node("mixpanel_node.mjs", gateway.url, SMOLHOG_VERBOSE=verbose) == {"failed": []}
    events = await stored_once(tmp_path)
    assert len(events) == 19
    bought = by_name(events, "bought")
    assert sorted(event.properties["n"] for event in bought) == list(range(12))
    assert {event.copies for event in bought} == {3}
    assert {event.timestamp for event in bought} == {WHEN.replace(microsecond=0)}
    visited = one(events, "visited")
    assert (visited.distinct_id, visited.properties["text"], visited.properties["$lib"]) == (
        "anonymous-1",
        "żółw & 100 %+",
        "node",
    )
    alias = one(events, "$create_alias")
    assert {alias.distinct_id, alias.properties["alias"]} == {"ada", "anonymous-1"}
    people: dict[str, object] = {}
    for event in by_name(events, "$set"):
        assert event.distinct_id == "ada"
        people |= event.properties
    assert (people["$set"], people["$set_once"]) == ({"plan": "pro"}, {"first_seen": "today"})
    assert (people["$unset"], people["$add"]) == (["trial"], {"logins": 1})
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]) == (
        "company",
        "acme",
        {"seats": 5},
    )
