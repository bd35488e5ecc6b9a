"""What the query API can see of the other processes on its machine, for whoever looks at the pipeline."""

import asyncio
import time
from dataclasses import dataclass, field

from smolhog.status_samples import GATEWAY, Address, Sample, take_samples

_FRESH_SECONDS = 1.0
_OFF_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. ``None``, and partitions that are missing: it cannot be seen from here.

    Attributes:
        acknowledged_per_second: events, over the last seconds.
        spool_messages: log messages on the gateway's own disk.
        spool_bytes: disk that they take.
        log_ends: where the event log ends, by partition.
        lags: messages that are not in both stores, and seconds that the oldest has waited, by partition;
            only of partitions that a dataflow serves.
        silent: processes that should answer and do not.
    """

    acknowledged_per_second: float | None = None
    spool_messages: int | None = None
    spool_bytes: int | None = None
    log_ends: dict[int, int] = field(default_factory=dict)
    lags: dict[int, tuple[int, float]] = field(default_factory=dict)
    silent: tuple[str, ...] = ()


class ProcessWatch:
    """Asks processes for their metrics, once a second at most however often it is asked.

    Args:
        where: the gateway and the dataflows; empty where they are on machines of their own.
        token: the metrics token, if there is one.
    """

    def __init__(self, where: list[Address], token: str | None = None) -> None:
        self._where = where
        self._token = token
        self._sight = Sight()
        self._looked = 0.0
        self._before: Sample | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> Sight:
        """Return what is seen now, or was a moment ago."""
        if not self._where:
            return self._sight
        async with self._looking:
            if time.monotonic() - self._looked >= _FRESH_SECONDS:
                self._sight = self._seen(await asyncio.to_thread(take_samples, self._where, self._token))
                self._looked = time.monotonic()
        return self._sight

    def _seen(self, samples: list[Sample]) -> Sight:
        gateway = next(sample for sample in samples if sample.process == GATEWAY)
        flows = [sample for sample in samples if sample.process != GATEWAY]
        rate = self._rate(gateway)
        waits = {
            partition: seconds
            for flow in flows
            for partition, seconds in flow.by_partition("smolhog_lag_seconds").items()
        }
        lags = {
            partition: (round(messages), waits.get(partition, 0.0))
            for flow in flows
            for partition, messages in flow.by_partition("smolhog_lag_messages").items()
        }
        ends = gateway.by_partition("smolhog_log_end_offset").items()
        answers = not gateway.problem
        return Sight(
            acknowledged_per_second=rate,
            spool_messages=round(gateway.sum("smolhog_spool_messages")) if answers else None,
            spool_bytes=round(gateway.sum("smolhog_spool_bytes")) if answers else None,
            log_ends={partition: round(end) for partition, end in ends},
            lags=lags,
            silent=tuple(sample.process for sample in samples if sample.problem),
        )

    def _rate(self, gateway: Sample) -> float | None:
        if gateway.problem:
            self._before = None
            return None
        before, self._before = self._before, gateway
        started = "process_start_time_seconds"
        if (
            before is None
            or before.sum(started) != gateway.sum(started)
            or not 0 < gateway.at - before.at < _OFF_SECONDS
        ):
            return None
        acked = "smolhog_events_acked_total"
        return max(0.0, gateway.sum(acked) - before.sum(acked)) / (gateway.at - before.at)
