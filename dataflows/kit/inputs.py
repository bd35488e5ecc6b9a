"""Where a flow's events come from, as a flow's file declares it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dataflows.kit.errors import FlowInvalid

Start = Literal["beginning", "end"] | Mapping[int, int] | datetime
"""``beginning`` is the oldest message that is kept; a mapping has an offset for each partition; a time is a message's
time of arrival. Where a flow started is remembered: it counts once, when the flow has no state yet."""


@dataclass(frozen=True)
class LogSource:
    """The event log, from somewhere on, for ever.

    Attributes:
        start: where to begin.
        stream: name of another event log, which an ``EventStream`` writes; ``None`` is that of the gateway.
    """

    start: Start = "beginning"
    stream: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.start, datetime) and self.start.tzinfo is None:
            raise FlowInvalid(f"start={self.start!r} has no zone: say datetime(..., tzinfo=UTC)")

    def describe(self) -> str:
        """Say it in a few words."""
        return f"{self.stream or 'event log'} from {self.start}"


@dataclass(frozen=True)
class BackfillSource:
    """Raw events from PostgreSQL, which keeps them longer than the log does, then the log; no gap, no overlap.

    Attributes:
        since: leave out raw events of before; ``None`` takes all.
    """

    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.since.tzinfo is None:
            raise FlowInvalid(f"since={self.since!r} has no zone: say datetime(..., tzinfo=UTC)")

    def describe(self) -> str:
        """Say it in a few words."""
        since = "" if self.since is None else f" since {self.since}"
        return f"raw events{since}, then the event log"


@dataclass(frozen=True)
class FileSource:
    """Files of events: JSON lines, CSV or Parquet. A flow over files ends with them.

    What was read is known by its place, so files must stay as they are, and in their order, until the end.

    Attributes:
        paths: in order.
        project_id: of all events.
        in_order: whether rows come in the order of their times, as they once arrived: windows are then closed on
            the way, and take less memory. Otherwise all stay open to the end.
    """

    paths: tuple[str, ...]
    project_id: int = 1
    in_order: bool = False

    def describe(self) -> str:
        """Say it in a few words."""
        return f"files {', '.join(self.paths)}"
