"""The rate of a write key: how the bucket counts, and what a client over its rate is told."""

import asyncio
import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.rate import KeyRates, TokenBucket
from projects.keys import Key, KeyKind
from tests.ingest_gateway.running import (
    KEY,
    PROJECT,
    answer,
    batch_frame,
    event,
    gateway_over_sqlite,
    stored_in,
)

BEARER = {"Authorization": f"Bearer {KEY}"}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 1000)), max_size=60),
    st.integers(1, 500),
    st.integers(1, 5000),
)
def test_a_bucket_keeps_its_rate(attempts: list[tuple[float, int]], rate: int, burst: int) -> None:
    """In any time, what is let in is at most burst + rate * time + one batch; and some always is."""
    bucket = TokenBucket(rate, burst, 0.0)
    times = list(accumulate(pause for pause, _ in attempts))
    taken: list[tuple[float, int]] = []
    for now, (_, events) in zip(times, attempts, strict=True):
        if bucket.wait(now) == 0:
            bucket.take(events, now)
            taken.append((now, events))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            span = taken[last][0] - taken[first][0]
            before_the_last = sum(events for _, events in taken[first:last])
            assert before_the_last <= burst + rate * span + 1e-3
    if attempts:
        assert taken


@given(st.integers(1, 10_000), st.integers(1, 5000), st.integers(1, 500))
def test_who_waits_as_told_may_send(events: int, burst: int, rate: int) -> None:
    """The wait that a client is told is enough, and never nothing at all."""
    bucket = TokenBucket(rate, burst, 5.0)
    bucket.take(events, 5.0)
    wait = bucket.wait(5.0)
    assert (wait > 0) is (events >= burst)
    assert bucket.wait(5.0 + wait + 1e-6) == 0


def test_a_clock_that_runs_backwards_gives_nothing() -> None:
    """Time that comes twice is not paid twice."""
    bucket = TokenBucket(10, 10, 100.0)
    bucket.take(10, 100.0)
    assert bucket.wait(50.0) == pytest.approx(0.1)
    assert bucket.wait(100.0) == pytest.approx(0.1)


def test_keys_do_not_share_and_idle_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key has a bucket of its own, for as long as it is not full again."""
    monkeypatch.setattr("ingest_gateway.rate._FORGET_ABOVE", 3)
    clock = Clock()
    rates = KeyRates(rate=1, burst=10, clock=clock)
    for key in (1, 2, 3):
        rates.take(key, 20)
    assert rates.wait(1) > 0
    assert rates.wait(4) == 0
    clock.now += 1000
    rates.take(4, 20)
    assert rates.wait(1) == 0
    assert rates.wait(4) > 0
    assert list(rates._buckets) == [4]


async def test_over_http_it_is_a_503_and_costs_nobody_else(tmp_path: Path) -> None:
    """Over the rate: 503 with the seconds to wait, before the body is read; another key goes on; nothing is lost."""
    clock = Clock()
    rates = KeyRates(rate=10, burst=20, clock=clock)
    other = "sh_w_" + "b" * 40
    async with (
        gateway_over_sqlite(tmp_path, rates=rates) as gateway,
        httpx.AsyncClient(base_url=gateway.http) as client,
    ):
        gateway.ring.live[other, KeyKind.WRITE] = Key(9, PROJECT, KeyKind.WRITE)
        body = json.dumps({"events": [event()] * 45})
        assert (await client.post("/v1/batch", content=body, headers=BEARER)).json()["accepted"] == 45
        for path, headers in (("/v1/batch", BEARER), ("/events", {"smolhog-api-key": KEY})):
            refused = await client.post(path, content=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["Retry-After"] == "3"
        theirs = await client.post("/v1/batch", content=body, headers={"Authorization": f"Bearer {other}"})
        assert theirs.status_code == 200
        clock.now += 3
        assert (await client.post("/v1/batch", content=body, headers=BEARER)).status_code == 200
    assert sum(len(batch.events) for batch in await stored_in(tmp_path)) == 45 * 3


async def test_over_websocket_it_is_slow_down(tmp_path: Path) -> None:
    """A session over the rate is told to slow down and not read from; what it sent meanwhile is stored later."""
    rates = KeyRates(rate=400, burst=10)
    async with gateway_over_sqlite(tmp_path, rates=rates) as gateway:
        first, second = await gateway.session(), await gateway.session()
        for n in range(4):
            for socket in (first, second):
                await socket.send(batch_frame(f"b{n}", *[event()] * 20))
        for socket in (first, second):
            frames: list[dict[str, Any]] = []
            while sum(frame["type"] == "ack" for frame in frames) < 4:
                frames.append(await answer(socket))
            told = [frame["retry_after_ms"] for frame in frames if frame["type"] == "slow_down"]
            assert told
            assert all(wait > 0 for wait in told)
            assert sum(frame["accepted"] for frame in frames if frame["type"] == "ack") == 80
    assert sum(len(batch.events) for batch in await stored_in(tmp_path)) == 160


async def test_a_revoked_key_does_not_outlive_its_pause(tmp_path: Path) -> None:
    """While a session waits for its turn, its key may be revoked; then it is closed all the same."""
    clock = Clock()
    async with gateway_over_sqlite(tmp_path, rates=KeyRates(rate=1, burst=1, clock=clock)) as gateway:
        socket = await gateway.session()
        await socket.send(batch_frame("b", *[event()] * 100))
        assert {(await answer(socket))["type"] for _ in range(2)} == {"ack", "slow_down"}
        gateway.ring.live.clear()
        assert (await answer(socket))["code"] == "unauthorised"
        async with asyncio.timeout(20):
            await socket.wait_closed()
        assert socket.close_code == 4401
