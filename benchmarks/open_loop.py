"""Latencies at set rates: of acks, and from sending to visible, at shares of what the stack can do.

In an open loop a batch's latency counts from when it was due, so what a stall held up is counted too.
"""

import asyncio
from dataclasses import replace

from benchmarks.end_to_end import measure_load
from benchmarks.load import Load
from benchmarks.results import Group, LossCheck, Result
from benchmarks.stack import BenchStack, ProjectKeys, running_bench_stack
from benchmarks.visibility import Probes

_SHARES = (0.25, 0.5, 0.8)
_PROBES_A_SECOND = 20.0
_WARM_UP_SECONDS = 1.0


async def run_latencies(
    events: int, *, seconds: float, amqp_url: str | None, fixed_rate: float
) -> list[Result]:
    """Find the peak of a stack, then send at shares of it.

    Args:
        events: to find the peak with.
        seconds: how long each rate is held.
        amqp_url: a broker for the event log; ``None`` for the embedded log.
        fixed_rate: events a second at which latencies are measured, too.
    """
    async with running_bench_stack(amqp_url, projects=2 * len(_SHARES) + 3) as stack:
        log = stack.event_log.lower()
        projects = iter(stack.projects)
        peak = await measure_load(
            stack,
            next(projects),
            Load(events),
            f"peak-{log}",
            f"Peak over {stack.event_log}, closed loop",
            group=Group.LATENCY,
        )
        rates = [
            (f"{share * 100:.0f}", f"{share * 100:.0f} % of the peak", peak.per_second * share)
            for share in _SHARES
        ]
        rates.append(("fixed", f"{fixed_rate:,.0f} events/s", fixed_rate))
        results = [peak]
        for suffix, what, rate in rates:
            load = Load(max(100, int(rate * seconds)), rate=rate)
            title = f"Open loop over {stack.event_log}, {what}"
            results.append(
                await _measure_rate(
                    stack, next(projects), next(projects), load, f"latency-{log}-{suffix}", title
                )
            )
        return results


async def _measure_rate(
    stack: BenchStack, project: ProjectKeys, prober: ProjectKeys, load: Load, name: str, title: str
) -> Result:
    probes = Probes(stack.stream_url, stack.settings.query_port, prober, stack.settings.partitions)

    async def probe() -> None:
        # The first events of a load meet a stack that was idle.
        await asyncio.sleep(_WARM_UP_SECONDS)
        await probes.run(max(1.0, load.events / load.rate - _WARM_UP_SECONDS), _PROBES_A_SECOND)

    probing: list[asyncio.Task[None]] = []
    result = await measure_load(
        stack,
        project,
        load,
        name,
        title,
        group=Group.LATENCY,
        on_start=lambda: probing.append(asyncio.create_task(probe())),
    )
    await asyncio.gather(*probing)
    return replace(
        result,
        checks=(*result.checks, LossCheck("probes visible", probes.sent, probes.seen)),
        latencies=result.latencies | {"visible": probes.latencies.summary()},
    )
