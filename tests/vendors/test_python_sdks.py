"""PostHog's, Segment's and Mixpanel's official SDKs for Python, pointed at a gateway and otherwise unchanged."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixpanel  # type: ignore[import-untyped] # as are the others
import pytest
from posthog import Posthog
from segment.analytics.client import Client as Segment  # type: ignore[import-untyped]

from tests.vendors.running import KEY, NEAR, WHEN, StoredEvent, by_name, one, stored_once, vendor_gateway
from tests.vendors.segment_calls import check_calls


def posthog_story(url: str, timeout: float = 20, **options: Any) -> list[object]:
    """Do what an app does; return what the SDK could not send."""
    lost: list[object] = []
    client = Posthog(
        KEY,
        host=url,
        sync_mode=False,
        flush_at=5,
        timeout=timeout,
        on_error=lambda error, batch: lost.append((error, batch)),
        **options,
    )
    client.set(distinct_id="ada", properties={"plan": "pro"})
    client.set_once(distinct_id="ada", properties={"first_seen": "today"})
    client.alias("anonymous-1", "ada")
    client.group_identify("company", "acme", {"seats": 5}, distinct_id="ada")
    for n in range(12):
        client.capture(
            "bought",
            distinct_id="ada",
            properties={"n": n, "price": 9.5, "text": "żółw 🐗"},
            groups={"company": "acme"},
            timestamp=WHEN,
        )
    client.flush()  # so that what goes wrong first goes wrong with events
    assert client.get_all_flags("ada") in ({}, None)
    client.shutdown()
    return lost


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        ({}, ()),
        ({"gzip": True}, ("refuse", "forget")),
        ({"capture_mode": "v1"}, ("forget",)),
        ({"capture_mode": "v1", "capture_compression": "deflate"}, ("refuse",)),
    ],
    ids=["plain", "gzip, log away", "V1", "V1 deflate, log away"],
)
async def test_posthog(tmp_path: Path, options: dict[str, Any], faults: tuple[str, ...]) -> None:
    """capture, set, alias, groups and flags work; what was answered 503 is sent again and stored once."""
    async with vendor_gateway(tmp_path, *faults) as gateway:
        assert await asyncio.to_thread(posthog_story, gateway.url, **options) == []
        assert gateway.log.faults_left == 0
    v1 = options.get("capture_mode") == "v1"
    check_posthog(await stored_once(tmp_path), "http.posthog_v1" if v1 else "http.posthog")


def check_posthog(events: list[StoredEvent], source: str = "http.posthog") -> None:
    """See that the story's events are there once, with the right fields."""
    assert len(events) == 16
    bought = by_name(events, "bought")
    assert sorted(event.properties["n"] for event in bought) == list(range(12))
    assert {event.distinct_id for event in bought} == {"ada"}
    assert {event.properties["text"] for event in bought} == {"żółw 🐗"}
    assert {event.properties["$groups"]["company"] for event in bought} == {"acme"}
    assert all(abs(event.timestamp - WHEN) < NEAR for event in bought)
    assert {event.properties["$lib"] for event in events} == {"posthog-python"}
    assert {event.source for event in events} == {source}
    assert all(KEY not in str(event.properties) for event in events)
    assert one(events, "$set").properties["$set"] == {"plan": "pro"}
    assert [event.properties["$set_once"] for event in events if "$set_once" in event.properties] == [
        {"first_seen": "today"}
    ]
    alias = one(events, "$create_alias")
    assert {alias.distinct_id, alias.properties["alias"]} == {"anonymous-1", "ada"}
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]) == (
        "company",
        "acme",
        {"seats": 5},
    )


def segment_story(url: str, timeout: float = 20, **options: Any) -> list[object]:
    """Do what an app does; return what the SDK could not send."""
    lost: list[object] = []
    client = Segment(
        KEY,
        host=url,
        upload_size=5,
        upload_interval=0.1,
        timeout=timeout,
        on_error=lambda error, batch: lost.append((error, batch)),
        **options,
    )
    client.identify("ada", {"plan": "pro"}, anonymous_id="anonymous-1")
    client.alias("anonymous-2", "ada")
    client.group("ada", "acme", {"seats": 5})
    client.page("ada", "Shop", "Prices", {"url": "https://shop.example/prices", "path": "/prices"})
    client.screen("ada", "Shop", "Basket", {"items": 2})
    for n in range(12):
        client.track("ada", "bought", {"n": n, "price": 9.5}, timestamp=WHEN, context={"ip": "192.0.2.7"})
    client.shutdown()
    return lost


@pytest.mark.parametrize(
    ("options", "faults"), [({}, ()), ({"gzip": True}, ("refuse", "forget"))], ids=["plain", "gzip, log away"]
)
async def test_segment(tmp_path: Path, options: dict[str, Any], faults: tuple[str, ...]) -> None:
    """All six calls arrive under our names; what was answered 503 is sent again and stored once."""
    async with vendor_gateway(tmp_path, *faults) as gateway:
        assert await asyncio.to_thread(segment_story, gateway.url, **options) == []
    check_segment(await stored_once(tmp_path))


def check_segment(events: list[StoredEvent]) -> None:
    """See that the story's events are there once, with the right fields."""
    bought = check_calls(events)
    assert {event.properties["$ip"] for event in bought} == {"192.0.2.7"}
    assert {event.properties["$lib"] for event in events} == {"analytics-python"}
    page = one(events, "$pageview").properties
    assert (page["$current_url"], page["$pathname"], page["$title"]) == (
        "https://shop.example/prices",
        "/prices",
        "Prices",
    )


def mixpanel_client(
    url: str, consumer: Callable[..., object] = mixpanel.Consumer, timeout: float = 5
) -> mixpanel.Mixpanel:
    """Make a client whose addresses are the gateway's."""
    addresses = {
        f"{name}_url": f"{url}/{path}"
        for name, path in (
            ("events", "track"),
            ("people", "engage"),
            ("import", "import"),
            ("groups", "groups"),
        )
    }
    return mixpanel.Mixpanel(KEY, consumer=consumer(request_timeout=timeout, **addresses))


def mixpanel_story(client: mixpanel.Mixpanel) -> None:
    """Do what an app does."""
    client.track("anonymous-1", "visited", {"price": 9.5, "text": "żółw & 100 %+"})
    # `alias()` would go to Mixpanel's own address, whatever the consumer's are.
    client.track("anonymous-1", "$create_alias", {"alias": "ada"})
    client.merge(api_key=KEY, distinct_id1="ada", distinct_id2="anonymous-2")
    client.people_set("ada", {"plan": "pro"})
    client.people_set_once("ada", {"first_seen": "today"})
    client.people_unset("ada", ["trial"])
    client.people_increment("ada", {"logins": 1})
    client.group_set("company", "acme", {"seats": 5})
    for n in range(12):
        client.import_data(
            api_key=KEY,
            distinct_id="ada",
            event_name="bought",
            timestamp=WHEN.timestamp(),
            properties={"n": n},
        )


async def test_mixpanel(tmp_path: Path) -> None:
    """track, import, alias, merge, people and groups arrive under our names."""
    async with vendor_gateway(tmp_path) as gateway:
        await asyncio.to_thread(mixpanel_story, mixpanel_client(gateway.url))
    check_mixpanel(await stored_once(tmp_path))


def check_mixpanel(events: list[StoredEvent]) -> None:
    """See that the story's events are there once, with the right fields."""
    assert len(events) == 20
    bought = by_name(events, "bought")
    assert sorted(event.properties["n"] for event in bought) == list(range(12))
    assert {event.timestamp for event in bought} == {WHEN}
    visited = one(events, "visited")
    assert (visited.distinct_id, visited.properties["text"], visited.properties["$lib"]) == (
        "anonymous-1",
        "żółw & 100 %+",
        "python",
    )
    alias = one(events, "$create_alias")
    assert {alias.distinct_id, alias.properties["alias"]} == {"ada", "anonymous-1"}
    merge = one(events, "$merge_dangerously")
    assert (merge.distinct_id, merge.properties["alias"]) == ("ada", "anonymous-2")
    people: dict[str, object] = {}
    for event in by_name(events, "$set"):
        assert event.distinct_id == "ada"
        people |= event.properties
    assert people["$set"] == {"plan": "pro"}
    assert people["$set_once"] == {"first_seen": "today"}
    assert people["$unset"] == ["trial"]
    assert people["$add"] == {"logins": 1}
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]) == (
        "company",
        "acme",
        {"seats": 5},
    )
