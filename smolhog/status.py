"""How a stack is, from two samples of its processes a moment apart: rates, what waits, and alarms. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from smolhog.flow_states import FAILS, RUNS, FlowState
from smolhog.status_samples import GATEWAY, QUERY_API, Sample

LAG_SECONDS = 60.0
"""As the alert on growing lag in infra/observability/prometheus/rules.yml."""
REJECTED_RATIO = 0.05
SPOOL_RATIO = 0.5
RETENTION_RATIO = 0.8
FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process; rates are events a second."""

    name: str
    problem: str = ""
    uptime_seconds: float = 0.0
    memory_bytes: float = 0.0
    cpu_ratio: float = 0.0
    """Of one core."""
    rates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition of the event log."""

    partition: int
    log_end: int | None
    stored: int | None
    behind: int | None
    """Messages that are not in both stores."""
    waits_seconds: float | None
    """How long the oldest of them has waited, at least."""
    is_served: bool
    dedup_ids: int | None = None
    dedup_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """What takes disk. ``None``: not known."""

    postgres_bytes: int | None = None
    postgres_events: int | None = None
    clickhouse_bytes: int | None = None
    log_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class StackStatus:
    """Everything on the screen."""

    processes: list[ProcessStatus]
    partitions: list[PartitionStatus]
    spool_messages: int
    spool_bytes: int
    spool_capacity_bytes: int
    connections: int
    sizes: Sizes
    alarms: list[str]
    """Sentences: what is wrong and what it means; empty when all is well."""
    flows: list[FlowState] = field(default_factory=list)
    """That people wrote."""


_RATES = {
    "received": ("smolhog_events_received_total", {}),
    "acknowledged": ("smolhog_events_acked_total", {}),
    "rejected": ("smolhog_events_rejected_total", {}),
    "processed": ("smolhog_events_processed_total", {}),
    "deduplicated": ("smolhog_events_deduplicated_total", {}),
    "late": ("smolhog_events_late_total", {}),
    "stored": ("smolhog_events_stored_total", {"sink": "postgres"}),
    "retries": ("smolhog_sink_retries_total", {}),
    "questions": ("smolhog_query_seconds_count", {}),
}


def status_of(
    before: list[Sample], after: list[Sample], sizes: Sizes, written: Sequence[FlowState] = ()
) -> StackStatus:
    """Put two samples together.

    Args:
        before: of all processes.
        after: of the same processes in the same order, a second or more later.
        sizes: of the stores.
        written: flows that people wrote.
    """
    processes = [_process(old, new) for old, new in zip(before, after, strict=True)]
    gateway = next(sample for sample in after if sample.process == GATEWAY)
    query = next(sample for sample in after if sample.process == QUERY_API)
    flows = [sample for sample in after if sample.process not in {GATEWAY, QUERY_API}]
    partitions = _partitions(gateway, query, flows)
    status = StackStatus(
        processes=processes,
        partitions=partitions,
        spool_messages=round(gateway.sum("smolhog_spool_messages")),
        spool_bytes=round(gateway.sum("smolhog_spool_bytes")),
        spool_capacity_bytes=round(gateway.sum("smolhog_spool_capacity_bytes")),
        connections=round(gateway.sum("smolhog_connections")),
        sizes=sizes,
        alarms=[],
        flows=list(written),
    )
    status.alarms.extend(_alarms(status, gateway, flows))
    for flow in status.flows:
        status.alarms.extend(_alarms_of_flow(flow))
    return status


def _process(before: Sample, after: Sample) -> ProcessStatus:
    if after.problem:
        return ProcessStatus(after.process, after.problem)
    passed = after.at - before.at
    # A process that was started in between counts from nothing.
    started = after.sum("process_start_time_seconds")
    again = bool(before.problem) or before.sum("process_start_time_seconds") != started

    def rate(name: str, **labels: str) -> float:
        grown = after.sum(name, **labels) - (0 if again else before.sum(name, **labels))
        return max(0.0, grown / passed)

    return ProcessStatus(
        name=after.process,
        uptime_seconds=max(0.0, after.at - started) if started else 0.0,
        memory_bytes=after.sum("process_resident_memory_bytes"),
        cpu_ratio=rate("process_cpu_seconds_total"),
        rates={name: rate(metric, **labels) for name, (metric, labels) in _RATES.items()},
    )


def _partitions(gateway: Sample, query: Sample, flows: list[Sample]) -> list[PartitionStatus]:
    ends = gateway.by_partition("smolhog_log_end_offset")
    stored = query.by_partition("smolhog_stored_offset")
    stored_times = query.by_partition("smolhog_stored_time_seconds")
    behind, waits, ids, sizes = (
        {partition: value for flow in flows for partition, value in flow.by_partition(name).items()}
        for name in (
            "smolhog_lag_messages",
            "smolhog_lag_seconds",
            "smolhog_dedup_index_ids",
            "smolhog_dedup_index_bytes",
        )
    )
    result = []
    for partition in sorted({*ends, *stored, *behind}):
        is_served = partition in behind
        missing = behind.get(partition)
        wait = waits.get(partition)
        if not is_served and partition in ends:
            missing = max(0.0, ends[partition] - stored.get(partition, 0))
            # Whatever waits arrived after what was stored last.
            if missing and partition in stored_times:
                wait = max(0.0, query.at - stored_times[partition])
        result.append(
            PartitionStatus(
                partition=partition,
                # The gateway looks at the log's end every few seconds only.
                log_end=_whole(max(ends[partition], stored.get(partition, 0)) if partition in ends else None),
                stored=_whole(stored.get(partition)),
                behind=_whole(missing),
                waits_seconds=wait,
                is_served=is_served,
                dedup_ids=_whole(ids.get(partition)),
                dedup_bytes=_whole(sizes.get(partition)),
            )
        )
    return result


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _alarms(status: StackStatus, gateway: Sample, flows: list[Sample]) -> list[str]:
    alarms = [f"The {process.name} {process.problem}." for process in status.processes if process.problem]
    for partition in status.partitions:
        alarms.extend(_alarms_of(partition, gateway, flows))
    if status.spool_capacity_bytes and status.spool_bytes > SPOOL_RATIO * status.spool_capacity_bytes:
        alarms.append(
            "The spool is more than half full: RabbitMQ takes nothing. When it is full, clients get 503."
        )
    elif status.spool_messages:
        alarms.append(
            f"{status.spool_messages:,} messages wait on the gateway's own disk: RabbitMQ is away, or was just now."
        )
    for process in status.processes:
        if process.rates.get("retries"):
            alarms.append(
                f"A store does not take what {process.name} writes; it tries again, nothing is lost."
            )
        received, rejected = process.rates.get("received", 0), process.rates.get("rejected", 0)
        if process.name == GATEWAY and rejected > REJECTED_RATIO * received > 0:
            alarms.append(
                f"{rejected / received:.0%} of the events are rejected; `smolhog rejected list` says which and why."
            )
    free = status.sizes.free_bytes
    if free is not None and free < FREE_BYTES:
        alarms.append(
            f"The disk has {free / 1024**3:.1f} GiB left; a full one stops everything, and loses nothing."
        )
    return alarms


def _alarms_of(partition: PartitionStatus, gateway: Sample, flows: list[Sample]) -> list[str]:
    alarms = []
    number = partition.partition
    if not partition.is_served and flows:
        waiting = f"{partition.behind:,} messages wait" if partition.behind else "what arrives will wait"
        alarms.append(
            f"No dataflow serves partition {number}: {waiting} in the event log, safe and not counted."
        )
    elif partition.waits_seconds is not None and partition.waits_seconds > LAG_SECONDS:
        alarms.append(
            f"Partition {number} is {partition.waits_seconds:,.0f} s behind; if both stores are quick, "
            "add dataflow processes (SMOLHOG_DATAFLOW_PROCESSES)."
        )
    retention = gateway.sum("smolhog_log_retention_seconds")
    waits = partition.waits_seconds or 0
    if partition.behind and retention and waits > RETENTION_RATIO * retention:
        alarms.append(
            f"Partition {number}: the event log is about to drop messages that nobody has stored yet."
        )
    return alarms


def _alarms_of_flow(flow: FlowState) -> list[str]:
    if flow.state == FAILS:
        how_often = f"{flow.failures:,} times, last at {flow.failed_at}"
        return [f"The flow {flow.name} fails ({how_often}; nothing else is affected): {flow.reason}"]
    if flow.is_configured and flow.state != RUNS:
        return [f"The flow {flow.name} is in SMOLHOG_FLOWS and does not run."]
    if flow.backfill_done is None and flow.waits_seconds is not None and flow.waits_seconds > LAG_SECONDS:
        return [f"The flow {flow.name} is {flow.waits_seconds:,.0f} s behind, {flow.behind:,} messages."]
    return []
