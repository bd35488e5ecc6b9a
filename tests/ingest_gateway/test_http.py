"""Events over HTTP, health and metrics, against a real server and the real embedded event log."""

import asyncio
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from ingest_gateway.vendors.first_sdk import event_id_of
from schemas.limits import Limits
from tests.ingest_gateway.running import (
    KEY,
    PROJECT,
    HeldLog,
    event,
    gateway_over_sqlite,
    running_gateway,
    stored_in,
)

BEARER = {"Authorization": f"Bearer {KEY}"}
MIB = 1024 * 1024


def body_of(*events: Any) -> bytes:
    """Write the body of a batch."""
    return json.dumps({"id": "b1", "events": events}).encode()


def compressed(encoding: str, body: bytes) -> bytes:
    """Compress a body as the content encoding says."""
    if encoding == "gzip":
        return gzip.compress(body[:10]) + gzip.compress(body[10:])
    if encoding == "deflate":
        return zlib.compress(body)
    if encoding == "zstd":
        return zstandard.compress(body)
    return body


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "zstd"])
async def test_batch_is_stored(tmp_path: Path, encoding: str) -> None:
    """A batch in any content encoding is answered with its verdicts when it is in the log."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        body = body_of(event(properties={"n": 1}), event(name=""), event())
        answer = await client.post(
            "/v1/batch", content=compressed(encoding, body), headers=BEARER | {"Content-Encoding": encoding}
        )
        assert answer.status_code == 200
        assert (answer.json()["id"], answer.json()["accepted"]) == ("b1", 2)
        assert [(v["index"], v["code"]) for v in answer.json()["results"]] == [(1, "invalid_field")]
    batches = await stored_in(tmp_path)
    assert sum(len(b.events) for b in batches) == 2
    assert [r.reason for b in batches for r in b.rejected] == ["invalid_field"]
    assert {b.source for b in batches} == {"http.v1"}


async def test_messagepack_body(tmp_path: Path) -> None:
    """A MessagePack body is taken by its content type."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post(
            "/v1/batch",
            content=msgspec.msgpack.encode({"events": [event()]}),
            headers=BEARER | {"Content-Type": "application/msgpack"},
        )
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1})


BOMB = b'{"events":[' + b" " * 20 * MIB + b"]}"


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({}, b"", 401, "unauthorised"),
        ({"Authorization": "Bearer sh_w_unknown"}, b"", 401, "unauthorised"),
        ({"Authorization": "Basic " + KEY}, b"", 401, "unauthorised"),
        (BEARER, b"", 400, "malformed"),
        (BEARER, b"[]", 400, "malformed"),
        (BEARER, b'{"events":[\xff]', 400, "malformed"),
        (BEARER, b"[" * 1_000_000, 400, "nested_too_deep"),
        (BEARER, b'{"id":"\xff","events":[]}', 400, "invalid_utf8"),
        (BEARER, b'{"sent_at":1,"events":[]}', 400, "invalid_timestamp"),
        (BEARER | {"Content-Encoding": "br"}, b"", 415, "unsupported_encoding"),
        (BEARER | {"Content-Type": "image/png"}, b"", 415, "unsupported_type"),
        (BEARER | {"Content-Encoding": "gzip"}, b"not gzip", 400, "bad_compression"),
        (BEARER | {"Content-Encoding": "gzip"}, gzip.compress(b"{}")[:-9], 400, "bad_compression"),
        (BEARER | {"Content-Encoding": "gzip"}, gzip.compress(b"") * 65, 400, "bad_compression"),
        (BEARER | {"Content-Encoding": "zstd"}, b"not zstd", 400, "bad_compression"),
        (BEARER, b" " * (MIB + 1), 413, "frame_too_large"),
        (BEARER | {"Content-Encoding": "gzip"}, gzip.compress(BOMB), 413, "frame_too_large"),
        (BEARER | {"Content-Encoding": "deflate"}, zlib.compress(BOMB), 413, "frame_too_large"),
        (BEARER | {"Content-Encoding": "zstd"}, zstandard.compress(BOMB), 413, "frame_too_large"),
    ],
    ids=[
        "no key",
        "unknown key",
        "key as Basic",
        "empty",
        "a list",
        "brackets off",
        "a million levels",
        "bad UTF-8 in the head",
        "bad sent_at",
        "unknown encoding",
        "unknown type",
        "not gzip",
        "gzip cut off",
        "gzip in 65 pieces",
        "not zstd",
        "too large",
        "gzip bomb",
        "deflate bomb",
        "zstd bomb",
    ],
)
async def test_typed_errors(
    tmp_path: Path, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    """A request that cannot be taken gets its status and a JSON body that names why."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post("/v1/batch", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["message"]


async def test_a_body_without_a_length_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    """A chunked body is not read beyond the limit either."""

    async def endless() -> Any:
        while True:
            yield b" " * 65536

    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        try:
            answer = await client.post("/v1/batch", content=endless(), headers=BEARER)
        except (httpx.WriteError, httpx.ReadError):
            return  # The server closed while we were still sending: as good.
        assert answer.status_code == 413


async def test_a_body_that_cannot_be_read_is_kept(tmp_path: Path) -> None:
    """What a known client sent and nobody can read is kept as one rejected event."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        await client.post("/v1/batch", content=b"what?", headers=BEARER)
    kept = [r for b in await stored_in(tmp_path) for r in b.rejected]
    assert [(r.reason, r.payload) for r in kept] == [("malformed", b"what?")]


async def test_bad_utf8_in_one_event_costs_only_that_event(tmp_path: Path) -> None:
    """Over HTTP, bytes that are not UTF-8 are one event's fault."""
    good = json.dumps(event()).encode()
    body = b'{"events":[%b,%b,%b]}' % (good, good.replace(b"ada", b"\xff"), good)
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post("/v1/batch", content=body, headers=BEARER)
        assert answer.json()["accepted"] == 2
        assert [(v["index"], v["code"]) for v in answer.json()["results"]] == [(1, "invalid_utf8")]


async def test_503_when_the_log_does_not_confirm() -> None:
    """An append that fails is ours to blame: 503, `Retry-After`, and what is to be sent again."""
    log = HeldLog()
    log.gate.set()
    log.failing.update(range(log.partitions))
    async with running_gateway(log) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post("/v1/batch", content=body_of(event(), event()), headers=BEARER)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["code"] == "unavailable"
        assert [v["result"] for v in answer.json()["results"]] == ["retry", "retry"]
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json() == {"ready": False, "parts": {"event_log": "the test says so", "keys": "ok"}}


async def test_503_when_the_gateway_is_full() -> None:
    """Over the high-water mark a request is refused with `Retry-After`, never with 429."""
    log = HeldLog()
    async with (
        running_gateway(log, buffer_bytes=1000) as gateway,
        httpx.AsyncClient(base_url=gateway.http) as client,
    ):
        big = body_of(event(properties={"text": "x" * 5000}))
        held = asyncio.create_task(client.post("/v1/batch", content=big, headers=BEARER))
        async with asyncio.timeout(20):
            await log.someone_waits.wait()
        answer = await client.post("/v1/batch", content=body_of(event()), headers=BEARER)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["code"] == "overloaded"
        log.gate.set()
        assert (await held).status_code == 200


@pytest.mark.parametrize("path", ["/events", "/api/events"])
async def test_first_sdk(tmp_path: Path, path: str) -> None:
    """The first SDK's events are stored under the native names, its retries under the same ids."""
    sent = {
        "event_id": "1706702400000-4242",
        "event_name": "signup",
        "user_id": "ada",
        "properties": {"plan": "pro"},
        "timestamp": "2024-01-31T12:00:00.123456",
        "session_id": "s1",
    }
    body = {"events": [sent, sent | {"user_id": None}, sent | {"timestamp": "soon"}]}
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        for _ in range(2):
            answer = await client.post(path, json=body, headers={"smolhog-api-key": KEY})
            assert answer.status_code == 200
            assert (answer.json()["status"], answer.json()["events_received"]) == ("success", 1)
        assert (await client.post(path, json=body)).status_code == 401
    batches = await stored_in(tmp_path)
    events = [e for b in batches for e in b.events]
    assert {e.event_id for e in events} == {event_id_of(PROJECT, "1706702400000-4242")}
    assert {(e.event, e.distinct_id, e.session_id) for e in events} == {("signup", "ada", "s1")}
    assert events[0].timestamp is not None
    assert events[0].timestamp.isoformat() == "2024-01-31T12:00:00.123456+00:00"
    assert {b.source for b in batches} == {"http.first_sdk"}
    assert sum(len(b.rejected) for b in batches) == 4


async def test_cors_preflight(tmp_path: Path) -> None:
    """A page of an allowed origin may send events with its key in a header."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.options(
            "/v1/batch",
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert "authorization" in answer.headers["access-control-allow-headers"]


async def test_health_and_metrics(tmp_path: Path) -> None:
    """A gateway is live at once, ready with its log and keys, and counts what it does."""
    has_keys = False
    async with (
        gateway_over_sqlite(tmp_path, limits=Limits(batch_events=2), keys_ready=lambda: has_keys) as gateway,
        httpx.AsyncClient(base_url=gateway.http) as client,
    ):
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["parts"]["event_log"]) == (503, "ok")
        has_keys = True
        assert (await client.get("/health/ready")).json()["ready"]
        await client.post("/v1/batch", content=body_of(event(), event(), event()), headers=BEARER)
        metrics = (await client.get("/metrics")).text
        assert 'smolhog_events_rejected_total{reason="batch_too_large",stage="gateway"}' in metrics


async def test_a_proxys_word_is_not_taken_by_default(tmp_path: Path) -> None:
    """`X-Forwarded-For` of just anybody does not become the client's address."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        headers = BEARER | {"X-Forwarded-For": "203.0.113.9"}
        await client.post("/v1/batch", content=body_of(event()), headers=headers)
    assert [b.client_address for b in await stored_in(tmp_path)] == ["127.0.0.1"]
