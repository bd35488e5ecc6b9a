"""What becomes of events when there is no room."""

import asyncio

import pytest

from smolhog_client import Event, FullJitter
from smolhog_client.client import Client
from smolhog_client.inbox import Inbox
from smolhog_client.overflow import Drops, Overflow
from smolhog_client.queued import QueuedEvent
from tests.sdk.python.scripted_gateway import Peer, scripted_gateway


@pytest.mark.parametrize(("overflow", "kept"), [("drop_oldest", [0, 7, 8, 9]), ("drop_newest", [0, 1, 2, 3])])
async def test_the_policy_says_which_events_go(overflow: Overflow, kept: list[int]) -> None:
    """Of ten events four are held; one is in flight and stays; the drops are counted and told."""
    may_ack = asyncio.Event()
    in_flight = asyncio.Event()
    told: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        first = await peer.receive()
        in_flight.set()
        await may_ack.wait()
        await peer.ack(first)
        await peer.ack_all()

    async with (
        scripted_gateway(script) as gateway,
        Client(
            gateway.url,
            write_key="key",
            backoff=FullJitter(base=0),
            linger_ms=0,
            queue_events=4,
            max_in_flight=1,
            overflow=overflow,
            on_dropped=told.append,
        ) as client,
    ):
        await client.track("clicked", "u0")
        await in_flight.wait()
        for n in range(1, 10):
            await client.track("clicked", f"u{n}")
        assert (client.dropped, sum(told), client.pending) == (6, 6, 4)
        may_ack.set()
        await client.flush()
    sent = [event["distinct_id"] for batch in gateway.batches for event in batch["events"]]
    assert sent == [f"u{n}" for n in kept]


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
async def test_a_dropped_event_has_a_verdict(overflow: Overflow) -> None:
    """``send_batch`` ends though part of its events found no room, and says which."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.ack_all()

    async with (
        scripted_gateway(script) as gateway,
        Client(gateway.url, write_key="key", queue_events=4, overflow=overflow) as client,
    ):
        result = await client.send_batch([Event("clicked", f"u{n}") for n in range(10)])
    assert result.accepted == 4
    expected = range(6) if overflow == "drop_oldest" else range(4, 10)
    assert [(event.index, event.code) for event in result.rejected] == [(n, "dropped") for n in expected]


@pytest.mark.parametrize(("overflow", "kept"), [("drop_oldest", ["e2", "e3"]), ("drop_newest", ["e0", "e1"])])
def test_threads_do_not_wait_where_events_may_be_dropped(overflow: Overflow, kept: list[str]) -> None:
    """The inbox of the synchronous client keeps the same policies, when its loop cannot follow."""
    drops = Drops(None)
    inbox = Inbox(2, 10_000, overflow, drops)
    for n in range(4):
        put = inbox.put(QueuedEvent, (f"e{n}", b"{}"), lambda: True)
        assert put is not None
        assert put[1] == (n == 0)
    assert [event.event_id for event in inbox.take_all()] == kept
    assert drops.count == 2


def test_drops_are_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """One line per ten seconds, with how many there were since; a callback's error harms nobody."""
    now = 0.0

    def fail(_count: int) -> None:
        raise LookupError

    drops = Drops(fail, lambda: now)
    for _ in range(5):
        drops.add(2)
    now = 11.0
    drops.add(1)
    lines = [record.getMessage() for record in caplog.records if "dropped," in record.getMessage()]
    assert lines == [
        "smolhog: the queue is full, 2 events dropped, 2 in all",
        "smolhog: the queue is full, 9 events dropped, 11 in all",
    ]
