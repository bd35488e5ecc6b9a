"""The client against gateways that answer oddly, slowly, with no, or not at all."""

import asyncio
from datetime import UTC, datetime

import pytest

from smolhog_client import (
    BatchResult,
    GatewayRefusedError,
    Unauthorized,
)
from tests.sdk.python.scripted_gateway import (
    Peer,
    client_of,
    events,
    scripted_gateway,
    store_everything,
)


async def test_unacknowledged_events_are_sent_again_with_the_same_ids_and_a_new_time() -> None:
    """A connection that drops (1012, restart) costs nothing and doubles no id."""
    times = iter(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(60))

    async def restart(peer: Peer) -> None:
        await peer.welcome()
        await peer.ack(await peer.receive())
        await peer.receive()
        await peer.close(1012)

    async with (
        scripted_gateway(restart, store_everything) as gateway,
        client_of(gateway, batch_events=2, max_in_flight=1, now=lambda: next(times)) as client,
    ):
        assert await client.send_batch(events(6)) == BatchResult(6, ())
    ids = gateway.event_ids
    first, lost, again, last = gateway.batches
    assert [event["distinct_id"] for event in first["events"]] == ["user-0", "user-1"]
    assert again["events"] == lost["events"]
    assert again["sent_at"] > lost["sent_at"]
    assert [event["distinct_id"] for event in last["events"]] == ["user-4", "user-5"]
    assert len(ids) == 8
    assert len(set(ids)) == 6


async def test_the_wait_between_attempts_is_the_policys() -> None:
    """Attempts that end without an ack in between count up; the policy decides each wait."""
    asked: list[int] = []
    slept: list[float] = []

    class Recorded:
        def delay(self, attempt: int) -> float:
            asked.append(attempt)
            return attempt * 1000.0

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def crash(peer: Peer) -> None:
        await peer.welcome()
        await peer.close(1011)

    async with (
        scripted_gateway(crash, crash, crash, store_everything) as gateway,
        client_of(gateway, backoff=Recorded(), sleep=sleep) as client,
    ):
        await client.send_batch(events(1))
    assert asked == [1, 2, 3]
    assert slept == [1000.0, 2000.0, 3000.0]


async def test_slow_down_stops_sending_until_its_time_is_over() -> None:
    """After ``slow_down`` nothing is sent before its time; then everything is."""
    loop = asyncio.get_running_loop()
    asked_at = resumed_at = 0.0

    async def script(peer: Peer) -> None:
        nonlocal asked_at, resumed_at
        await peer.welcome()
        first = await peer.receive()
        await peer.send(type="slow_down", retry_after_ms=150)
        asked_at = loop.time()
        await peer.ack(first)
        second = await peer.receive()
        resumed_at = loop.time()
        await peer.ack(second)

    async with (
        scripted_gateway(script) as gateway,
        client_of(gateway, batch_events=1, max_in_flight=1) as client,
    ):
        assert (await client.send_batch(events(2))).accepted == 2
    assert resumed_at - asked_at >= 0.149


async def test_only_events_with_the_verdict_retry_are_sent_again() -> None:
    """``retry`` sends that event alone again, and the result counts it once."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        retry = {"result": "retry", "code": "unavailable", "message": "the log is full"}
        await peer.ack(await peer.receive(), {"index": 1, **retry}, {"index": 3, **retry})
        await peer.ack(await peer.receive(), {"index": 0, **retry})
        await peer.ack_all()

    async with scripted_gateway(script) as gateway, client_of(gateway) as client:
        assert await client.send_batch(events(5)) == BatchResult(5, ())
    sent = [[event["distinct_id"][-1] for event in batch["events"]] for batch in gateway.batches]
    assert sent == [list("01234"), list("13"), list("1")]
    assert len(set(gateway.event_ids)) == 5


@pytest.mark.parametrize("says_why", [True, False])
async def test_a_wrong_key_is_raised_to_everyone_and_not_tried_again(says_why: bool) -> None:  # noqa: FBT001 - a parameter of the story
    """4401 ends waiting calls and later ones with ``Unauthorized``; there is no second connection."""

    async def refuse(peer: Peer) -> None:
        await peer.receive()
        if says_why:
            await peer.send(type="error", code="unauthorised", message="unknown key", fatal=True)
        await peer.close(4401, "unknown key")

    async with scripted_gateway(refuse) as gateway:
        client = client_of(gateway)
        await client.open()
        waiting = [
            asyncio.create_task(client.ready()),
            asyncio.create_task(client.flush()),
            asyncio.create_task(client.send_batch(events(3))),
        ]
        await asyncio.wait(waiting)
        # An empty flush may have been done before the refusal; the other two cannot.
        assert isinstance(waiting[0].exception(), Unauthorized)
        assert isinstance(waiting[2].exception(), Unauthorized)
        with pytest.raises(Unauthorized, match="unknown key"):
            await client.track("clicked", "u")
        with pytest.raises(Unauthorized):
            await client.close()
        waiting[1].exception()
        assert gateway.connections == 1


async def test_a_protocol_error_is_not_repeated_for_ever() -> None:
    """A close code that says that our frames are wrong is raised, not retried."""

    async def refuse(peer: Peer) -> None:
        await peer.welcome()
        await peer.receive()
        await peer.close(4400, "no such frame")

    async with scripted_gateway(refuse) as gateway:
        client = client_of(gateway)
        await client.open()
        with pytest.raises(GatewayRefusedError, match="no such frame"):
            await client.send_batch(events(1))
        with pytest.raises(GatewayRefusedError):
            await client.close()
        assert gateway.connections == 1


async def test_an_ack_that_never_comes_is_sought_on_another_connection() -> None:
    """A gateway that answers pings but never acks is left after ``ack_timeout``."""

    async def deaf(peer: Peer) -> None:
        await peer.welcome()
        while True:
            await peer.receive()

    async with (
        scripted_gateway(deaf, store_everything) as gateway,
        client_of(gateway, ack_timeout=0.1) as client,
    ):
        assert (await client.send_batch(events(2))).accepted == 2
    assert gateway.connections == 2


async def test_odd_frames_of_the_gateway_do_no_harm() -> None:
    """Unknown frames, unknown batches and wrong indexes are passed over."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        batch = await peer.receive()
        await peer.send(type="advice", text="drink water")
        await peer.send(type="pong")
        await peer.send(type="ack", id="b999", accepted=1)
        await peer.send(type="error", code="odd", message="never mind", fatal=False)
        await peer.ack(batch, {"index": 77, "result": "rejected", "code": "malformed", "message": "?"})
        refused = await peer.receive()
        await peer.send(type="error", code="malformed", message="no", fatal=False, id=refused["id"])

    async with scripted_gateway(script) as gateway, client_of(gateway) as client:
        assert await client.send_batch(events(2)) == BatchResult(2, ())
        refused = await client.send_batch(events(2))
    assert [rejected.code for rejected in refused.rejected] == ["malformed", "malformed"]
