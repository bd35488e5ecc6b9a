"""What the demo shows, and how it looks: on a terminal a panel, elsewhere a line."""

from collections import deque
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

TOP_EVENTS = 8
LAST_EVENTS = 8
_BAR = 24


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One event as the query API told it."""

    time: str
    event: str
    user: str
    detail: str


@dataclass(slots=True)
class DemoState:
    """The figures of a running demo."""

    gateway: str
    dashboard: str
    read_key: str
    acked: int = 0
    rejected: int = 0
    stored_before: int | None = None
    """Events of earlier runs in the demo's project."""
    stored: int = 0
    """Events of this run that the query API counts."""
    top: list[tuple[str, int]] = field(default_factory=list)
    last: list[SeenEvent] = field(default_factory=list)
    trouble: str = ""
    """Why the figures are not fresh; empty when they are."""
    _samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=12))

    def sample(self, at: float) -> None:
        """Note the count of acknowledged events at a time in seconds, for the rate."""
        self._samples.append((at, self.acked))

    @property
    def rate(self) -> float:
        """Acknowledged events a second, over the last samples."""
        if len(self._samples) < 2:
            return 0.0
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end - start) if end > start else 0.0


def line(state: DemoState, seconds: float) -> str:
    """Return one line for outputs that are no terminal."""
    text = (
        f"{seconds:6.1f} s  {state.acked:,} acknowledged ({state.rate:,.0f}/s)  {state.stored:,} stored"
        f"  {state.rejected:,} rejected"
    )
    return f"{text}  ({state.trouble})" if state.trouble else text


def summary(state: DemoState, seconds: float) -> str:
    """Return what a demo comes to in the end."""
    missing = state.acked - state.stored
    verdict = "all of them" if missing <= 0 else f"{missing:,} not counted yet"
    return (
        f"{state.acked:,} events acknowledged in {seconds:.1f} s "
        f"({state.acked / max(seconds, 0.001):,.0f}/s), {state.stored:,} stored: {verdict}; "
        f"{state.rejected:,} rejected."
    )


def panel(state: DemoState) -> RenderableType:
    """Return the live panel."""
    figures = Table.grid(padding=(0, 3))
    figures.add_row(
        f"[bold green]{state.rate:,.0f}[/] acknowledged/s",
        f"[bold]{state.acked:,}[/] acknowledged",
        f"[bold]{state.stored:,}[/] stored",
        f"{max(0, state.acked - state.stored):,} on their way",
        f"{state.rejected:,} rejected",
    )
    top = Table(title="Top events", title_justify="left", box=None, show_header=False)
    most = max((count for _, count in state.top), default=1)
    for event, count in state.top:
        top.add_row(escape(event), f"{count:,}", "█" * max(1, round(_BAR * count / max(1, most))))
    last = Table(title="Last events", title_justify="left", box=None, show_header=False)
    for seen in state.last:
        last.add_row(
            f"[dim]{escape(seen.time)}[/]", escape(seen.event), escape(seen.user), escape(seen.detail)
        )
    where = Table.grid(padding=(0, 2))
    where.add_row("gateway", state.gateway)
    where.add_row("query API", state.dashboard)
    where.add_row("read key", f"{state.read_key} [dim](opens the demo's project only)[/]")
    parts: list[RenderableType] = [figures, "", top, "", last, "", where]
    if state.trouble:
        parts.append(f"[yellow]{escape(state.trouble)}[/]")
    parts.append("[dim]Ctrl-C stops.[/]")
    return Panel(Group(*parts), title="SmolHog demo", title_align="left")
