"""The vendors' endpoints against a real server: keys, origins, limits, floods, outages and CORS."""

import asyncio
import base64
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest_gateway import vendor_http
from ingest_gateway.rate import KeyRates
from ingest_gateway.vendors.judging import event_id_of
from projects.keys import Key, KeyKind
from schemas.envelope import partition_of
from tests.ingest_gateway.running import (
    KEY,
    PARTITIONS,
    PROJECT,
    HeldLog,
    gateway_over_sqlite,
    running_gateway,
    stored_in,
)

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}
EVENT = {"api_key": KEY, "event": "e", "distinct_id": "ada"}
UUID = "0190a6e0-7c1d-7000-8000-0123456789ab"
TRACK = {"event": "e", "properties": {"token": KEY, "distinct_id": "ada"}}
MIB = 1024 * 1024
ONE_EACH: list[tuple[str, dict[str, str], Any]] = [
    ("/e/", {}, EVENT),
    ("/i/v1/analytics/events", {"Authorization": f"Bearer {KEY}"}, {"batch": [EVENT | {"uuid": UUID}]}),
    ("/v1/track", BASIC, {"userId": "ada", "event": "e"}),
    ("/v1/batch", {}, {"writeKey": KEY, "batch": [{"type": "track", "userId": "ada", "event": "e"}]}),
    ("/track", {}, [TRACK]),
]
NAMES = ["posthog", "posthog v1", "segment", "segment, key in the body", "mixpanel"]
every_vendor = pytest.mark.parametrize(("path", "headers", "body"), ONE_EACH, ids=NAMES)


@every_vendor
async def test_overload_is_never_429(path: str, headers: dict[str, str], body: Any) -> None:
    """A full gateway, a log that does not confirm and a key over its rate: 503 and `Retry-After`."""
    log = HeldLog()
    async with (
        running_gateway(log, buffer_bytes=10, rates=KeyRates(rate=1, burst=2)) as gateway,
        httpx.AsyncClient(base_url=gateway.http) as client,
    ):
        held = asyncio.create_task(client.post(path, json=body, headers=headers))
        async with asyncio.timeout(20):
            await log.someone_waits.wait()
        full = await client.post(path, json=body, headers=headers)
        log.failing.update(range(PARTITIONS))
        log.gate.set()
        unconfirmed = await held
        over_rate = [await client.post(path, json=body, headers=headers) for _ in range(3)][-1]
        for answer in (full, unconfirmed, over_rate):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1


@every_vendor
async def test_origins_and_revocation(tmp_path: Path, path: str, headers: dict[str, str], body: Any) -> None:
    """A key for some pages is for those only, and a revoked one for nothing."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        gateway.ring.live[KEY, KeyKind.WRITE] = Key(
            1, PROJECT, KeyKind.WRITE, frozenset({"https://shop.example"})
        )
        for origin, status in (("https://shop.example", 200), ("https://evil.example", 403)):
            answer = await client.post(path, json=body, headers=headers | {"Origin": origin})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-credentials"] == "true"
        gateway.ring.live.clear()
        assert (await client.post(path, json=body, headers=headers)).status_code == 401


async def test_preflight(tmp_path: Path) -> None:
    """A page may send whatever headers and cookies its SDK likes."""
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,posthog-request-id",
    }
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.options("/e/", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "posthog-request-id" in answer.headers["access-control-allow-headers"]


def bomb(size: int) -> bytes:
    """Write an event that is large in plain and small in gzip."""
    return gzip.compress(json.dumps(EVENT | {"properties": {"a": "x" * size}}).encode())


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"Content-Encoding": "gzip"}, bomb(20 * MIB)),
        ({}, bomb(20 * MIB)),
        ({}, base64.b64encode(bomb(20 * MIB))),
        ({}, b'{"a":"' + b" " * 9 * MIB),
    ],
    ids=["declared", "sniffed", "in base64", "plain"],
)
async def test_too_large(tmp_path: Path, headers: dict[str, str], content: bytes) -> None:
    """What is over 8 MiB at any layer is given up there and answered 413."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post("/e/", content=content, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["code"] == "frame_too_large"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/batch/", json.dumps({"api_key": KEY, "batch": [{}] * 5001})),
        ("/track", json.dumps([TRACK] * 5001)),
        ("/import", "\n".join([json.dumps(TRACK)] * 5001)),
    ],
    ids=["an envelope", "a list", "lines"],
)
async def test_too_many(tmp_path: Path, path: str, body: str) -> None:
    """More than 5,000 events are too large a request as well; some SDKs halve it then."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post(path, content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")
    assert [r.reason for b in await stored_in(tmp_path) for r in b.rejected] == ["batch_too_large"]


async def test_a_large_batch_is_stored_in_parts(tmp_path: Path) -> None:
    """1,700 events of 3 KiB in one request: each is stored, and the bad ones cost the others nothing."""
    events = [
        {"event": "e", "distinct_id": f"d{n % 7}" if n % 100 else "", "properties": {"n": n, "a": "x" * 3000}}
        for n in range(1700)
    ]
    body = gzip.compress(json.dumps({"api_key": KEY, "batch": events}).encode())
    async with (
        gateway_over_sqlite(tmp_path) as gateway,
        httpx.AsyncClient(base_url=gateway.http, timeout=60) as client,
    ):
        answer = await client.post("/batch/", content=body, headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.json()) == (200, {"status": 1})
    batches = await stored_in(tmp_path)
    found = sorted(json.loads(bytes(event.properties))["n"] for batch in batches for event in batch.events)
    assert found == [n for n in range(1700) if n % 100]
    assert sum(len(batch.rejected) for batch in batches) == 17


async def test_verdicts_of_a_part_that_failed() -> None:
    """Version 1 of PostHog's protocol is told which events to send again, the others never."""
    log = HeldLog()
    log.gate.set()
    ids = [f"d{n}" for n in range(30)]
    failing = partition_of(PROJECT, "d0", PARTITIONS)
    log.failing.add(failing)
    batch = [
        {"event": "e", "uuid": f"0190a6e0-7c1d-7000-8000-{n:012}", "distinct_id": who}
        for n, who in enumerate(ids)
    ]
    async with running_gateway(log) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        answer = await client.post(
            "/i/v1/analytics/events", json={"batch": batch}, headers={"Authorization": f"Bearer {KEY}"}
        )
    assert answer.status_code == 200
    told = [answer.json()["results"][event["uuid"]]["result"] for event in batch]
    assert told == ["retry" if partition_of(PROJECT, who, PARTITIONS) == failing else "ok" for who in ids]


async def test_strangers_have_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of which it is not known whose they are take so much memory together and no more; it comes back."""
    monkeypatch.setattr(vendor_http, "STRANGERS_BYTES", 1000)
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        for _ in range(3):
            answer = await client.post("/e/", json=EVENT | {"properties": {"a": "x" * 2000}})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert (await client.post("/e/", json=EVENT)).status_code == 200
            assert (await client.post("/e/", json=[])).status_code == 401
        # Who has a key in a header takes none of it.
        large = {"userId": "ada", "event": "e", "properties": {"a": "x" * 2000}}
        assert (await client.post("/v1/track", json=large, headers=BASIC)).status_code == 200


async def test_small_questions(tmp_path: Path) -> None:
    """Flags, configurations and settings are answered to whoever has a key, and to nobody else."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        flags = (await client.post("/flags/?v=2", json={"token": KEY})).json()
        assert (flags["flags"], flags["featureFlags"], flags["errorsWhileComputingFlags"]) == ({}, {}, False)
        both = (await client.post("/decide/?v=3&config=true", json={"token": KEY})).json()
        assert both["supportedCompression"] == ["gzip", "gzip-js"]
        config = (await client.get(f"/array/{KEY}/config")).json()
        assert (config["token"], config["autocapture_opt_out"], config["sessionRecording"]) == (
            KEY,
            False,
            False,
        )
        settings = (await client.get(f"/v1/projects/{KEY}/settings")).json()["integrations"]["Segment.io"]
        assert settings["apiHost"] == f"127.0.0.1:{gateway.port}/v1"
        for path in ("/array/sh_w_none/config", "/v1/projects/sh_w_none/settings"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/array/none/config.js")).status_code == 404
        assert (await client.get("/static/recorder.js")).status_code == 404


def test_ids_that_are_no_uuids() -> None:
    """The same id of the same project is the same UUID, always; a UUID stays as it is."""
    assert event_id_of("http.segment", 1, "ajs-1") == event_id_of("http.segment", 1, "ajs-1")
    ids = {event_id_of(s, p, "ajs-1") for s in ("http.segment", "http.mixpanel") for p in (1, 2)}
    assert len(ids) == 4
    assert event_id_of("http.segment", 1, UUID.upper()) == UUID


async def test_updates_without_an_id(tmp_path: Path) -> None:
    """A profile update that is sent again counts once; one that was made twice counts twice."""
    update = {"$token": KEY, "$distinct_id": "ada", "$add": {"logins": 1}, "$time": 1769860800250}
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        for _ in range(3):
            assert (await client.post("/engage", json=[update, update])).text == "1"
        untimed = {name: value for name, value in update.items() if name != "$time"}
        assert (await client.post("/engage", json=[untimed, untimed])).text == "1"
    ids = [event.event_id for batch in await stored_in(tmp_path) for event in batch.events]
    assert (len(ids), len(set(ids))) == (8, 4)
