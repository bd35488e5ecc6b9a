"""What Segment's SDKs for servers are made to say, whatever their language, and how it has to arrive."""

from tests.vendors.running import NEAR, WHEN, StoredEvent, by_name, one


def check_calls(events: list[StoredEvent]) -> list[StoredEvent]:
    """See that all six calls arrived once, under our names; return the twelve of ``track``."""
    assert len(events) == 17
    bought = by_name(events, "bought")
    assert sorted(event.properties["n"] for event in bought) == list(range(12))
    assert all(abs(event.timestamp - WHEN) < NEAR for event in bought)
    identify = one(events, "$identify")
    assert (identify.distinct_id, identify.properties["$anon_distinct_id"], identify.properties["$set"]) == (
        "ada",
        "anonymous-1",
        {"plan": "pro"},
    )
    alias = one(events, "$create_alias")
    assert (alias.distinct_id, alias.properties["alias"]) == ("ada", "anonymous-2")
    group = one(events, "$groupidentify").properties
    assert (group["$group_key"], group["$group_set"]) == ("acme", {"seats": 5})
    assert one(events, "$screen").properties["$screen_name"] == "Basket"
    return bought
