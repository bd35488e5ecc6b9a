"""When the browser SDK sends, and when it waits: a gateway of the test's own says it, by the page's clock."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, WebSocketRoute

from tests.ingest_gateway.running import KEY
from tests.sdk.js.site import Site, begin, track, visitor

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("js")]

_WAITING = """count => Object.keys(localStorage).some(name => name.split('.').length === 3 &&
    (({sent, waiting}) => sent.length + waiting.length)(JSON.parse(localStorage[name])) === count)"""
"""Whether a queue holds so many events."""


_NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


async def stop_clock(page: Page) -> None:
    """From now on the page's clock goes only as far as a test has it go, however long the machine takes."""
    await page.clock.install(time=_NOON)
    await page.clock.pause_at(_NOON + timedelta(minutes=1))


class Scripted:
    """A gateway that a test speaks for."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.requests = 0
        self._came = asyncio.Event()
        self.say: Any = None

    async def answer(self, page: Page) -> None:
        """Stand in for the gateway at `ws://gateway.test`."""

        def connected(socket: WebSocketRoute) -> None:
            def receive(message: str | bytes) -> None:
                frame = json.loads(message)
                if frame["type"] == "hello":
                    limits = {"frame_bytes": 1 << 20}
                    socket.send(json.dumps({"type": "welcome", "protocol": 1, "limits": limits}))
                else:
                    self.batches.append(frame)
                    self._came.set()

            self.say = lambda **frame: socket.send(json.dumps(frame))
            self.requests += 1
            socket.on_message(receive)

        await page.route_web_socket("ws://gateway.test/v1/stream", connected)

    async def until(self, batches: int) -> None:
        """Wait until so many batches have come."""
        async with asyncio.timeout(30):
            while len(self.batches) < batches:
                await self._came.wait()
                self._came.clear()


async def test_the_server_sets_the_pace(browser: Browser, site: Site) -> None:
    """Batches are pipelined, four at most; after `slow_down` nothing is sent until it is over."""
    async with visitor(browser, site) as somebody:
        page, gateway = await somebody.blank(), Scripted()
        await stop_clock(page)
        await gateway.answer(page)
        await begin(page, "http://gateway.test", batchEvents=10)
        await track(page, 60)
        await page.clock.run_for(1)
        await gateway.until(4)
        gateway.say(type="slow_down", retry_after_ms=5000)
        for batch in gateway.batches[:4]:
            retry = {"index": 0, "result": "retry", "code": "unavailable", "message": "-"}
            gateway.say(type="ack", id=batch["id"], accepted=9, results=[retry])
        await page.wait_for_function(_WAITING, arg=24)
        await page.clock.run_for(4_900)
        await track(page, 60)
        assert len(gateway.batches) == 4
        await page.clock.run_for(31_000)
        await gateway.until(8)
        sent = Counter(event["event_id"] for batch in gateway.batches for event in batch["events"])
        assert Counter(sent.values()) == {1: 72, 2: 4}
        assert len({batch["id"] for batch in gateway.batches}) == 8


async def test_a_server_that_falls_silent_is_left(browser: Browser, site: Site) -> None:
    """Without an ack for half a minute, the same events go out over another connection, however busy it is."""
    async with visitor(browser, site) as somebody:
        page, gateway = await somebody.blank(), Scripted()
        await stop_clock(page)
        await gateway.answer(page)
        await begin(page, "http://gateway.test", batchEvents=10)
        tracked = await track(page, 10)
        await page.clock.run_for(1_000)
        await gateway.until(1)
        await page.clock.run_for(28_000)
        await track(page, 1)
        await page.clock.run_for(1_000)
        await gateway.until(2)
        await page.clock.run_for(3_000)
        await gateway.until(3)
        assert gateway.requests == 2
        again = gateway.batches[2]["events"]
        assert {event["event_id"] for event in again} == set(tracked)
        assert gateway.batches[0]["events"] == again
        assert gateway.batches[0]["sent_at"] < gateway.batches[2]["sent_at"]


async def test_waits_between_failures_double(browser: Browser, site: Site) -> None:
    """At most 1, 2, 4 … 30 seconds, less by chance; at once when the browser is online again."""
    async with visitor(browser, site) as somebody:
        page, asked = await somebody.blank(), 0
        await stop_clock(page)
        # The page has to have heard of a failure before its clock may go on.
        await page.evaluate(
            """() => { Math.random = () => 0.999; window.heardOf = 0;
                const json = Response.prototype.json;
                Response.prototype.json = async function () {
                    try { return await json.call(this) } finally { heardOf++ }
                } }"""
        )

        async def answer(route: Route) -> None:
            nonlocal asked
            asked += 1
            await route.fulfill(status=500, headers={"Access-Control-Allow-Origin": "*"})

        await page.route("http://gateway.test/v1/batch", answer)
        await begin(page, "http://gateway.test", via="http")
        await track(page, 1)
        await page.clock.run_for(1_000)
        for number, seconds in enumerate((1, 2, 4, 8, 16, 30, 30), start=1):
            await page.wait_for_function("number => heardOf === number", arg=number)
            await page.clock.run_for(seconds * 900)
            assert asked == number
            await page.clock.run_for(seconds * 100)
        await page.wait_for_function("heardOf === 8")
        await page.evaluate("dispatchEvent(new Event('online'))")
        await page.clock.run_for(10)
        await page.wait_for_function("heardOf === 9")


async def test_retry_after_is_honoured_by_http(browser: Browser, site: Site) -> None:
    """503 with `Retry-After: 20`: nothing for so long, then the same events; what it named stored is not sent."""
    async with visitor(browser, site) as somebody:
        page = await somebody.blank()
        await stop_clock(page)
        bodies: list[dict[str, Any]] = []

        async def answer(route: Route) -> None:
            bodies.append(json.loads(route.request.post_data or "{}"))
            retry = [{"index": 1, "result": "retry", "code": "unavailable", "message": "-"}]
            headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
            if len(bodies) == 1:
                headers["Retry-After"] = "20"
                await route.fulfill(status=503, headers=headers, json={"accepted": 2, "results": retry})
            else:
                await route.fulfill(headers=headers, json={"accepted": 1})

        await page.route("http://gateway.test/v1/batch", answer)
        await begin(page, "http://gateway.test", via="http")
        tracked = await track(page, 3)
        await page.clock.run_for(1_000)
        await page.wait_for_function(_WAITING, arg=1)
        await page.clock.run_for(18_900)
        assert len(bodies) == 1
        await page.clock.run_for(2_000)
        assert await page.evaluate("smolhog.flush()")
        assert [[event["event_id"] for event in body["events"]] for body in bodies] == [tracked, tracked[1:2]]
        assert KEY not in str(bodies)
