"""What a stack needs for so many events a second, reckoned from what was measured. Pure.

Nothing here is a guess about hardware: figures of one measured run are multiplied, and whatever goes beyond what
that run has seen is named, so that whoever reads a plan knows how far to trust it.
"""

import math
from dataclasses import dataclass

from smolhog.capacity import Capacity

BUSY = 0.6
"""Part of a processor that is to be busy at most: the rest takes bursts and catches up after an outage."""
DEDUP_DAYS = 8
_DAY = 86_400
_GATEWAY, _DATAFLOW, _RABBITMQ = "gateway", "dataflow", "rabbitmq"
_BY_USERS = {"postgres", "clickhouse", _DATAFLOW}
_BY_BYTES = {*_BY_USERS, _GATEWAY, _RABBITMQ}
_LEAST_RETENTION = 1024**2
_MINUTES, _HOURS = 1_440, 24


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be planned for.

    Attributes:
        events_per_second: as they come at the busiest time.
        event_bytes: JSON of one event, as sent.
        batch: events in one batch of a client; a size that was measured.
        users: people in a month.
        retention_days: for which events are kept.
        log_hours: for which the event log keeps what was stored.
        log: ``sqlite`` or ``rabbitmq``.
    """

    events_per_second: float
    event_bytes: float
    batch: int
    users: int
    retention_days: int
    log_hours: int
    log: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes.

    Attributes:
        cores: by process, at most 60 % busy.
        memory_mib: by process, all of a kind together.
        disk_bytes: by what keeps it.
        network_mbit: a second, by way.
        partitions: of the event log.
        dataflow_processes: which share the partitions.
        gateway_processes: behind one load balancer.
        log_retention_bytes: of a partition, so that the log keeps as many hours.
        extrapolated: sentences: where this goes beyond what was measured.
    """

    cores: dict[str, float]
    memory_mib: dict[str, float]
    disk_bytes: dict[str, float]
    network_mbit: dict[str, float]
    partitions: int
    dataflow_processes: int
    gateway_processes: int
    log_retention_bytes: int
    extrapolated: list[str]


def plan(wanted: Wanted, measured: Capacity) -> Plan:
    """Reckon.

    Args:
        wanted: what for.
        measured: by what; has figures for the log and the size of batches.
    """
    spent = _microseconds(wanted, measured)
    cores = {
        name: wanted.events_per_second * each / 1e6 / BUSY for name, each in spent.items() if each >= 0.05
    }
    gateways = max(1, math.ceil(cores[_GATEWAY]))
    dataflows = max(1, math.ceil(cores[_DATAFLOW]))
    partitions = max(2, 1 << (2 * dataflows - 1).bit_length())
    many = {_GATEWAY: gateways, _DATAFLOW: dataflows}
    memory = {
        name: mib * many.get(name, 1)
        for name, mib in measured.resident_mib.items()
        if name in cores or name == "query-api"
    }
    disk = _disk(wanted, measured)
    return Plan(
        cores=cores,
        memory_mib=memory,
        disk_bytes=disk,
        network_mbit=_network(wanted, measured),
        partitions=partitions,
        dataflow_processes=dataflows,
        gateway_processes=gateways,
        log_retention_bytes=max(_LEAST_RETENTION, math.ceil(disk["event log"] / partitions)),
        extrapolated=_extrapolated(wanted, measured, sum(cores.values()), gateways),
    )


def _microseconds(wanted: Wanted, measured: Capacity) -> dict[str, float]:
    """Return CPU time of an event, by process."""
    costs = measured.logs[wanted.log]
    size = max(1.0, wanted.event_bytes / measured.event_bytes)
    users = _users_factor(wanted, measured)
    rates = costs.gateway_per_second
    spent = {}
    for name, each in costs.cpu_microseconds.items():
        factor = (size if name in _BY_BYTES else 1.0) * (users if name in _BY_USERS else 1.0)
        if name == _GATEWAY:
            factor *= max(1.0, rates[100] / rates[wanted.batch])
        spent[name] = each * factor
    return spent


def _users_factor(wanted: Wanted, measured: Capacity) -> float:
    """Return by how much more people make an event dearer: between the two measured, by the logarithm."""
    few, many = math.log(measured.users), math.log(measured.many_users)
    share = (math.log(max(wanted.users, 1)) - few) / (many - few)
    return 1 + max(0.0, measured.many_users_factor - 1) * min(max(share, 0.0), 1.0)


def _disk(wanted: Wanted, measured: Capacity) -> dict[str, float]:
    a_day = wanted.events_per_second * _DAY
    more = wanted.event_bytes - measured.event_bytes
    each = measured.disk_bytes
    kept = a_day * wanted.retention_days
    numbers = wanted.retention_days * (each["minute"] * _MINUTES + each["hour"] * _HOURS + each["day"])
    log = max(each["event log"] + more, 1) * a_day * wanted.log_hours / 24
    return {
        "PostgreSQL": max(each["PostgreSQL"] + more, 1) * kept,
        # Columns of like values shrink by the same part, however long they are.
        "ClickHouse": each["ClickHouse"] * wanted.event_bytes / measured.event_bytes * kept + numbers,
        "event log": log,
        "dedup index": each["dedup index"] * a_day * DEDUP_DAYS,
    }


def _network(wanted: Wanted, measured: Capacity) -> dict[str, float]:
    sent = wanted.events_per_second * wanted.event_bytes * 8 / 1e6
    logged = measured.disk_bytes["event log"] + wanted.event_bytes - measured.event_bytes
    through = wanted.events_per_second * max(logged, 1) * 8 / 1e6
    return {
        "clients to gateways": sent,
        "gateways to event log": through,
        "event log to dataflows": through,
        "dataflows to both stores": 2 * through,
    }


def _extrapolated(wanted: Wanted, measured: Capacity, cores: float, gateways: int) -> list[str]:
    said = []
    reached = measured.logs[wanted.log].stored_per_second
    if wanted.events_per_second > reached:
        said.append(
            f"{wanted.events_per_second:,.0f} events/s were not measured: {reached:,.0f} were, on {measured.cores} cores. "
            "CPU time an event is taken to stay the same on more cores and several machines."
        )
    if wanted.event_bytes > measured.event_bytes * 1.1 or wanted.event_bytes < measured.event_bytes * 0.9:
        said.append(
            f"Events of {wanted.event_bytes:,.0f} bytes were not measured: those of {measured.event_bytes:,.0f} were. CPU "
            "time is taken to grow with them, and not to shrink."
        )
    if wanted.users > measured.many_users:
        said.append(f"More than {measured.many_users:,} people were not measured; as many are reckoned with.")
    if wanted.log == "sqlite" and (gateways > 1 or cores > 2 * measured.cores):
        said.append("The embedded log is on one machine, with one gateway: take --log rabbitmq.")
    said.append(
        f"Disk is that of this rate day and night. No run lasted {wanted.retention_days} days: bytes are those of an event "
        "after the stores have merged, and numbers those of minutes like the measured one."
    )
    said.append(
        "Memory is what the processes took under load; both stores use more for caches, and gain by it."
    )
    return said
