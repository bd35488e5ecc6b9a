"""The client's calls, from the first event to its close."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from smolhog_client import (
    Client,
    ClientClosedError,
    RejectedEvent,
    UndeliveredError,
)
from tests.sdk.python.scripted_gateway import (
    Peer,
    client_of,
    events,
    eventually,
    scripted_gateway,
    store_everything,
)


async def test_a_tracked_event_arrives_as_the_protocol_says() -> None:
    """All fields of a tracked event are on the wire, with an id and a time of ours."""
    async with scripted_gateway(store_everything) as gateway, client_of(gateway) as client:
        when = datetime(2026, 1, 31, 12, tzinfo=UTC)
        await client.track("paid", "u", {"amount": 9.5, "tags": ["a"]}, timestamp=when, session_id="s")
        await client.track("left", "u")
        await client.flush()
    hello, first = gateway.frames[:2]
    assert hello["type"] == "hello"
    assert hello["key"] == "key"
    paid = first["events"][0]
    assert UUID(paid.pop("event_id")).version == 7
    assert paid == {
        "event": "paid",
        "distinct_id": "u",
        "properties": {"amount": 9.5, "tags": ["a"]},
        "timestamp": "2026-01-31T12:00:00Z",
        "session_id": "s",
    }
    assert datetime.fromisoformat(first["sent_at"]).tzinfo is not None
    left = gateway.batches[-1]["events"][-1]
    assert datetime.fromisoformat(left["timestamp"]).tzinfo is not None
    assert "properties" not in left


async def test_leaving_the_client_flushes() -> None:
    """Nothing that was tracked is left behind by ``async with``, whatever the linger."""
    async with scripted_gateway(store_everything) as gateway:
        async with client_of(gateway, linger_ms=60_000) as client:
            ids = [await client.track("clicked", "u") for _ in range(3)]
        assert gateway.event_ids == ids


async def test_batches_are_pipelined_and_acks_come_in_any_order() -> None:
    """Four batches are in flight at once; each caller gets the verdicts of its own events."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        batches = [await peer.receive() for _ in range(4)]
        for batch in reversed(batches):
            who = batch["events"][1]
            await peer.ack(
                batch,
                {"index": 1, "result": "rejected", "code": "name_too_long", "message": who["distinct_id"]},
            )

    async with scripted_gateway(script) as gateway, client_of(gateway, batch_events=5) as client:
        all_events = events(20)
        results = await asyncio.gather(
            *(client.send_batch(all_events[start : start + 5]) for start in range(0, 20, 5))
        )
    for n, result in enumerate(results):
        assert result.accepted == 4
        (rejected,) = result.rejected
        assert (rejected.index, rejected.code, rejected.message) == (1, "name_too_long", f"user-{5 * n + 1}")


async def test_rejected_events_reach_the_callback_and_the_result() -> None:
    """A verdict is told twice: to whoever waits, and to ``on_rejected``, whose errors harm nobody."""
    heard: list[RejectedEvent] = []

    def on_rejected(event: RejectedEvent) -> None:
        heard.append(event)
        raise RuntimeError("a program's own mistake")

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.ack(
            await peer.receive(), {"index": 0, "result": "rejected", "code": "nul_character", "message": "no"}
        )
        await peer.ack_all()

    async with scripted_gateway(script) as gateway, client_of(gateway, on_rejected=on_rejected) as client:
        result = await client.send_batch(events(2))
        await client.track("clicked", "u")
        await client.flush()
    assert result.accepted == 1
    assert list(result.rejected) == heard
    assert heard[0].event_id == gateway.event_ids[0]


async def test_closing_without_a_gateway_says_what_is_left() -> None:
    """``close`` gives up after its time, names the count and the cause, and is harmless twice."""
    async with scripted_gateway(store_everything) as gateway:
        pass
    client = client_of(gateway, close_timeout=0.05)
    await client.open()
    await client.track("clicked", "u")
    waiting = asyncio.create_task(client.send_batch(events(1)))
    await eventually(lambda: client.pending == 2)
    with pytest.raises(UndeliveredError, match="2 events were not acknowledged"):
        await client.close()
    with pytest.raises(ClientClosedError):
        await waiting
    await client.close()
    with pytest.raises(ClientClosedError):
        await client.track("clicked", "u")


async def test_a_programs_own_error_is_not_hidden_by_ours() -> None:
    """An error inside ``async with`` comes out as it is, though events were left over."""
    async with scripted_gateway(store_everything) as gateway:
        pass

    async def program() -> None:
        async with client_of(gateway, close_timeout=0.01) as client:
            await client.track("clicked", "u")
            raise LookupError

    with pytest.raises(LookupError):
        await program()


@pytest.mark.parametrize("url", ["ftp://host", "127.0.0.1:8400", "ws://", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """Only URLs of WebSockets or HTTP with a host are taken."""
    with pytest.raises(ValueError, match="url must be"):
        Client(url, write_key="key")
