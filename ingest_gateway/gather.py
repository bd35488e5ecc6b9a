"""Gathers what clients send into log messages, and tells when it is durable.

A log message holds sub-batches of many connections: about 64 KiB, or what came while the partition's
last append was under way, or what came within a few milliseconds, whichever is first. A lone batch
is appended at once. No timer is started per event or batch: one runs while something waits.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from zlib import crc32

import structlog

from event_log.errors import EventLogError, EventLogUnavailable
from event_log.port import EventLog
from schemas.envelope import (
    RULES_VERSION,
    LogEvent,
    RejectedEvent,
    SubBatch,
    encode_sub_batch,
    join_sub_batches,
    partition_of,
)
from smolhog import metrics

log = structlog.get_logger()

MESSAGE_BYTES = 64 * 1024
LONGEST_WAIT = 0.003
"""Seconds that a sub-batch waits for others at most."""


@dataclass(frozen=True, slots=True)
class Header:
    """What all events of a client batch have in common, as :class:`schemas.envelope.SubBatch`."""

    project_id: int
    received_at: datetime
    sent_at: datetime | None
    source: str
    client_address: str | None
    user_agent: str | None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """How a client batch came through, once no part of it is under way."""

    failed: frozenset[int] = frozenset()
    """Partitions that did not take their part."""
    kept_rejected: bool = True
    """Whether its rejected events are durable."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A client batch on its way."""

    done: asyncio.Future[Settled]
    """Done when every part of the batch is durable or has failed."""
    places: list[int]
    """The partition of each event, in order."""


@dataclass(slots=True)
class _Receipt:
    """Waits for all messages that hold a part of one client batch."""

    done: asyncio.Future[Settled]
    parts: int
    carrier: int
    """The partition whose part holds the batch's rejected events."""
    failed: set[int] = field(default_factory=set)

    def settle(self, partition: int, *, durable: bool) -> None:
        if not durable:
            self.failed.add(partition)
        self.parts -= 1
        if self.parts == 0 and not self.done.done():
            self.done.set_result(Settled(frozenset(self.failed), self.carrier not in self.failed))


@dataclass(slots=True)
class _Lane:
    """What waits for one partition, and how many of its appends are under way."""

    parts: list[bytes] = field(default_factory=list)
    receipts: list[_Receipt] = field(default_factory=list)
    size: int = 0
    appends: int = 0
    flush_due: bool = False


class Gatherer:
    """Stands between the sessions and the event log. Belongs to one running event loop.

    Args:
        event_log: where messages go.
        buffer_bytes: high-water mark of what is not yet durable; the low one is half of it.
    """

    def __init__(self, event_log: EventLog, *, buffer_bytes: int) -> None:
        self._log = event_log
        self._partitions = event_log.partitions
        self._lanes = [_Lane() for _ in range(self._partitions)]
        self._high = buffer_bytes
        self._low = buffer_bytes // 2
        self._held = 0
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether the high-water mark was passed and the low one not yet reached again."""
        return not self._room.is_set()

    async def room(self) -> None:
        """Wait until the buffer has room. Sessions stop reading from their sockets meanwhile."""
        await self._room.wait()

    async def drain(self) -> None:
        """Wait until all that was submitted is durable or has failed."""
        await self._idle.wait()

    def submit(self, header: Header, events: Sequence[LogEvent], rejected: list[RejectedEvent]) -> Submission:
        """Hand in the judged events of one client batch; they are encoded here and may be forgotten.

        It is taken even when the buffer is full: whoever reads from clients looks at `is_full` first, so
        at most one frame of each connection comes on top.
        """
        project_id, partitions = header.project_id, self._partitions
        # This is partition_of, written out: a call for each event would take as long again.
        places = [crc32(event.distinct_id.encode(), project_id) % partitions for event in events]
        groups: defaultdict[int, list[LogEvent]] = defaultdict(list)
        for partition, event in zip(places, events, strict=True):
            groups[partition].append(event)
        if rejected and not groups:
            groups[partition_of(project_id, "", partitions)] = []
        done: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        if not groups:
            done.set_result(Settled())
            return Submission(done, places)
        receipt = _Receipt(done, parts=len(groups), carrier=next(iter(groups)))
        for partition, group in groups.items():
            carried = rejected if partition == receipt.carrier else []
            self._put(partition, encode_sub_batch(_sub_batch(header, group, carried)), receipt)
        if self._held > self._high:
            self._room.clear()
        return Submission(done, places)

    def _put(self, partition: int, part: bytes, receipt: _Receipt) -> None:
        lane = self._lanes[partition]
        lane.parts.append(part)
        lane.receipts.append(receipt)
        lane.size += len(part)
        self._held += len(part)
        self._idle.clear()
        if lane.size >= MESSAGE_BYTES:
            self._flush(partition)
        elif lane.appends == 0:
            # Nothing to wait for but the frames that this turn of the loop has already read.
            if not lane.flush_due:
                lane.flush_due = True
                asyncio.get_running_loop().call_soon(self._flush, partition)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LONGEST_WAIT, self._flush_all)

    def _flush_all(self) -> None:
        self._timer = None
        for partition in range(self._partitions):
            self._flush(partition)

    def _flush(self, partition: int) -> None:
        lane = self._lanes[partition]
        lane.flush_due = False
        if not lane.parts:
            return
        task = asyncio.create_task(self._append(partition, lane, lane.parts, lane.receipts, lane.size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        lane.parts, lane.receipts, lane.size = [], [], 0
        lane.appends += 1

    async def _append(
        self, partition: int, lane: _Lane, parts: list[bytes], receipts: list[_Receipt], size: int
    ) -> None:
        started = perf_counter()
        durable = False
        try:
            await self._log.append(partition, join_sub_batches(parts))
            durable = True
        except EventLogUnavailable as error:
            log.warning("gateway.append_failed", partition=partition, bytes=size, error=str(error))
        except EventLogError:
            # The client is told to send again: it keeps what it has until a person has mended this.
            log.exception("gateway.append_refused", partition=partition, bytes=size)
        finally:
            if durable:
                metrics.APPEND_SECONDS.observe(perf_counter() - started)
            else:
                metrics.APPEND_FAILURES.inc()
            self._settle(partition, lane, receipts, size, durable=durable)

    def _settle(
        self, partition: int, lane: _Lane, receipts: list[_Receipt], size: int, *, durable: bool
    ) -> None:
        lane.appends -= 1
        self._held -= size
        metrics.GATEWAY_BUFFER_BYTES.set(self._held)
        if self._held <= self._low:
            self._room.set()
        if self._held == 0:
            self._idle.set()
        for receipt in receipts:
            receipt.settle(partition, durable=durable)
        if lane.appends == 0:
            self._flush(partition)


def _sub_batch(header: Header, events: list[LogEvent], rejected: list[RejectedEvent]) -> SubBatch:
    return SubBatch(
        project_id=header.project_id,
        received_at=header.received_at,
        sent_at=header.sent_at,
        source=header.source,
        client_address=header.client_address,
        user_agent=header.user_agent,
        trace=header.trace,
        events=events,
        rejected=rejected,
        checked=RULES_VERSION,
    )
