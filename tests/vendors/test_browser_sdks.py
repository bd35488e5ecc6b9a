"""The vendors' official SDKs for browsers, in a real browser, on a page of another origin than the gateway's."""

from pathlib import Path

from tests.vendors.browser import open_page
from tests.vendors.running import KEY, by_name, one, stored_once, until_stored, vendor_gateway

SETS = ("$set", "$set_once")


async def test_posthog(tmp_path: Path) -> None:
    """Page views, clicks and calls arrive; 503 is retried; what waits when the page is left goes by beacon."""
    async with vendor_gateway(tmp_path, "forget") as gateway, open_page("posthog.html", gateway.url) as page:
        await page.evaluate("posthog.capture('bought', {n: 1, text: 'żółw 🐗'.slice(0, 6)})")
        await page.evaluate("posthog.identify('ada', {plan: 'pro'}, {first_seen: 'today'})")
        await page.evaluate("posthog.alias('ada@shop.example')")
        await page.evaluate("posthog.group('company', 'acme', {seats: 5})")
        await page.evaluate("posthog.setPersonProperties({city: 'Gdynia'})")
        await page.click("#buy")
        await until_stored(gateway, "$pageview", "$autocapture")
        await page.evaluate("posthog.capture('last words')")
        await page.click("#away")
        await page.wait_for_url("**/away.html")
        await until_stored(gateway, "last words", "$pageleave")
    events = await stored_once(tmp_path)
    assert {event.source for event in events} == {"http.posthog"}
    assert {event.properties["$lib"] for event in events} == {"web"}
    assert len({event.session_id for event in events}) == 1
    assert all(KEY not in str(event.properties) for event in events)
    view = one(events, "$pageview")
    anonymous = view.distinct_id
    assert view.properties["$pathname"] == "/posthog.html"
    bought = one(events, "bought")
    assert (bought.distinct_id, bought.properties["n"], bought.properties["text"]) == (anonymous, 1, "żółw �")
    identify = one(events, "$identify")
    assert (identify.distinct_id, identify.properties["$anon_distinct_id"]) == ("ada", anonymous)
    assert identify.properties["$set"] == {"plan": "pro"}
    assert identify.properties["$set_once"]["first_seen"] == "today"
    assert one(events, "$create_alias").properties["alias"] == "ada@shop.example"
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]) == (
        "company",
        "acme",
        {"seats": 5},
    )
    assert one(events, "$set").properties["$set"] == {"city": "Gdynia"}
    clicks = by_name(events, "$autocapture")
    assert [event.properties["$el_text"] for event in clicks] == ["Buy 🐗", "Away"]
    assert max(event.copies for event in events) == 2


async def test_mixpanel(tmp_path: Path) -> None:
    """Page views, calls, people and groups arrive; 503 is retried; a beacon takes what is left."""
    async with vendor_gateway(tmp_path, "refuse") as gateway, open_page("mixpanel.html", gateway.url) as page:
        await page.evaluate("mixpanel.track('bought', {n: 1, text: 'żółw & 100 %+'})")
        await page.evaluate("mixpanel.identify('ada')")
        await page.evaluate("mixpanel.people.set({plan: 'pro'})")
        await page.evaluate("mixpanel.people.set_once({first_seen: 'today'})")
        await page.evaluate("mixpanel.alias('ada@shop.example', 'ada')")
        await page.evaluate("mixpanel.get_group('company', 'acme').set({seats: 5})")
        await until_stored(
            gateway, "$pageview", "bought", "$identify", "$create_alias", "$groupidentify", "$set"
        )
        await page.evaluate("mixpanel.track('last words', {}, {transport: 'sendBeacon'})")
        await page.evaluate("mixpanel.track('at the door')")
        await page.goto("about:blank")
        await until_stored(gateway, "last words", "at the door")
    events = await stored_once(tmp_path)
    assert {event.source for event in events} == {"http.mixpanel"}
    assert all(KEY not in str(event.properties) for event in events)
    view = one(events, "$pageview")
    anonymous = view.distinct_id
    assert view.properties["$pathname"] == "/mixpanel.html"
    bought = one(events, "bought")
    assert (bought.distinct_id, bought.properties["text"]) == (anonymous, "żółw & 100 %+")
    assert (bought.properties["$lib"], bought.properties["$browser"]) == ("web", "Chrome")
    # This SDK's alias() identifies too.
    known = {
        event.distinct_id: event.properties["$anon_distinct_id"] for event in by_name(events, "$identify")
    }
    assert known == {"ada": anonymous, "ada@shop.example": "ada"}
    alias = one(events, "$create_alias")
    assert {alias.distinct_id, alias.properties["alias"]} == {"ada", "ada@shop.example"}
    updates = by_name(events, "$set")
    assert {event.distinct_id for event in updates} == {"ada"}
    said = [(name, *pair) for e in updates for name in SETS for pair in e.properties.get(name, {}).items()]
    assert {("$set", "plan", "pro"), ("$set_once", "first_seen", "today")} <= set(said)
    group = one(events, "$groupidentify").properties
    assert (group["$group_type"], group["$group_key"], group["$group_set"]["seats"]) == ("company", "acme", 5)


async def test_segment(tmp_path: Path) -> None:
    """The settings come from the gateway too, and then all six calls; 503 is retried."""
    async with vendor_gateway(tmp_path, "refuse") as gateway, open_page("segment.html", gateway.url) as page:
        await page.evaluate("analytics.page('Prices')")
        await page.evaluate("analytics.track('bought', {n: 1})")
        await page.evaluate("analytics.alias('ada')")
        await page.evaluate("analytics.identify('ada', {plan: 'pro'})")
        await page.evaluate("analytics.group('acme', {seats: 5})")
        await page.evaluate("analytics.screen('Basket')")
        await until_stored(
            gateway, "$pageview", "bought", "$identify", "$groupidentify", "$create_alias", "$screen"
        )
    events = await stored_once(tmp_path)
    assert {event.source for event in events} == {"http.segment"}
    assert len(events) == 6
    view = one(events, "$pageview")
    assert view.properties["$pathname"] == "/segment.html"
    bought = one(events, "bought")
    assert bought.properties["n"] == 1
    identify = one(events, "$identify")
    assert (identify.distinct_id, identify.properties["$anon_distinct_id"]) == ("ada", bought.distinct_id)
    assert identify.properties["$set"] == {"plan": "pro"}
    group = one(events, "$groupidentify").properties
    assert (group["$group_key"], group["$group_set"]) == ("acme", {"seats": 5})
    alias = one(events, "$create_alias")
    assert (alias.distinct_id, alias.properties["alias"]) == ("ada", bought.distinct_id)
