"""Fail when an event costs the client clearly more work than it does now. No clock decides.

What is counted is function calls, Python's and C's, of the thread that tracks: the same on every machine, or
nearly so. A bound that has become loose should be lowered.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smolhog_client import Client, Event, SyncClient, UndeliveredError
from smolhog_client.delivery import Delivery
from smolhog_client.frames import Limits, encode_batch
from smolhog_client.options import utc_now
from smolhog_client.packing import Packer
from smolhog_client.queued import DeliverySettings, Submission
from tests.sdk.python.gateway_thread import GatewayThread

_EVENTS = 4_000
_NOWHERE = "ws://127.0.0.1:9"
_PROPERTIES = {"plan": "pro", "amount": 19.9, "currency": "EUR"}


class Calls:
    """How many functions were called."""

    count = 0


@contextmanager
def counted() -> Iterator[Calls]:
    """Count the calls of this thread."""
    calls = Calls()

    def count(_frame: object, event: str, _argument: object) -> None:
        calls.count += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_tracking_takes_few_calls() -> None:
    """From a program's words to an event that waits to be sent."""
    client = Client(_NOWHERE, write_key="key", close_timeout=0)
    await client.open()
    with counted() as calls:
        for _ in range(_EVENTS):
            await client.track("bought", "ada", _PROPERTIES)
    with pytest.raises(UndeliveredError):
        await client.close()
    assert client.dropped == 0
    assert calls.count / _EVENTS < 19


def test_tracking_from_a_thread_takes_few_calls() -> None:
    """The same for what waits to be taken by the background thread."""
    client = SyncClient(_NOWHERE, write_key="key", queue_events=4 * _EVENTS, close_timeout=0)
    client.track("began", "ada")  # starts the thread
    with counted() as calls:
        for _ in range(_EVENTS):
            client.track("bought", "ada", _PROPERTIES)
    with pytest.raises(UndeliveredError):
        client.close()
    assert client.dropped == 0
    assert calls.count / _EVENTS < 19


def test_a_batch_takes_few_calls() -> None:
    """Prebuilt events are encoded one by one; ids, frame and ack are of the whole."""
    packer = Packer(None, utc_now)
    events = [Event("bought", "ada", _PROPERTIES, utc_now()) for _ in range(500)]
    delivery = Delivery(DeliverySettings(batch_events=len(events)))
    delivery.connect(Limits())
    with counted() as calls:
        queued, _ = packer.prebuilt(events, Submission(len(events)))
        delivery.hand_in(queued, 0)
        batch = delivery.next_batch(0)
        assert batch is not None
        encode_batch(batch.batch_id, utc_now(), batch.bodies)
        delivery.acknowledge(batch.batch_id, [])
    assert delivery.pending == 0
    assert calls.count / len(events) < 8


async def test_an_event_that_joins_others_wakes_nobody(gateway: GatewayThread) -> None:
    """Events that come one by one, each in a turn of the loop, cost few calls down to the socket and back.

    When each woke the task that sends, there were three times as many.
    """
    async with Client(gateway.url, write_key=gateway.key) as client:
        await client.ready()
        with counted() as calls:
            for _ in range(_EVENTS):
                await client.track("bought", "ada", _PROPERTIES)
                await asyncio.sleep(0)
            await client.flush()
    assert calls.count / _EVENTS < 60
    assert len(await asyncio.to_thread(gateway.stored)) == _EVENTS
