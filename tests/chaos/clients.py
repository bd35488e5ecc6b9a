"""Clients that write everything down: over WebSocket and HTTP by hand, and with the Python SDK."""

import asyncio
import gzip
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from smolhog_client.client import Client
from smolhog_client.event import Event
from tests.chaos.ledger import Item, Ledger, SentEvent
from tests.chaos.traffic import PlannedBatch, PlannedClient

_WINDOW = 8
_ANSWER_SECONDS = 4.0
_GIVE_UP = 0.04
"""How often a client forgets a batch instead of sending it again: its events stay unknown."""


@dataclass(frozen=True, slots=True)
class Way:
    """What every client of a run shares.

    Attributes:
        port: of the gateway, or of the proxy before it.
        key: a write key.
        ledger: written to by all.
        clock: seconds since the run's start.
    """

    port: int
    key: str
    ledger: Ledger
    clock: Callable[[], float]


@dataclass(slots=True)
class _Outgoing:
    batch_id: str
    at: float
    items: list[Item]
    sent: float = 0.0


class _Sender:
    """What both hand-written clients do with batches and answers."""

    def __init__(self, way: Way, plan: PlannedClient, chance: random.Random) -> None:
        self.way = way
        self.chance = chance
        self._skew = plan.skew
        self._number = 0
        self.queue = deque(self._outgoing(batch.at, batch.items) for batch in plan.batches)

    def _outgoing(self, at: float, items: list[Item]) -> _Outgoing:
        self._number += 1
        return _Outgoing(f"b{self._number}", at, items)

    def body(self, batch: _Outgoing, frame: str = "") -> str:
        """Write a batch as it is sent now, after noting the attempt."""
        sent_at = datetime.now(UTC) + self._skew
        self.way.ledger.note_attempt(batch.items, {sent_at})
        texts = ",".join(item.text for item in batch.items)
        return f'{{{frame}"id":"{batch.batch_id}","sent_at":"{sent_at.isoformat()}","events":[{texts}]}}'

    def settle(self, batch: _Outgoing, results: list[dict[str, Any]]) -> None:
        """Write verdicts down; what is to be sent again goes into the queue."""
        named = {result["index"]: result for result in results}
        again: list[Item] = []
        for index, item in enumerate(batch.items):
            result = named.get(index)
            if result is None:
                self.way.ledger.note_acked(item)
            elif result["result"] == "rejected":
                self.way.ledger.note_rejected(item, result["code"])
            else:
                again.append(item)
        if again:
            self.queue.append(self._outgoing(self.way.clock() + 0.3, again))

    def send_again(self, batch: _Outgoing) -> None:
        """Queue a batch that was not answered, unless this client forgets it."""
        if self.chance.random() < _GIVE_UP:
            return
        batch.at = self.way.clock() + self.chance.uniform(0.05, 0.3)
        self.queue.append(batch)


class StreamClient(_Sender):
    """Pipelines batches over WebSocket; a broken connection is made again, and what had no ack repeated."""

    async def run(self) -> None:
        """Send everything."""
        self._in_flight: dict[str, _Outgoing] = {}
        while self.queue:
            try:
                await self._session()
            except (OSError, WebSocketException):
                # A timeout is an OSError: a silent connection is as good as a broken one.
                await asyncio.sleep(self.chance.uniform(0.05, 0.3))
            unanswered, self._in_flight = self._in_flight, {}
            for batch in unanswered.values():
                self.send_again(batch)

    async def _session(self) -> None:
        url = f"ws://127.0.0.1:{self.way.port}/v1/stream"
        async with connect(url, open_timeout=3, close_timeout=1, compression=None, proxy=None) as socket:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await socket.send(json.dumps({"type": "hello", "key": self.way.key}))
                welcome = json.loads(await socket.recv())
            if welcome["type"] != "welcome":
                self.way.ledger.note_refusal(f"hello: {welcome}")
                raise ConnectionError(welcome)
            while self.queue or self._in_flight:
                await self._send_what_is_due(socket)
                await self._take_answer(socket)

    async def _send_what_is_due(self, socket: ClientConnection) -> None:
        while len(self._in_flight) < _WINDOW and (batch := self._next_due()) is not None:
            self._in_flight[batch.batch_id] = batch
            batch.sent = self.way.clock()
            text = self.body(batch, '"type":"batch",')
            async with asyncio.timeout(_ANSWER_SECONDS):
                await socket.send(text)

    def _next_due(self) -> _Outgoing | None:
        if not self.queue or self.queue[0].at > self.way.clock():
            return None
        return self.queue.popleft()

    async def _take_answer(self, socket: ClientConnection) -> None:
        now = self.way.clock()
        waits = [batch.sent + _ANSWER_SECONDS - now for batch in self._in_flight.values()]
        if waits and min(waits) <= 0:
            raise TimeoutError("no answer to a batch")
        if self.queue and len(self._in_flight) < _WINDOW:
            waits.append(self.queue[0].at - now)
        try:
            async with asyncio.timeout(max(0.0, min(waits))):
                frame = json.loads(await socket.recv())
        except TimeoutError:
            return  # Something is due now.
        if frame["type"] == "ack":
            self.settle(self._in_flight.pop(frame["id"]), frame.get("results", []))
        elif frame["type"] == "error" and frame["code"] != "shutting_down":
            self.way.ledger.note_refusal(f"stream: {frame}")
            raise ConnectionError(frame)


class HttpClient(_Sender):
    """Posts one batch at a time, some of them compressed."""

    async def run(self) -> None:
        """Send everything."""
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as http:
            while self.queue:
                batch = self.queue.popleft()
                await asyncio.sleep(max(0.0, batch.at - self.way.clock()))
                try:
                    await self._post(http, batch)
                except httpx.HTTPError:
                    self.send_again(batch)

    async def _post(self, http: httpx.AsyncClient, batch: _Outgoing) -> None:
        content = self.body(batch).encode()
        headers = {"Authorization": f"Bearer {self.way.key}", "Content-Type": "application/json"}
        if self.chance.random() < 0.3:
            content = gzip.compress(content, 1)
            headers["Content-Encoding"] = "gzip"
        url = f"http://127.0.0.1:{self.way.port}/v1/batch"
        answer = await http.post(url, content=content, headers=headers)
        if answer.status_code not in {200, 503}:
            self.way.ledger.note_refusal(f"http: {answer.status_code} {answer.text[:200]}")
            return
        said = answer.json() if answer.headers.get("content-type") == "application/json" else {}
        results = said.get("results", [])
        if answer.status_code == 200 or results:
            self.settle(batch, results)
        else:
            self.send_again(batch)


class SdkClient:
    """The Python SDK, which sends again by itself; each of its batches is one call."""

    def __init__(self, way: Way, plan: PlannedClient, chance: random.Random) -> None:
        self._way = way
        self._plan = plan
        self._chance = chance
        self._clocks: set[datetime] = set()
        """All times that the SDK asked for: one of them is each attempt's `sent_at`."""

    def _now(self) -> datetime:
        now = datetime.now(UTC) + self._plan.skew
        self._clocks.add(now)
        return now

    async def run(self) -> None:
        """Send everything."""
        async with Client(
            f"ws://127.0.0.1:{self._way.port}",
            write_key=self._way.key,
            ack_timeout=_ANSWER_SECONDS,
            keepalive=_ANSWER_SECONDS,
            now=self._now,
        ) as client:
            await asyncio.gather(*(self._send(client, batch) for batch in self._plan.batches))

    async def _send(self, client: Client, batch: PlannedBatch) -> None:
        await asyncio.sleep(max(0.0, batch.at - self._way.clock()))
        ledger = self._way.ledger
        # The set goes on growing: the times of attempts to come are not known yet.
        ledger.note_attempt(batch.items, self._clocks)
        result = await client.send_batch([_sdk_event(item) for item in batch.items])
        refused = {rejected.index: rejected.code for rejected in result.rejected}
        for index, item in enumerate(batch.items):
            if index in refused:
                ledger.note_rejected(item, refused[index])
            else:
                ledger.note_acked(item)


def _sdk_event(item: Item) -> Event:
    assert isinstance(item, SentEvent)
    return Event(
        item.event, item.distinct_id, item.properties, item.timestamp, item.event_id, item.session_id
    )


def make_client(
    way: Way, plan: PlannedClient, chance: random.Random
) -> StreamClient | HttpClient | SdkClient:
    """Return the client that a plan asks for."""
    if plan.kind == "sdk":
        return SdkClient(way, plan, chance)
    return (StreamClient if plan.kind == "stream" else HttpClient)(way, plan, chance)
