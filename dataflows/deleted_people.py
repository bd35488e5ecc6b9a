"""Events of deleted people, which the log still holds, are passed over. Pure.

A dataflow reads a part of the log again after each restart, and all of it where its state was lost.
What it would bring back is known: people were deleted at a place of the log, and what they sent after it
counts.
"""

from collections.abc import Iterable
from hashlib import sha256
from itertools import compress
from typing import NamedTuple

from dataflows.decode import DecodedMessage, SoundBatch


class DeletedPerson(NamedTuple):
    """One id of somebody who was deleted."""

    project_id: int
    digest: bytes
    """See :func:`digest_of_person`."""
    before_offset: int
    """Events before this offset of the partition are gone for good."""


def digest_of_person(project_id: int, distinct_id: str) -> bytes:
    """Return what is kept of the id of a deleted person."""
    return sha256(f"{project_id}:{distinct_id}".encode()).digest()


class DeletedPeople:
    """Those of one partition.

    Args:
        people: as they were recorded.
    """

    def __init__(self, people: Iterable[DeletedPerson] = ()) -> None:
        self._before = {(person.project_id, person.digest): person.before_offset for person in people}
        self.end = max(self._before.values(), default=0)
        """Messages from this offset on hold nobody's deleted events."""

    def drop(self, message: DecodedMessage) -> int:
        """Take the events of deleted people out of a message; returns how many they were.

        Call it before ids are looked up, so that ``keys`` and ``places`` stay those of the events.
        """
        if message.offset >= self.end:
            return 0
        kept: list[bool] = []
        batches = []
        for batch in message.batches:
            stays = [
                self._stays(batch.header.project_id, e.distinct_id, message.offset) for e in batch.events
            ]
            batches.append(
                SoundBatch(
                    batch.header, list(compress(batch.events, stays)), list(compress(batch.properties, stays))
                )
            )
            kept += stays
        dropped = kept.count(False)
        if dropped:
            message.batches = batches
            message.keys = list(compress(message.keys, kept))
            message.places = list(compress(message.places, kept))
        return dropped

    def _stays(self, project_id: int, distinct_id: str, offset: int) -> bool:
        return offset >= self._before.get((project_id, digest_of_person(project_id, distinct_id)), 0)
