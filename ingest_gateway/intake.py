"""One client batch on its way into the log: counted, submitted, and answered when durable."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog
from prometheus_client import Counter as PrometheusCounter

from ingest_gateway.batch import DecodedBatch
from ingest_gateway.errors import Refusal
from ingest_gateway.gather import Gatherer, Header, Settled
from schemas.wire import Verdict
from smolhog import metrics
from smolhog.tracing import TraceContext, current_tracing, nanoseconds

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection or request."""

    address: str | None
    user_agent: str | None
    trace: str | None


@dataclass(frozen=True, slots=True)
class Pending:
    """What has to be remembered of a batch until it is answered.

    Its events are not: at full load they would push everything else out of the processor's caches.
    """

    id: str | None
    source: str
    done: asyncio.Future[Settled]
    places: list[int]
    """The partition of each good event, in order."""
    event_ids: list[str]
    """Of the same events."""
    verdicts: list[Verdict]
    """Of the others."""
    trace: TraceContext | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch, once nothing of it is under way any more."""

    accepted: int
    """Events that are durable."""
    results: list[Verdict]
    """The others, by index."""
    is_durable: bool
    """Whether the log took all of it, the rejected events too."""


class _Counters(NamedTuple):
    """The metrics of one source that every batch counts."""

    received: PrometheusCounter
    acked: PrometheusCounter


class Intake:
    """What WebSocket sessions and HTTP requests share.

    Args:
        gatherer: takes the batches.
        now: the gateway's clock, in UTC.
    """

    def __init__(self, gatherer: Gatherer, now: Callable[[], datetime]) -> None:
        self._gatherer = gatherer
        self._now = now
        self._counters: dict[str, _Counters] = {}

    def submit(self, project_id: int, source: str, peer: Peer, batch: DecodedBatch) -> Pending:
        """Submit a batch; when it is done, :meth:`outcome` tells what became of it."""
        tracing = current_tracing()
        trace = tracing.begin(peer.trace) if tracing is not None else None
        received_at = self._now()
        header = Header(
            project_id=project_id,
            received_at=received_at,
            sent_at=batch.sent_at,
            source=source,
            client_address=peer.address,
            user_agent=peer.user_agent,
            trace=peer.trace if trace is None else str(trace),
        )
        submission = self._gatherer.submit(header, batch.events, batch.rejected)
        self._count_of(source).received.inc(len(batch.events) + len(batch.verdicts))
        if batch.rejected:
            for reason, count in Counter(rejected.reason.value for rejected in batch.rejected).items():
                metrics.EVENTS_REJECTED.labels("gateway", reason).inc(count)
        return Pending(
            id=batch.id,
            source=source,
            done=submission.done,
            places=submission.places,
            event_ids=[event.event_id for event in batch.events],
            verdicts=batch.verdicts,
            trace=trace,
            received_at=received_at,
        )

    def outcome(self, pending: Pending) -> Outcome:
        """Tell what became of a batch that is done."""
        settled = pending.done.result()
        self._trace(pending, settled)
        if not settled.failed:
            self._count_of(pending.source).acked.inc(len(pending.event_ids))
            return Outcome(len(pending.event_ids), pending.verdicts, is_durable=True)
        retries = _retries(pending, settled.failed)
        accepted = len(pending.event_ids) - len(retries)
        self._count_of(pending.source).acked.inc(accepted)
        refused = pending.verdicts
        if not settled.kept_rejected:
            # "rejected" says that it is kept; the next attempt gets that verdict.
            refused = [_retry(verdict.index, verdict.event_id) for verdict in refused]
        results = sorted(refused + retries, key=lambda verdict: verdict.index)
        return Outcome(accepted, results, is_durable=False)

    def _count_of(self, source: str) -> "_Counters":
        # Looking a metric's label up costs as much as some events do.
        counters = self._counters.get(source)
        if counters is None:
            counters = self._counters[source] = _Counters(
                metrics.EVENTS_RECEIVED.labels(source), metrics.EVENTS_ACKED.labels(source)
            )
        return counters

    @staticmethod
    def _trace(pending: Pending, settled: Settled) -> None:
        tracing = current_tracing()
        if tracing is None or pending.trace is None:
            return
        began, ended = nanoseconds(pending.received_at), time.time_ns()
        error = "the event log did not confirm" if settled.failed else None
        if error is None and not tracing.keeps(pending.trace, began, ended):
            return
        attributes = {
            "smolhog.source": pending.source,
            "smolhog.events": len(pending.event_ids),
            "smolhog.rejected": len(pending.verdicts),
            "smolhog.partitions": len(set(pending.places)),
        }
        tracing.end("gateway", pending.trace, began, ended, attributes, error=error)
        if error is not None or ended - began > tracing.slow_seconds * 1e9:
            log.warning(
                "gateway.batch_slow" if error is None else "gateway.batch_failed",
                seconds=round((ended - began) / 1e9, 3),
                events=len(pending.event_ids),
                trace_id=pending.trace.trace,
            )


def _retries(pending: Pending, failed: frozenset[int]) -> list[Verdict]:
    refused = {verdict.index for verdict in pending.verdicts}
    indices = (index for index in range(len(pending.places) + len(refused)) if index not in refused)
    return [
        _retry(index, event_id)
        for index, place, event_id in zip(indices, pending.places, pending.event_ids, strict=True)
        if place in failed
    ]


def _retry(index: int, event_id: str | None) -> Verdict:
    message = "the event log did not confirm; send the event again"
    return Verdict(index, "retry", Refusal.UNAVAILABLE.value, message, event_id)
