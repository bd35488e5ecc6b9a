"""Funnels by brute force: every attempt of every person is tried. Written from the definitions in docs/query-api.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.query_api.analyses.history import Happened

Step = Callable[[Happened], bool]


@dataclass(frozen=True)
class Attempt:
    """The attempt of a person that counts."""

    first: Happened
    times: tuple[datetime, ...]

    @property
    def reached(self) -> int:
        """How many steps were done."""
        return len(self.times)


def best_attempt(
    events: Sequence[Happened], steps: Sequence[Step], kinds: Sequence[int], order: str, window: timedelta
) -> Attempt | None:
    """Return the attempt that counts: the furthest, then the first to get there, then the last to begin.

    Args:
        events: of one person, in order.
        steps: what each step wants.
        kinds: equal numbers for steps that want the same.
        order: ``ordered``, ``strict`` or ``any``.
        window: from the first step to the last.
    """
    best: tuple[tuple[int, object, int], Attempt] | None = None
    for begin in range(len(events)):
        found = _TRIES[order](events, begin, steps, kinds, window)
        if found:
            places = found if order != "any" else sorted(found)
            times = tuple(events[place].timestamp for place in places)
            # Ordered attempts are told apart by the event that ends them, those in any order by its time.
            end = times[-1].timestamp() if order == "any" else float(places[-1])
            rank = (-len(times), end, -begin)
            if best is None or rank < best[0]:
                best = (rank, Attempt(events[begin], times))
    return best[1] if best else None


def _ordered(
    events: Sequence[Happened], begin: int, steps: Sequence[Step], _: Sequence[int], window: timedelta
) -> list[int]:
    if not steps[0](events[begin]):
        return []
    places, place = [begin], begin
    for step in steps[1:]:
        place = next((later for later in range(place + 1, len(events)) if step(events[later])), -1)
        if place < 0 or events[place].timestamp - events[begin].timestamp > window:
            break
        places.append(place)
    return places


def _strict(
    events: Sequence[Happened], begin: int, steps: Sequence[Step], _: Sequence[int], window: timedelta
) -> list[int]:
    places: list[int] = []
    for place, step in zip(range(begin, len(events)), steps, strict=False):
        if not step(events[place]) or events[place].timestamp - events[begin].timestamp > window:
            break
        places.append(place)
    return places


def _any(
    events: Sequence[Happened], begin: int, steps: Sequence[Step], kinds: Sequence[int], window: timedelta
) -> list[int]:
    if not any(step(events[begin]) for step in steps):
        return []
    end = events[begin].timestamp + window
    places = []
    for number, step in enumerate(steps):
        nth = list(kinds[:number]).count(kinds[number])
        able = [
            place
            for place in range(begin, len(events))
            if step(events[place]) and events[place].timestamp <= end
        ]
        places += able[nth : nth + 1]
    return places


_TRIES = {"ordered": _ordered, "strict": _strict, "any": _any}
