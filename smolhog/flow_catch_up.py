"""How far a flow is on its way to the end of the log, from what is stored of its progress. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from dataflows.kit.progress import FlowProgress


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of a part of the work is done; ``total`` is ``None`` where nobody knows."""

    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class CatchUp:
    """How far a flow has come."""

    events: Amount | None = None
    """Of raw events or files; ``None`` where the flow reads none."""
    messages: Amount | None = None
    """Of the event log, since the first look; ``None`` until then."""
    is_done: bool = False


class CatchUpGauge:
    """Makes a :class:`CatchUp` of a flow's progress, again and again.

    A flow has caught up when it has reached what was the end of the log when that was first seen: what has
    arrived since then it follows.

    Args:
        partitions: of the log.
    """

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._events: dict[str, Amount] = {}
        self._begins: dict[str, int] = {}
        self._goals: dict[str, int] = {}

    def look(self, parts: Collection[FlowProgress]) -> CatchUp:
        """Take the progress of all partitions as it is now."""
        for part in parts:
            self._look_at(part)
        return CatchUp(
            self._events_amount(), self._messages_amount(parts) if self._goals else None, self._is_done(parts)
        )

    def _look_at(self, part: FlowProgress) -> None:
        name = part.partition
        if part.phase in {"backfill", "done"}:
            self._events[name] = Amount(part.done_events, part.total_events)
            return
        known = self._events.get(name)
        if known is not None and known.total is not None:
            self._events[name] = Amount(known.total, known.total)
        if part.end_offset is not None and name not in self._goals:
            self._begins[name] = part.next_offset
            self._goals[name] = max(part.end_offset, part.next_offset)

    def _events_amount(self) -> Amount | None:
        amounts = self._events.values()
        if not amounts:
            return None
        totals = [amount.total for amount in amounts if amount.total is not None]
        return Amount(
            sum(amount.done for amount in amounts), sum(totals) if len(totals) == len(amounts) else None
        )

    def _messages_amount(self, parts: Collection[FlowProgress]) -> Amount:
        reached = {part.partition: part.next_offset for part in parts}
        begin = sum(self._begins.values())
        done = sum(min(reached.get(name, 0), goal) for name, goal in self._goals.items())
        return Amount(max(0, done - begin), sum(self._goals.values()) - begin)

    def _is_done(self, parts: Collection[FlowProgress]) -> bool:
        if parts and all(part.phase == "done" for part in parts):
            return True
        reached = {part.partition: part.next_offset for part in parts}
        return len(self._goals) >= self._partitions and all(
            reached.get(name, -1) >= goal for name, goal in self._goals.items()
        )
