"""Traffic that does not exist: its amount, order and shape."""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolhog.demo_traffic import TrafficStats, history, stream_traffic
from smolhog_client import Client, ClientClosedError, Event, Unauthorized
from tests.sdk.python.scripted_gateway import Peer, scripted_gateway, store_everything

UNTIL = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(min_value=1, max_value=5),
    st.integers(min_value=0, max_value=600),
    st.integers(),
    st.booleans(),
)
def test_history_is_exactly_as_much_as_asked_for_in_order_and_in_its_days(
    days: int,
    events: int,
    seed: int,
    rhythm: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Any number over any days: that many events, sorted, inside the days, each with its own id."""
    made = list(history(days, events, seed, until=UNTIL, daily_rhythm=rhythm))
    times = [event.timestamp for event in made if event.timestamp is not None]
    assert len(made) == len(times) == events
    assert times == sorted(times)
    assert all(UNTIL - timedelta(days=days) <= time < UNTIL for time in times)
    assert len({event.event_id for event in made}) == events


def test_a_seed_gives_the_same_history_and_another_seed_another() -> None:
    """Events and their ids are a function of the arguments."""
    assert list(history(1, 300, 7, until=UNTIL)) == list(history(1, 300, 7, until=UNTIL))
    assert list(history(1, 300, 7, until=UNTIL)) != list(history(1, 300, 8, until=UNTIL))


def test_the_funnel_narrows_and_evenings_are_busier_than_nights() -> None:
    """Each step is taken by fewer sessions than the one before; the rhythm of the day shows."""
    made = list(history(3, 30_000, 1, until=UNTIL))
    sessions: dict[str, set[str | None]] = defaultdict(set)
    for event in made:
        sessions[event.event].add(event.session_id)
    funnel = ["product_viewed", "product_added", "checkout_started", "order_completed"]
    reached = [len(sessions[step]) for step in funnel]
    assert reached == sorted(set(reached), reverse=True)
    assert reached[-1] > 100
    hours = Counter(event.timestamp.hour for event in made if event.timestamp)
    assert hours[20] > 5 * hours[4]


def test_events_carry_what_enrichment_reads() -> None:
    """Pages, referrers, campaigns, user agents, plans and money are there, where they belong."""
    made = list(history(1, 5_000, 1, until=UNTIL))
    everything = [event.properties for event in made if isinstance(event.properties, dict)]
    assert len(everything) == len(made)
    assert {properties["platform"] for properties in everything} == {"web", "ios", "android"}
    assert all("$user_agent" in properties and "plan" in properties for properties in everything)
    views = [event.properties for event in made if event.event == "$pageview"]
    assert all("$current_url" in properties for properties in views if isinstance(properties, dict))
    assert any("utm_source=" in str(properties) for properties in views)
    assert any("google.com" in str(properties) for properties in views)
    orders = [event.properties for event in made if event.event == "order_completed"]
    assert orders
    assert all(
        p["amount"] > 0 and p["currency"] in {"EUR", "USD", "GBP"} for p in orders if isinstance(p, dict)
    )


async def test_live_traffic_keeps_its_rate_until_it_is_stopped() -> None:
    """About as many events as rate times time, all acknowledged, with sessions and fresh times."""
    stop = asyncio.Event()
    seen: list[TrafficStats] = []

    def on_stats(stats: TrafficStats) -> None:
        seen.append(stats)
        if stats.sent >= 1_000:
            stop.set()

    async with scripted_gateway(store_everything) as gateway, Client(gateway.url, write_key="key") as client:
        final = await stream_traffic(client, events_per_second=2_000, seed=1, stop=stop, on_stats=on_stats)
    assert final == seen[-1]
    assert final.sent == final.acknowledged == len(gateway.event_ids)
    assert final.sent <= 2_000 * final.seconds + 2
    assert len({event["session_id"] for batch in gateway.batches for event in batch["events"]}) > 100


async def test_a_refused_client_ends_the_traffic_with_its_error() -> None:
    """A wrong key is the caller's to hear."""

    async def refuse(peer: Peer) -> None:
        await peer.receive()
        await peer.close(4401)

    async with scripted_gateway(refuse) as gateway:
        client = Client(gateway.url, write_key="key")
        await client.open()
        with pytest.raises(Unauthorized):
            await stream_traffic(
                client, events_per_second=500, seed=1, stop=asyncio.Event(), on_stats=lambda _: None
            )
        with pytest.raises(Unauthorized):
            await client.close()


@pytest.mark.parametrize("rate", [0, 0.5, 20_001, -1])
async def test_rates_out_of_bounds_are_refused(rate: float) -> None:
    """From one event a second to twenty thousand."""
    client = Client(write_key="key")
    with pytest.raises(ValueError, match="events_per_second"):
        await stream_traffic(
            client, events_per_second=rate, seed=1, stop=asyncio.Event(), on_stats=lambda _: None
        )
    with pytest.raises(ClientClosedError):
        await client.send_batch([Event("e", "u")])
