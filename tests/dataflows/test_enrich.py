"""Context is what is known beyond what the client said, and never overrides it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataflows.enrich import Context, Enricher

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"


def geo(address: str) -> tuple[tuple[str, str], ...]:
    """Knows two addresses."""
    return {"1.1.1.1": (("$country", "AU"),), "2.2.2.2": (("$country", "FR"), ("$city", "Paris"))}.get(
        address, ()
    )


def test_client_gives_what_its_events_share() -> None:
    """Address and user agent of the connection say something about every event."""
    shared = Enricher(geo).context_of_client("1.1.1.1", IPHONE)
    assert shared["$country"] == "AU"
    assert shared["$os"] == "iOS"


def test_backend_sdks_say_nothing_about_the_person() -> None:
    """A server's own user agent is no browser."""
    assert Enricher(geo).context_of_client(None, "python-requests/2.31 (Linux)") == {}


def test_a_backend_is_not_where_its_users_are() -> None:
    """Its own address says nothing about them; one that it sends along does, and so does an app's."""
    enricher = Enricher(geo)
    backend = enricher.context_of_client("1.1.1.1", "posthog-python/7.0")
    assert backend == {}
    assert enricher.put_context(backend, {"$ip": "2.2.2.2"})["$country"] == "FR"
    assert enricher.context_of_client("1.1.1.1", None)["$country"] == "AU"
    assert enricher.context_of_client("1.1.1.1", "Dart/3.5 (dart:io)")["$country"] == "AU"


def test_event_that_adds_nothing_shares_the_context() -> None:
    """The very same object, so that it is encoded once."""
    enricher = Enricher(geo)
    shared = enricher.context_of_client("1.1.1.1", IPHONE)
    assert enricher.put_context(shared, {"plan": "pro"}) is shared


def test_event_knows_better_than_the_connection() -> None:
    """What a backend says about its client's address counts, field by field."""
    context = Enricher(geo).put_context(Context({"$country": "AU", "$os": "iOS"}), {"$ip": "2.2.2.2"})
    assert context == {"$country": "FR", "$city": "Paris", "$os": "iOS"}


def test_page_and_referrer_are_read() -> None:
    """The first of several names for the same thing counts, if it is text."""
    context = Enricher().put_context(
        Context(),
        {"$current_url": 5, "url": "http://shop/x?utm_source=a", "$referrer": "https://www.google.com/"},
    )
    assert context == {
        "$host": "shop",
        "$pathname": "/x",
        "$utm_source": "a",
        "$referring_domain": "google.com",
    }


def test_nul_in_a_header_is_dropped() -> None:
    """Nothing that PostgreSQL cannot store comes from a user agent."""
    context = Enricher().context_of_client(None, IPHONE.replace("iPhone;", "iPhone\0;") + " Fancy\0App/1\0.2")
    assert not any("\0" in value for value in context.values())


_names = st.sampled_from(
    ["$country", "$os", "$ip", "$current_url", "$referrer", "$user_agent", "$host", "plan"]
)
_values = st.one_of(
    st.none(), st.integers(), st.text(), st.sampled_from(["1.1.1.1", "http://a/b?utm_term=c", IPHONE])
)


@given(st.dictionaries(_names, _values), st.sampled_from([None, "1.1.1.1"]), st.sampled_from([None, IPHONE]))
def test_context_never_overrides_a_property(
    properties: dict[str, Any], address: str | None, user_agent: str | None
) -> None:
    """Context and properties share no name, and the shared context is not changed."""
    enricher = Enricher(geo)
    shared = enricher.context_of_client(address, user_agent)
    before = dict(shared)
    context = enricher.put_context(shared, properties)
    assert context.keys().isdisjoint(properties)
    assert shared == before
    assert before.items() <= context.items() or len(properties) > 0
