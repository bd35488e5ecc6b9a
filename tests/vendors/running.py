"""A real gateway for the vendors' official SDKs, with a log that fails when told, and what it stored."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from dataflows.event_time import correct_time
from event_log.errors import EventLogUnavailable
from event_log.port import Message
from event_log.sqlite import SQLiteEventLog
from schemas.envelope import SubBatch
from tests.ingest_gateway.running import KEY, PARTITIONS, Gateway, read_back, running_gateway, stored_in

HERE = Path(__file__).parent
WHEN = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
"""When the stories of the SDKs happen."""
NEAR = timedelta(seconds=30)
"""As far as a client's clock may be corrected on one machine."""
__all__ = [
    "KEY",
    "NEAR",
    "WHEN",
    "FaultyLog",
    "StoredEvent",
    "by_name",
    "node",
    "one",
    "stored_once",
    "until_stored",
    "vendor_gateway",
]


class FaultyLog:
    """The embedded event log, whose next appends go wrong as planned.

    ``refuse``: nothing is stored. ``forget``: it is stored, and said not to be. ``hang``: it is stored, and
    nobody hears of it until `let_go`.
    """

    def __init__(self, log: SQLiteEventLog, plan: Iterable[str]) -> None:
        self._log = log
        self._plan = list(plan)
        self._gate = asyncio.Event()
        self.partitions = log.partitions
        self.log_id = log.log_id

    def let_go(self) -> None:
        """Let hanging appends return."""
        self._gate.set()

    @property
    def faults_left(self) -> int:
        """How many faults have not come yet."""
        return len(self._plan)

    async def append(self, partition: int, body: bytes) -> None:
        """Append, or go wrong."""
        fault = self._plan.pop(0) if self._plan else None
        if fault == "refuse":
            raise EventLogUnavailable("the test says so")
        await self._log.append(partition, body)
        if fault == "forget":
            raise EventLogUnavailable("the test says so")
        if fault == "hang":
            await self._gate.wait()

    def read(self, partition: int, from_offset: int) -> AsyncGenerator[Message]:
        """Read."""
        return self._log.read(partition, from_offset)

    async def end(self, partition: int) -> int:
        """Return the end of a partition."""
        return await self._log.end(partition)

    async def oldest(self, partition: int) -> int:
        """Return the beginning of a partition."""
        return await self._log.oldest(partition)

    async def check(self) -> None:
        """See that it works."""
        await self._log.check()

    async def close(self) -> None:
        """Close the log."""
        self.let_go()
        await self._log.close()


@dataclass
class VendorGateway:
    """A running gateway and its log."""

    gateway: Gateway
    log: FaultyLog

    @property
    def url(self) -> str:
        """Its address."""
        return self.gateway.http

    @property
    def port(self) -> int:
        """Its port."""
        return self.gateway.port


@asynccontextmanager
async def vendor_gateway(folder: Path, *faults: str, **options: Any) -> AsyncIterator[VendorGateway]:
    """Serve a gateway over the embedded event log in ``folder``, its first appends going wrong."""
    log = FaultyLog(await SQLiteEventLog.open(folder, partitions=PARTITIONS), faults)
    async with running_gateway(log, **options) as gateway:
        yield VendorGateway(gateway, log)


async def node(script: str, url: str, **environment: str) -> Any:
    """Run a script of this folder with Node to its end; return the JSON that it printed last."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "SMOLHOG_URL": url, "SMOLHOG_KEY": KEY, **environment},
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode == 0, (out + errors).decode()
    return json.loads(out.decode().strip().splitlines()[-1])


@dataclass(frozen=True)
class StoredEvent:
    """One event of the log, as a dataflow would store it."""

    event_id: str
    event: str
    distinct_id: str
    properties: dict[str, Any]
    timestamp: datetime
    """Corrected."""
    session_id: str | None
    source: str
    copies: int
    """How often it stands in the log; all but one are dropped by the dataflow."""


async def stored_once(folder: Path) -> list[StoredEvent]:
    """Read the log and drop what comes a second time, as the dataflow does; nothing may be rejected."""
    return _events_of(await stored_in(folder))


async def until_stored(gateway: VendorGateway, *names: str, copies: int = 1) -> None:
    """Wait until events of these names are in the log, so often."""
    missing = set(names)
    async with asyncio.timeout(30):
        while missing:
            await asyncio.sleep(0.05)
            stored = _events_of(await read_back(gateway.log))
            missing -= {event.event for event in stored if event.copies >= copies}


def _events_of(batches: Iterable[SubBatch]) -> list[StoredEvent]:
    found: dict[str, StoredEvent] = {}
    for batch in batches:
        assert not batch.rejected, batch.rejected
        for event in batch.events:
            before = found.get(event.event_id)
            stored = StoredEvent(
                event.event_id,
                event.event,
                event.distinct_id,
                msgspec.json.decode(event.properties),
                correct_time(event.timestamp, batch.sent_at, batch.received_at),
                event.session_id,
                batch.source,
                1 if before is None else before.copies + 1,
            )
            if before is not None:
                assert (before.event, before.distinct_id) == (stored.event, stored.distinct_id)
            found[event.event_id] = stored
    return sorted(found.values(), key=lambda event: event.timestamp)


def by_name(events: list[StoredEvent], name: str) -> list[StoredEvent]:
    """Pick the events of a name."""
    return [event for event in events if event.event == name]


def one(events: list[StoredEvent], name: str) -> StoredEvent:
    """Return the only event of a name."""
    found, *others = by_name(events, name)
    assert not others, (found, others)
    return found
