"""The bounds of the client's queue, of its batches, and of what JSON can hold."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from smolhog_client import (
    BatchResult,
    Event,
    InvalidEventError,
)
from tests.sdk.python.scripted_gateway import (
    Peer,
    client_of,
    events,
    eventually,
    scripted_gateway,
    store_everything,
)


async def test_a_full_queue_makes_callers_wait_and_is_bounded() -> None:
    """``track`` waits at the bound, goes on with the first ack, and keeps the callers' order."""
    may_ack = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await may_ack.wait()
        await peer.ack_all()

    async with (
        scripted_gateway(script) as gateway,
        client_of(gateway, queue_events=4, batch_events=2, max_in_flight=1) as client,
    ):
        await client.ready()
        tracking = [asyncio.create_task(client.track("clicked", f"user-{n}")) for n in range(10)]
        await eventually(lambda: sum(task.done() for task in tracking) == 4)
        assert client.pending == 4
        may_ack.set()
        await asyncio.gather(*tracking)
        await client.flush()
        assert client.pending == 0
    order = [event["distinct_id"] for batch in gateway.batches for event in batch["events"]]
    assert order == [f"user-{n}" for n in range(10)]


async def test_a_batch_larger_than_the_queue_goes_through_in_order() -> None:
    """``send_batch`` takes more events than may be held at once."""
    async with (
        scripted_gateway(store_everything) as gateway,
        client_of(gateway, queue_events=7, batch_events=3) as client,
    ):
        assert await client.send_batch(events(50)) == BatchResult(50, ())
    assert len(set(gateway.event_ids)) == 50


async def test_a_cancelled_call_leaves_the_rest_alone() -> None:
    """A cancelled ``track`` was not handed in; a cancelled ``send_batch`` is still delivered."""
    may_ack = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await may_ack.wait()
        await peer.ack_all()

    async with scripted_gateway(script) as gateway, client_of(gateway, queue_events=2) as client:
        batch = asyncio.create_task(client.send_batch(events(2)))
        await eventually(lambda: client.pending == 2)
        blocked = asyncio.create_task(client.track("never", "u"))
        later = asyncio.create_task(client.track("later", "u"))
        await asyncio.sleep(0)
        blocked.cancel()
        batch.cancel()
        await asyncio.wait([blocked, batch])
        assert blocked.cancelled()
        assert batch.cancelled()
        may_ack.set()
        await later
        await client.flush()
    names = [event["event"] for batch in gateway.batches for event in batch["events"]]
    assert names == ["clicked", "clicked", "later"]


async def test_events_that_json_cannot_hold_are_refused_before_they_are_sent() -> None:
    """``track`` raises; ``send_batch`` gives them a verdict and sends their neighbours."""
    nested: dict[str, Any] = {}
    nested["self"] = nested
    unwritable = [
        ("invalid_field", Event("e", "u", {"x": object()})),
        ("lone_surrogate", Event("e", "u", {"x": "\ud800"})),
        ("nested_too_deep", Event("e", "u", nested)),
        ("invalid_timestamp", Event("e", "u", timestamp=datetime(2026, 1, 1))),  # noqa: DTZ001 - the mistake to catch
    ]
    async with scripted_gateway(store_everything) as gateway, client_of(gateway) as client:
        with pytest.raises(InvalidEventError, match="time zone"):
            await client.track("e", "u", timestamp=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake to catch
        result = await client.send_batch([*(event for _, event in unwritable), Event("good", "u")])
    assert result.accepted == 1
    assert [rejected.code for rejected in result.rejected] == [code for code, _ in unwritable]
    assert [event["event"] for batch in gateway.batches for event in batch["events"]] == ["good"]


async def test_the_gateways_limits_are_kept() -> None:
    """Batches and frames stay within ``welcome``; an event that no frame holds is rejected alone."""
    sizes: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.welcome(frame_bytes=2_000, batch_events=8)
        while True:
            batch = await peer.receive()
            sizes.append(len(str(batch)))
            await peer.ack(batch)

    wide = [Event("wide", "u", {"text": "x" * 500}) for _ in range(6)]
    async with scripted_gateway(script) as gateway, client_of(gateway) as client:
        result = await client.send_batch([*events(20), *wide, Event("huge", "u", {"text": "x" * 3_000})])
    assert result.accepted == 26
    assert [(rejected.index, rejected.code) for rejected in result.rejected] == [(26, "event_too_large")]
    assert max(len(batch["events"]) for batch in gateway.batches) == 8
    assert max(sizes) <= 2_000
