"""What the processes of a stack say of themselves at one moment, from their metrics."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from smolhog.probes import http_get
from smolhog.settings import Settings

GATEWAY = "gateway"
QUERY_API = "query API"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process answers."""

    process: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process said.

    Attributes:
        process: its name.
        at: seconds since 1970.
        problem: why there are no numbers; empty when there are.
    """

    process: str
    at: float
    problem: str = ""
    _values: Mapping[str, list[tuple[dict[str, str], float]]] = field(default_factory=dict)

    def each(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield labels and value of every series of a metric."""
        yield from self._values.get(name, ())

    def sum(self, name: str, **labels: str) -> float:
        """Add up the series of a metric that have these labels."""
        return sum(value for found, value in self.each(name) if labels.items() <= found.items())

    def by_partition(self, name: str) -> dict[int, float]:
        """Return a metric by partition; the largest where it has several series of one."""
        found: dict[int, float] = {}
        for labels, value in self.each(name):
            partition = int(labels["partition"])
            found[partition] = max(value, found.get(partition, value))
        return found


def addresses(settings: Settings) -> list[Address]:
    """Return where the processes of a stack with these settings answer."""
    return [
        Address(GATEWAY, settings.gateway_host, settings.gateway_port),
        *(
            Address(f"dataflow-{index}", settings.metrics_host, settings.metrics_port + index)
            for index in range(settings.dataflow_processes)
        ),
        Address(QUERY_API, settings.query_host, settings.query_port),
    ]


def take_samples(where: list[Address], token: str | None) -> list[Sample]:
    """Ask all processes at once.

    Args:
        where: they answer.
        token: the metrics token, if there is one.
    """
    with ThreadPoolExecutor(len(where)) as threads:
        return list(threads.map(lambda address: _sample(address, token), where))


def _sample(address: Address, token: str | None) -> Sample:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        answer = http_get(address.host, address.port, "/metrics", headers)
    except OSError:
        problem = f"does not answer on {address.host}:{address.port}"
        return Sample(address.process, time.time(), problem)
    if answer.status != 200:
        problem = f"{address.host}:{address.port} answers {answer.status}, so it is something else"
        return Sample(address.process, time.time(), problem)
    values: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            values.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Sample(address.process, time.time(), _values=values)
