"""How large sets of distinct users are, remembered by what they hold.

To tell the size of a set the store copies it, which takes a millisecond for a large one: for the days of a month
longer than all the rest of the answer. The set of a day that is over hardly ever changes, so its size is told once.
It goes by the set itself, as the store has it now, and not by the clock: a late event makes another set of it.
Pure.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from query_api.trend_rows import Kind, TrendRow

_LARGE = 1 << 12
"""Smaller sets are lists of hashes, copied in no time."""
_MOST_SETS = 20_000
_MOST_NAMED = 400
"""As many fit into the address of a request."""


class SetRow(NamedTuple):
    """The users of one bucket of one series, or of all buckets."""

    series: str
    start: int | None
    """Of the bucket, UTC seconds; ``None`` for the whole range."""
    users: int
    """Not counting what is known."""
    sets: int
    """Of how many stored sets it is the union."""
    known: int
    """How many of them are known."""
    content: int
    """Hash of one of them."""


class SetSizes:
    """Remembers the sizes of stored sets; the oldest are forgotten first. Belongs to one event loop."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[tuple[object, ...], tuple[int, int]] = OrderedDict()

    def known(self, place: Sequence[object], buckets: Iterable[tuple[str, int]]) -> dict[int, int]:
        """Return what is known of some buckets: the size of each set by the hash of its content.

        Args:
            place: what tells these series from all others, as the project and the table.
            buckets: (series, start) of each.
        """
        found = (self._sizes.get((*place, *bucket)) for bucket in buckets)
        return dict([one for one in found if one is not None][:_MOST_NAMED])

    def learn(self, place: Sequence[object], rows: Sequence[SetRow]) -> None:
        """Remember the size of each bucket that is one large set, but for the last: it may still grow."""
        last = max((row.start for row in rows if row.start is not None), default=None)
        for row in rows:
            key = (*place, row.series, row.start)
            if row.start is None or row.known:
                continue
            if row.sets == 1 and row.users >= _LARGE and row.start != last:
                self._sizes[key] = (row.content, row.users)
            else:
                self._sizes.pop(key, None)
        while len(self._sizes) > _MOST_SETS:
            self._sizes.popitem(last=False)


def is_mixture(rows: Iterable[SetRow]) -> bool:
    """Whether a set that is known became part of a larger one, whose size is not known."""
    return any(row.start is not None and row.known and row.sets > 1 for row in rows)


def numbers_of(rows: Iterable[SetRow], known: dict[int, int]) -> list[TrendRow]:
    """Return the number of each bucket, and of the whole range."""
    return [
        TrendRow(
            row.series,
            Kind.TOTAL,
            "",
            row.start,
            known[row.content] if row.start is not None and row.known else row.users,
        )
        for row in rows
    ]
