"""What a session over any transport does with the delivery: wait for batches, and tell what became of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from smolhog_client.backoff import Backoff
from smolhog_client.delivery import Delivery
from smolhog_client.frames import Limits, Verdict
from smolhog_client.queued import Batch, Settlement

_LONGEST_PAUSE = 60.0
"""Seconds. A gateway that asks for more gets asked again after this."""


class AckOverdueError(Exception):
    """The gateway answers pings but does not acknowledge; another connection may fare better."""


class Listener(Protocol):
    """What the client wants to hear of its connection."""

    def on_settlement(self, settlement: Settlement) -> None:
        """Events were accepted, rejected or put back."""

    def on_connected(self, *, connected: bool) -> None:
        """The gateway has welcomed us, or is gone."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time as the connection needs it; tests give their own."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[Any]]


class Outlet:
    """The delivery as sessions see it, one session after another.

    Args:
        delivery: where the batches come from.
        listener: hears what became of them.
        backoff: how long to wait after ``retry`` verdicts.
        clocks: time.
        ack_timeout: seconds after which a batch without ack ends the session.
    """

    def __init__(
        self, delivery: Delivery, listener: Listener, backoff: Backoff, clocks: Clocks, ack_timeout: float
    ) -> None:
        self.clocks = clocks
        self._delivery = delivery
        self._listener = listener
        self._backoff = backoff
        self._ack_timeout = ack_timeout
        self._wake = asyncio.Event()
        self.was_welcomed = False
        """Whether this session got as far as sending."""
        self.was_acknowledged = False
        """Whether the gateway has taken anything in this session."""

    def wake(self) -> None:
        """Look at the delivery again: something was handed in or flushed."""
        self._wake.set()

    def begin(self) -> None:
        """Start a session."""
        self.was_welcomed = self.was_acknowledged = False

    def end(self) -> None:
        """End it: what was in flight waits for the next one."""
        self._delivery.disconnect()
        self._listener.on_connected(connected=False)

    def welcome(self, limits: Limits) -> None:
        """The gateway knows the key, and takes batches within ``limits``."""
        self.was_welcomed = True
        settlement = self._delivery.connect(limits)
        self._listener.on_connected(connected=True)
        self._listener.on_settlement(settlement)
        self._wake.set()

    async def next_batch(self) -> Batch:
        """Wait for the next batch to send; it is in flight from now on.

        Raises:
            AckOverdueError: an earlier one has been in flight for too long.
        """
        while True:
            self._wake.clear()
            batch = self._delivery.next_batch(self.clocks.monotonic())
            if batch is not None:
                return batch
            await self._wait_for_work()

    def acknowledge(self, batch_id: str, verdicts: Sequence[Verdict]) -> bool:
        """Settle a batch; tells whether it was in flight."""
        settlement = self._delivery.acknowledge(batch_id, verdicts)
        if settlement is None:
            return False
        self.was_acknowledged = True
        if settlement.retried:
            self.pause(self._backoff.delay(self._delivery.retry_streak - 1))
        self._tell(settlement)
        return True

    def refuse(self, batch_id: str, code: str, message: str) -> bool:
        """Give a batch up that the gateway cannot read; tells whether it was in flight."""
        settlement = self._delivery.refuse(batch_id, code, message)
        if settlement is None:
            return False
        self._tell(settlement)
        return True

    def give_back(self, batch_ids: Iterable[str]) -> None:
        """Put batches back, to be sent again as they are."""
        for batch_id in batch_ids:
            self._delivery.give_back(batch_id)
        self._wake.set()

    def pause(self, seconds: float) -> None:
        """Send nothing for a while, because the gateway asks for it."""
        self._delivery.pause(self.clocks.monotonic() + min(seconds, _LONGEST_PAUSE))
        self._wake.set()

    def _tell(self, settlement: Settlement) -> None:
        self._listener.on_settlement(settlement)
        self._wake.set()

    async def _wait_for_work(self) -> None:
        """Wait for input, or for the next time at which there may be a batch or an overdue ack."""
        now = self.clocks.monotonic()
        wake_at, oldest = self._delivery.wake_at(), self._delivery.oldest_sent
        if oldest is not None:
            overdue_at = oldest + self._ack_timeout
            if now >= overdue_at:
                raise AckOverdueError(f"no ack within {self._ack_timeout:g} s")
            wake_at = overdue_at if wake_at is None else min(wake_at, overdue_at)
        try:
            async with asyncio.timeout(None if wake_at is None else max(0.0, wake_at - now)):
                await self._wake.wait()
        except TimeoutError:
            return
