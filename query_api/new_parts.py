"""What is new in a table of ClickHouse, told by its parts and not by clocks. Pure, but for one statement.

Every insert makes a part with a block number of its own; merging makes one part of several, which covers
their numbers. So a part whose numbers were all seen holds nothing new, and nothing that becomes visible
late is ever missed. Clocks could not promise that: rows become visible in another order than they arrived.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

ACTIVE_PARTS = """
SELECT shard, name, partition_id, min_block_number, max_block_number
FROM table_parts
WHERE database IN {databases:Array(String)} AND table = {table:String}
"""


class Part(NamedTuple):
    """Some rows of a table, as they lie on the disk."""

    shard: int
    """0 where there is one server; names and numbers repeat from shard to shard."""
    name: str
    partition_id: str
    first_block: int
    last_block: int


def still_listed(parts: Iterable[Part], listed: Iterable[Part]) -> list[Part]:
    """Return those of some parts that are there still.

    A part may be merged away between being listed and being read, and then nothing was read of it. So only
    what is listed again afterwards was seen; the rest is seen in the part that it became.
    """
    names = {(part.shard, part.name) for part in listed}
    return [part for part in parts if (part.shard, part.name) in names]


class SeenBlocks:
    """Remembers which blocks of one table were seen: intervals, of which there are as many as gaps in the numbers."""

    def __init__(self) -> None:
        self._intervals: dict[tuple[int, str], list[tuple[int, int]]] = {}

    def unseen(self, parts: Iterable[Part]) -> list[Part]:
        """Return the parts that may hold something new."""
        return [part for part in parts if not self._covers(part)]

    def add(self, parts: Iterable[Part]) -> None:
        """Remember parts."""
        for part in parts:
            intervals = self._intervals.setdefault((part.shard, part.partition_id), [])
            first, last = part.first_block, part.last_block
            place = bisect_right(intervals, (first, last))
            # Numbers that touch become one interval.
            while place and intervals[place - 1][1] >= first - 1:
                place -= 1
                first, last = min(first, intervals[place][0]), max(last, intervals[place][1])
                del intervals[place]
            while place < len(intervals) and intervals[place][0] <= last + 1:
                last = max(last, intervals[place][1])
                del intervals[place]
            intervals.insert(place, (first, last))

    def _covers(self, part: Part) -> bool:
        intervals = self._intervals.get((part.shard, part.partition_id), [])
        place = bisect_right(intervals, (part.first_block, 2**63))
        return place > 0 and intervals[place - 1][1] >= part.last_block
