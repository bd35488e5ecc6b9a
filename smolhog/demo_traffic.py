"""Traffic of the demo shop: live through a client, or as the history of past days."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from smolhog.demo_shop import DAILY_RHYTHM, Shop, Step, Visitor
from smolhog_client import BatchResult, Client, Event
from smolhog_client.event_ids import uuid7_text

SLOWEST, FASTEST = 1.0, 20_000.0
"""Events per second that :func:`stream_traffic` takes."""

_TICK_SECONDS = 0.05
_STATS_SECONDS = 0.25
_MOST_DEBT_SECONDS = 1.0
"""After a stall, at most this much is made up for; a burst would not look like people."""
_BATCHES_IN_FLIGHT = 8
_MEAN_EVENTS_A_PERSON = 25
_SECONDS_BETWEEN_STEPS = 8.0
"""Mean time between two events of one live visitor; sets how many are there at once."""


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """What has been sent so far."""

    sent: int
    """Events handed to the client."""
    acknowledged: int
    """Of these, durable at the gateway."""
    rejected: int
    seconds: float
    connected: bool


async def stream_traffic(
    client: Client,
    *,
    events_per_second: float,
    seed: int,
    stop: asyncio.Event,
    on_stats: Callable[[TrafficStats], None],
    daily_rhythm: bool = False,
) -> TrafficStats:
    """Send live traffic until ``stop`` is set, then wait for the last acks.

    Args:
        client: an open client; what it rejects is counted.
        events_per_second: mean rate, from ``SLOWEST`` to ``FASTEST``.
        seed: the same seed gives the same visitors and visits (ids and times are new).
        stop: ends the traffic.
        on_stats: called a few times a second from this task; must not block.
        daily_rhythm: follow the hour of the day (UTC), fewer at night and more in the evening.

    Raises:
        ClientError: the client was closed or refused.
    """
    if not SLOWEST <= events_per_second <= FASTEST:
        raise ValueError(f"events_per_second must be {SLOWEST:g} to {FASTEST:g}, not {events_per_second:g}")
    crowd = _Crowd(seed, events_per_second)
    stream = _Stream(client, on_stats)
    try:
        await _keep_pace(stream, crowd, events_per_second, stop, daily_rhythm=daily_rhythm)
        return await stream.finish()
    finally:
        await stream.abandon()


async def _keep_pace(
    stream: "_Stream", crowd: "_Crowd", events_per_second: float, stop: asyncio.Event, *, daily_rhythm: bool
) -> None:
    last = time.monotonic()
    due = 1.0
    while not stop.is_set():
        now = time.monotonic()
        rate = events_per_second
        if daily_rhythm:
            rate *= DAILY_RHYTHM[datetime.now(UTC).hour]
        due = min(due + (now - last) * rate, max(1.0, rate * _MOST_DEBT_SECONDS))
        last = now
        if due >= 1:
            count = int(due)
            due -= count
            await stream.send(crowd.next_events(count))
        stream.tell()
        # A tick, or at a slow rate the time to the next event, whichever is longer.
        await _wait(stop, max(_TICK_SECONDS, min((1 - due) / rate, _STATS_SECONDS)))


def history(
    days: int, events: int, seed: int, *, until: datetime | None = None, daily_rhythm: bool = True
) -> Iterator[Event]:
    """Make the events of the past ``days``, exactly ``events`` of them, in the order of their time.

    The same arguments give the same events, ids included; holds one hour of them in memory.

    Args:
        days: how many, at least 1.
        events: how many in all.
        seed: of visitors and visits.
        until: end of the last day, with its zone; now if not given.
        daily_rhythm: fewer at night and more in the evening (UTC).
    """
    end = until or datetime.now(UTC)
    hours = days * 24
    shop = Shop(seed, people=max(20, events // _MEAN_EVENTS_A_PERSON))
    start = end - timedelta(hours=hours)
    weights = [
        DAILY_RHYTHM[(start + timedelta(hours=hour)).astimezone(UTC).hour] if daily_rhythm else 1.0
        for hour in range(hours)
    ]
    total, done, made = sum(weights), 0.0, 0
    for hour, weight in enumerate(weights):
        done += weight
        # Rounded cumulatively, so that the hours add up to exactly what was asked for.
        wanted = round(events * done / total) - made
        made += wanted
        yield from _hour_of(shop, start + timedelta(hours=hour), wanted)


def _hour_of(shop: Shop, start: datetime, wanted: int) -> list[Event]:
    """Play visits within one hour until there are enough events; who is there at its end leaves."""
    random = shop.random
    found: list[tuple[float, Visitor, str, Step]] = []
    while len(found) < wanted:
        visitor = shop.visitor()
        session = f"{random.getrandbits(64):016x}"
        at = random.random() * 3600
        for step in shop.visit(visitor):
            at += step.pause
            if at >= 3600 or len(found) == wanted:
                break
            found.append((at, visitor, session, step))
    found.sort(key=lambda moment: moment[0])
    return [
        _event(visitor, session, step, when, uuid7_text(int(when.timestamp() * 1000), random.getrandbits(74)))
        for at, visitor, session, step in found
        for when in (start + timedelta(seconds=at),)
    ]


def _event(visitor: Visitor, session: str, step: Step, when: datetime, event_id: str | None) -> Event:
    return Event(
        event=step.event,
        distinct_id=visitor.distinct_id,
        properties=step.properties,
        timestamp=when,
        event_id=event_id,
        session_id=session,
    )


class _Crowd:
    """The people who are in the shop right now; whoever leaves makes room for somebody else."""

    def __init__(self, seed: int, events_per_second: float) -> None:
        size = int(min(20_000, max(5, events_per_second * _SECONDS_BETWEEN_STEPS)))
        self._shop = Shop(seed, people=max(200, 5 * size))
        self._visits = [self._enter() for _ in range(size)]

    def next_events(self, count: int) -> list[Event]:
        """Let ``count`` things happen now."""
        now = datetime.now(UTC)
        made: list[Event] = []
        random, visits = self._shop.random, self._visits
        while len(made) < count:
            place = int(random.random() * len(visits))
            visitor, session, steps = visits[place]
            step = next(steps, None)
            if step is None:
                visits[place] = self._enter()
            else:
                made.append(_event(visitor, session, step, now, None))
        return made

    def _enter(self) -> tuple[Visitor, str, Iterator[Step]]:
        visitor = self._shop.visitor()
        return visitor, f"{self._shop.random.getrandbits(64):016x}", self._shop.visit(visitor)


class _Stream:
    """Batches on their way, a few at once, and what became of them."""

    def __init__(self, client: Client, on_stats: Callable[[TrafficStats], None]) -> None:
        self._client = client
        self._on_stats = on_stats
        self._started = self._told = time.monotonic()
        self._under_way: set[asyncio.Task[BatchResult]] = set()
        self._sent = self._acknowledged = self._rejected = 0

    async def send(self, events: list[Event]) -> None:
        """Send in the background; waits while too much is under way."""
        self._sent += len(events)
        self._under_way.add(asyncio.create_task(self._client.send_batch(events)))
        self._collect()
        while len(self._under_way) >= _BATCHES_IN_FLIGHT:
            await asyncio.wait(self._under_way, timeout=_STATS_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            self._collect()
            self.tell()

    def tell(self) -> None:
        """Report, a few times a second."""
        self._collect()
        now = time.monotonic()
        if now - self._told >= _STATS_SECONDS:
            self._told = now
            self._on_stats(self._stats())

    async def finish(self) -> TrafficStats:
        """Wait for everything under way, and report once more."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._collect()
        stats = self._stats()
        self._on_stats(stats)
        return stats

    async def abandon(self) -> None:
        """Wait for nobody any more; what the client has taken, it still delivers."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _collect(self) -> None:
        for task in [task for task in self._under_way if task.done()]:
            self._under_way.discard(task)
            result = task.result()
            self._acknowledged += result.accepted
            self._rejected += len(result.rejected)

    def _stats(self) -> TrafficStats:
        seconds = time.monotonic() - self._started
        return TrafficStats(self._sent, self._acknowledged, self._rejected, seconds, self._client.connected)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
