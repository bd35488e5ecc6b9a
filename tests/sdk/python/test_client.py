"""The client against gateways that answer well, oddly, slowly or not at all."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from smolhog_client import (
    BatchResult,
    Client,
    ClientClosedError,
    Event,
    FullJitter,
    GatewayRefusedError,
    InvalidEventError,
    RejectedEvent,
    Unauthorized,
    UndeliveredError,
)
from tests.sdk.python.scripted_gateway import (
    Peer,
    ScriptedGateway,
    eventually,
    scripted_gateway,
    store_everything,
)

AT_ONCE = FullJitter(base=0.0)
"""Backoff that does not wait."""


def client_of(gateway: ScriptedGateway, **options: Any) -> Client:
    """Make a client that reconnects without waiting."""
    return Client(gateway.url, write_key="key", **{"backoff": AT_ONCE, "linger_ms": 0, **options})


def events(count: int) -> list[Event]:
    """Build ``count`` events whose distinct ids tell their place."""
    return [Event(event="clicked", distinct_id=f"user-{n}") for n in range(count)]


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


@pytest.mark.parametrize("url", ["http://host", "127.0.0.1:8400", "ws://", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """Only WebSocket URLs with a host are taken."""
    with pytest.raises(ValueError, match="url must be"):
        Client(url, write_key="key")
