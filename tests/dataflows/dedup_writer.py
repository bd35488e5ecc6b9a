"""Writes ids to a dedup index until it is killed, and says on its output how far it got."""

import sys
from pathlib import Path

from dataflows.dedup import dedup_key, find_first, place_of
from dataflows.dedup_index import RocksDedupIndex


def event_key(number: int) -> bytes:
    """The key of the n-th event."""
    return dedup_key(1, number.to_bytes(16, "big"))


def main() -> None:
    """Remember batches of 100 ids, one after the other."""
    index = RocksDedupIndex(Path(sys.argv[1]), days=7)
    offset = 0
    while True:
        numbers = range(offset * 100, offset * 100 + 100)
        keys = [event_key(number) for number in numbers]
        find_first(index, keys, [place_of(offset, place) for place in range(100)])
        sys.stdout.write(f"{offset}\n")
        sys.stdout.flush()
        offset += 1


if __name__ == "__main__":
    main()
