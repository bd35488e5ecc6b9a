"""Sessions over WebSocket, against a real server and the real embedded event log."""

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from event_log.rabbitmq import RabbitMQEventLog
from schemas.envelope import partition_of
from schemas.limits import Limits
from tests.fixtures_rabbitmq import RabbitMQ
from tests.ingest_gateway.running import (
    KEY,
    PARTITIONS,
    PROJECT,
    READ_KEY,
    Gateway,
    HeldLog,
    answer,
    batch_frame,
    close_code,
    event,
    gateway_over_sqlite,
    read_back,
    running_gateway,
    stored_in,
)
from tests.ingest_gateway.wire_cases import wire_cases


async def test_events_are_in_the_log_with_their_header(tmp_path: Path) -> None:
    """What is acked stands in the log: each event once, in its partition, under the batch's header."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.connect(
            additional_headers={"Authorization": f"Bearer {KEY}", "User-Agent": "sdk/1"}
        )
        await socket.send('{"type":"hello"}')
        assert await answer(socket) == {
            "type": "welcome",
            "protocol": 1,
            "limits": msgspec.to_builtins(Limits()),
        }
        people = [f"user-{n}" for n in range(50)]
        frame = batch_frame("b1", *[event(who=who) for who in people], sent_at="2026-01-31T12:00:00Z")
        await socket.send(frame)
        assert await answer(socket) == {"type": "ack", "id": "b1", "accepted": 50}
    batches = await stored_in(tmp_path)
    assert sorted(e.distinct_id for b in batches for e in b.events) == sorted(people)
    for batch in batches:
        assert (batch.project_id, batch.source, batch.client_address) == (PROJECT, "ws.v1", "127.0.0.1")
        assert batch.user_agent is not None
        assert batch.user_agent.startswith("sdk/1")
        assert batch.sent_at is not None
        assert len({partition_of(PROJECT, e.distinct_id, PARTITIONS) for e in batch.events}) == 1


async def test_events_go_through_rabbitmq(rabbitmq: RabbitMQ, log_prefix: str) -> None:
    """Over the production log too, an ack says that the events can be read back."""
    log = await RabbitMQEventLog.open(rabbitmq.url, partitions=PARTITIONS, prefix=log_prefix)
    async with running_gateway(log) as gateway:
        socket = await gateway.session()
        for n in range(20):
            await socket.send(batch_frame(f"b{n}", *[event(who=f"u{n}-{k}") for k in range(30)]))
        acks = [await answer(socket) for _ in range(20)]
        assert {ack["id"] for ack in acks} == {f"b{n}" for n in range(20)}
        batches = await read_back(log)
    assert len({e.event_id for b in batches for e in b.events}) == 600


async def packed_answer(socket: ClientConnection) -> Any:
    """Read the server's next frame in MessagePack."""
    async with asyncio.timeout(20):
        return msgspec.msgpack.decode(await socket.recv(decode=False))


async def test_messagepack_session(tmp_path: Path) -> None:
    """A client that asks for MessagePack sends and gets binary frames, with the same verdicts."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.connect()
        await socket.send(json.dumps({"type": "hello", "key": KEY, "encoding": "msgpack"}))
        assert (await packed_answer(socket))["type"] == "welcome"
        bad = event(properties={"x": float("nan")})
        frame = {"type": "batch", "id": "b", "events": [event(properties={"n": 1}), bad, event()]}
        await socket.send(msgspec.msgpack.encode(frame))
        ack = await packed_answer(socket)
        assert (ack["accepted"], [v["code"] for v in ack["results"]]) == (2, ["number_out_of_range"])
    batches = await stored_in(tmp_path)
    assert sum(len(b.events) for b in batches) == 2
    assert sum(len(b.rejected) for b in batches) == 1


async def test_every_bad_input_costs_only_itself(tmp_path: Path) -> None:
    """All wire cases that text can carry go through one session: verdicts, neighbours and rejects as stated."""
    cases = [
        c for c in wire_cases() if c.error is None and c.frame.decode(errors="ignore").encode() == c.frame
    ]
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.session()
        for case in cases:
            await socket.send(case.frame.decode())
            ack = await answer(socket)
            codes = [(v["index"], v["code"]) for v in ack.get("results", [])]
            assert codes == [(v["index"], v["code"]) for v in case.verdicts], case.name
            assert ack["accepted"] == len(case.events), case.name
    batches = await stored_in(tmp_path)
    assert sum(len(b.events) for b in batches) == sum(len(c.events) for c in cases)
    kept = sorted(r.reason.value for b in batches for r in b.rejected)
    assert kept == sorted(v["code"] for c in cases for v in c.verdicts)


async def test_100_000_levels_over_the_wire(tmp_path: Path) -> None:
    """Absurd nesting gets a verdict; the neighbours are stored and the session goes on."""
    deep = '{"event":"e","distinct_id":"d","properties":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}"
    good = json.dumps(event())
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.session()
        await socket.send(f'{{"type":"batch","id":"b","events":[{good},{deep},{good}]}}')
        ack = await answer(socket)
        assert (ack["accepted"], ack["results"][0]["code"]) == (2, "nested_too_deep")
        await socket.send('{"type":"ping"}')
        assert await answer(socket) == {"type": "pong"}


async def refused(gateway: Gateway, *messages: str | bytes) -> tuple[dict[str, Any], int | None]:
    """Send messages over a new connection; return the fatal error and the close code."""
    socket = await gateway.connect()
    for message in messages:
        await socket.send(message)
    frame = await answer(socket)
    while frame["type"] != "error":
        frame = await answer(socket)
    return frame, await close_code(socket)


HELLO = json.dumps({"type": "hello", "key": KEY})


@pytest.mark.parametrize(
    ("messages", "code", "close"),
    [
        (['{"type":"hello"}'], "unauthorised", 4401),
        (['{"type":"hello","key":"sh_w_unknown"}'], "unauthorised", 4401),
        ([json.dumps({"type": "hello", "key": READ_KEY})], "unauthorised", 4401),
        (['{"type":"hello","key":"\\u0000"}'], "unauthorised", 4401),
        (["hello"], "protocol_error", 4400),
        (['{"type":"ping"}'], "protocol_error", 4400),
        (["[" * 100_000], "protocol_error", 4400),
        ([b"\x80"], "protocol_error", 4400),
        ([HELLO, HELLO], "protocol_error", 4400),
        ([HELLO, b"{}"], "protocol_error", 4400),
        ([HELLO, "not JSON"], "malformed", 4400),
        ([HELLO, "[" * 100_000], "nested_too_deep", 4400),
        ([HELLO, '{"type":"brew"}'], "malformed", 4400),
        ([HELLO, '{"type":"ping"' + " " * 1024 * 1024 + "}"], "frame_too_large", 1009),
    ],
    ids=[
        "no key",
        "unknown key",
        "read key",
        "NUL as key",
        "no JSON for hello",
        "ping for hello",
        "100,000 levels for hello",
        "binary hello",
        "two hellos",
        "binary in a JSON session",
        "no JSON",
        "100,000 levels",
        "unknown type",
        "too large",
    ],
)
async def test_what_ends_a_session(
    tmp_path: Path, messages: list[str | bytes], code: str, close: int
) -> None:
    """What is not of the protocol gets a typed error and its own close code; the gateway lives on."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        error, closed_with = await refused(gateway, *messages)
        assert (error["code"], error["fatal"], closed_with) == (code, True, close)
        assert await answer_to_ping(gateway) == {"type": "pong"}
    kept = [r for b in await stored_in(tmp_path) for r in b.rejected]
    assert len(kept) == (code in {"malformed", "nested_too_deep", "frame_too_large"})


async def answer_to_ping(gateway: Gateway) -> dict[str, Any]:
    """Show that the gateway still serves."""
    socket = await gateway.session()
    await socket.send('{"type":"ping"}')
    return await answer(socket)


async def test_a_message_far_over_the_limit_closes_with_1009(tmp_path: Path) -> None:
    """What the server does not even read closes the connection; the gateway lives on."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.session()
        # The server may close while we are still sending.
        with contextlib.suppress(ConnectionClosed):
            await socket.send("x" * 4 * 1024 * 1024)
        assert await close_code(socket) in {1009, 1006}  # 1006 if our sending broke off
        assert await answer_to_ping(gateway) == {"type": "pong"}


async def test_text_that_is_not_utf8_closes_with_1007(tmp_path: Path) -> None:
    """The WebSocket layer refuses such text; what was acked before is stored, the gateway lives on."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.session()
        await socket.send(batch_frame("b", event()))
        assert (await answer(socket))["accepted"] == 1
        await socket.send(b'{"type":"ping","x":"\xff"}', text=True)
        assert await close_code(socket) == 1007
        assert await answer_to_ping(gateway) == {"type": "pong"}
    assert sum(len(b.events) for b in await stored_in(tmp_path)) == 1


async def test_a_bad_head_refuses_the_batch_and_not_the_session(tmp_path: Path) -> None:
    """A batch whose id can be read is refused by that id, kept, and the session goes on."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.session()
        await socket.send(batch_frame("b1", event(), sent_at="yesterday"))
        error = await answer(socket)
        assert (error["type"], error["id"], error["code"]) == ("error", "b1", "invalid_timestamp")
        assert not error["fatal"]
        await socket.send(batch_frame("b2", event()))
        assert (await answer(socket))["id"] == "b2"


async def test_no_hello_in_time_closes_with_4408(tmp_path: Path) -> None:
    """A connection that never says hello does not stay."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        gateway.app.state.streams.hello_seconds = 0.01
        error, closed_with = await refused(gateway)
        assert (error["code"], closed_with) == ("hello_timeout", 4408)


async def test_a_revoked_key_ends_the_session(tmp_path: Path) -> None:
    """After revocation an idle connection and a busy one are both closed with 4401, unstored."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        idle, busy = await gateway.session(), await gateway.session()
        gateway.ring.live.clear()
        await busy.send(batch_frame("b", event()))
        for socket in (busy, idle):
            assert (await answer(socket))["code"] == "unauthorised"
            assert await close_code(socket) == 4401
    assert await stored_in(tmp_path) == []


async def test_a_paused_project_is_told_to_come_back(tmp_path: Path) -> None:
    """Open sessions are closed with 1013, new ones refused so, HTTP gets 503; resumed, all is as before."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        idle, busy = await gateway.session(), await gateway.session()
        live = dict(gateway.ring.live)
        gateway.ring.live = {name: replace(key, is_paused=True) for name, key in live.items()}
        await busy.send(batch_frame("b", event()))
        for socket in (busy, idle):
            assert (await answer(socket))["code"] == "paused"
            assert await close_code(socket) == 1013
        late = await gateway.connect(additional_headers={"Authorization": f"Bearer {KEY}"})
        await late.send('{"type":"hello"}')
        assert (await answer(late))["code"] == "paused"
        assert await close_code(late) == 1013
        async with httpx.AsyncClient(base_url=gateway.http) as client:
            headers = {"Authorization": f"Bearer {KEY}"}
            refused = await client.post("/v1/batch", json={"events": [event()]}, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "paused")
            assert int(refused.headers["retry-after"]) > 0
            gateway.ring.live = live
            taken = await client.post("/v1/batch", json={"events": [event()]}, headers=headers)
            assert taken.status_code == 200
    assert len(await stored_in(tmp_path)) == 1


async def test_an_ack_comes_after_durability_and_not_before() -> None:
    """While the log has not confirmed, nothing is acked; then everything is."""
    log = HeldLog()
    async with running_gateway(log) as gateway:
        socket = await gateway.session()
        for n in range(5):
            await socket.send(batch_frame(f"b{n}", event(who=f"u{n}")))
        # The pong shows that all batches were read; it overtakes their acks.
        await socket.send('{"type":"ping"}')
        assert await answer(socket) == {"type": "pong"}
        log.gate.set()
        assert {(await answer(socket))["id"] for _ in range(5)} == {f"b{n}" for n in range(5)}
        assert len(log.stored) > 0


async def test_events_of_a_partition_that_failed_are_to_be_sent_again() -> None:
    """The failed partition's events get `retry`, by index; the others are acked as stored."""
    log = HeldLog()
    log.gate.set()
    people = [f"user-{n}" for n in range(30)]
    failing = partition_of(PROJECT, people[0], PARTITIONS)
    log.failing.add(failing)
    async with running_gateway(log) as gateway:
        socket = await gateway.session()
        events: list[dict[str, Any]] = [event(who=who) for who in people]
        events.insert(1, event(name=""))
        await socket.send(batch_frame("b", *events))
        ack = await answer(socket)
        retries = [v["index"] for v in ack["results"] if v["result"] == "retry"]
        lost = [
            index
            for index, sent in enumerate(events)
            if index != 1 and partition_of(PROJECT, sent["distinct_id"], PARTITIONS) == failing
        ]
        # The rejected event travelled with the first event's part, so it is not kept yet either.
        assert retries == sorted([*lost, 1])
        assert all(v["code"] == "unavailable" for v in ack["results"])
        assert ack["accepted"] == len(people) - len(lost)
        log.failing.clear()
        await socket.send(batch_frame("b", *events))
        again = await answer(socket)
        assert (again["accepted"], [v["result"] for v in again["results"]]) == (30, ["rejected"])


async def test_a_full_gateway_slows_clients_down_and_loses_nothing() -> None:
    """Over the high-water mark a client is told to wait and no longer read from; later all is acked."""
    log = HeldLog()
    async with running_gateway(log, buffer_bytes=20_000) as gateway:
        socket = await gateway.session()
        big = [event(properties={"text": "x" * 900}) for _ in range(20)]
        for n in range(40):
            await socket.send(batch_frame(f"b{n}", *big))
        first = await answer(socket)
        assert first["type"] == "slow_down"
        assert first["retry_after_ms"] > 0
        assert gateway.app.state.gatherer.is_full
        log.gate.set()
        acked: set[str] = set()
        while len(acked) < 40:
            frame = await answer(socket)
            if frame["type"] == "ack":
                acked.add(frame["id"])
    assert acked == {f"b{n}" for n in range(40)}


async def test_a_client_that_leaves_takes_nothing_with_it() -> None:
    """Batches of a client that is gone before its ack are stored all the same."""
    log = HeldLog()
    async with running_gateway(log) as gateway:
        socket = await gateway.session()
        await socket.send(batch_frame("b", event()))
        async with asyncio.timeout(20):
            await log.someone_waits.wait()
        await socket.close()
        log.gate.set()
    assert len(log.stored) == 1
