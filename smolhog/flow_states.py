"""How flows are, from what PostgreSQL knows of them: which run, how far behind they are, and which fail for ever. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The command line shows states without loading Bytewax and the stores' drivers.
    from dataflows.kit.progress import FlowProgress
    from smolhog.flow_runs import FlowRun

_SILENT = timedelta(seconds=10)
"""A flow that runs stores its progress each second."""
_RECENT = timedelta(seconds=60)
"""One that failed within this time and was started again still counts as failing."""

RUNS = "runs"
FAILS = "fails"
ENDED = "ended"
STOPPED = "stopped"
NEVER = "never ran"


@dataclass(frozen=True, slots=True)
class FlowState:
    """How one flow is."""

    name: str
    state: str
    """``runs``, ``fails``, ``ended`` (its files were read), ``stopped``, or ``never ran``."""
    is_configured: bool = False
    """Whether the settings say that it should run."""
    version: int | None = None
    behind: int | None = None
    """Messages whose effect is not durable yet, over all partitions."""
    waits_seconds: float | None = None
    """How long the oldest of them has waited, at most."""
    backfill_done: int | None = None
    """Raw events that a backfill has worked off; ``None`` while there is none."""
    backfill_total: int | None = None
    starts: int = 0
    failures: int = 0
    failed_at: str | None = None
    reason: str = ""
    """Why it ended last, if it fails."""


def flow_states(
    configured: Iterable[str], runs: Iterable["FlowRun"], progress: Iterable["FlowProgress"], now: datetime
) -> list[FlowState]:
    """Put together what is known.

    Args:
        configured: names of the flows that should run.
        runs: of all flows.
        progress: of all flows, by rising version; the newest counts.
        now: the time.
    """
    named = set(configured)
    by_flow = {run.flow: run for run in runs}
    parts: dict[str, list[FlowProgress]] = {}
    for part in progress:
        known = parts.setdefault(part.flow, [])
        if known and known[0].version < part.version:
            known.clear()
        known.append(part)
    return [
        _state(name, by_flow.get(name), parts.get(name, []), now, is_configured=name in named)
        for name in sorted({*named, *by_flow, *parts})
    ]


def _state(
    name: str, run: "FlowRun | None", parts: "list[FlowProgress]", now: datetime, *, is_configured: bool
) -> FlowState:
    fails = (
        run is not None
        and run.failed_at is not None
        and (run.failed_at >= run.started_at or now - run.failed_at < _RECENT)
    )
    backfills = [part for part in parts if part.phase == "backfill"]
    lags = [
        (part, max(0, part.end_offset - part.next_offset)) for part in parts if part.end_offset is not None
    ]
    waits = [
        (now - part.log_time).total_seconds() if part.log_time is not None else 0.0
        for part, lag in lags
        if lag
    ]
    return FlowState(
        name=name,
        state=FAILS if fails else _liveness(parts, now) if parts else STOPPED if run else NEVER,
        is_configured=is_configured,
        version=parts[0].version if parts else None,
        behind=sum(lag for _, lag in lags) if lags else None,
        waits_seconds=max(waits, default=0.0) if lags else None,
        backfill_done=sum(part.done_events for part in backfills) if backfills else None,
        backfill_total=sum(part.total_events or 0 for part in backfills) if backfills else None,
        starts=run.starts if run else 0,
        failures=run.failures if run else 0,
        failed_at=f"{run.failed_at:%Y-%m-%dT%H:%M:%SZ}" if run and run.failed_at else None,
        reason=(run.reason or "") if run and fails else "",
    )


def _liveness(parts: "list[FlowProgress]", now: datetime) -> str:
    if all(part.phase == "done" for part in parts):
        return ENDED
    newest = max(part.updated_at for part in parts)
    return RUNS if now - newest < _SILENT else STOPPED
