"""Which events of the log are the first with their id.

An index maps (project, event id) to the position where it was first seen. An event passes when its
id is unknown or when the stored position is its own: so a replay lets the first occurrence through
again, and nothing else, whatever was stored elsewhere before the crash.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Protocol

PLACE_BYTES = 12
_packed_index = Struct(">I").pack


class DedupIndex(Protocol):
    """Remembers ids for a window of days; survives a kill of the process."""

    def get(self, keys: list[bytes]) -> Sequence[bytes | None]:
        """Return the value stored under each key, or ``None``, in order."""
        ...

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Store all entries or none, so that a kill right afterwards keeps them."""
        ...


def dedup_key(project_id: int, event_id: bytes) -> bytes:
    """Key of an event: its project and its id's 16 bytes.

    The id comes first: ids of one time lie side by side in the index (UUIDv7), whatever the project.
    """
    return event_id + project_id.to_bytes(4, "big")


def place_of(offset: int, index: int) -> bytes:
    """Value of an event: the message's offset and the event's index in it, 12 bytes."""
    return offset.to_bytes(8, "big") + index.to_bytes(4, "big")


def places_of(offset: int, indexes: range) -> list[bytes]:
    """Return the :func:`place_of` of consecutive events of one message."""
    message = offset.to_bytes(8, "big")
    return [message + index for index in map(_packed_index, indexes)]


def find_first(index: DedupIndex, keys: list[bytes], places: list[bytes]) -> list[bool]:
    """Tell for each event whether it is the first with its id, and remember those that are new.

    Args:
        index: what was seen before.
        keys: a :func:`dedup_key` per event, in log order.
        places: a :func:`place_of` per event, ascending.

    Returns:
        For each event whether it passes.
    """
    known_places = index.get(keys)
    # The usual case: every id is new, and no two are the same.
    if not any(known_places) and len(first := dict(zip(keys, places, strict=True))) == len(keys):
        index.put(first)
        return [True] * len(keys)
    passed: list[bool] = []
    new: dict[bytes, bytes] = {}
    for key, place, known in zip(keys, places, known_places, strict=True):
        if known is None:
            # Within these keys, too, only the first is new.
            passed.append(new.setdefault(key, place) is place)
        else:
            passed.append(known == place)
    if new:
        index.put(new)
    return passed
