"""Finds people's sessions by the gaps between their events, one partition's people. Pure.

All of a person's events are in one partition. A session is closed, by the rule of
:mod:`dataflows.kit.window_counter`, when log time has passed its last event by the gap and the grace; an event
that comes later opens another one. Until then events may come in any order, and join sessions.
"""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from dataflows.kit.batch import EventBatch
from dataflows.kit.rows import Window
from dataflows.kit.window_spec import WindowShape

_Person = tuple[int, str]  # project, distinct_id


class _Session(msgspec.Struct, array_like=True):
    start: float
    end: float
    """Times of the first and the last event."""
    segment: int
    version: int
    states: list[Any]


class _State(msgspec.Struct, array_like=True):
    version: int
    log_time: float
    people: list[tuple[int, str, list[_Session]]]


_STATE_VERSION = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class SessionCounter:
    """The open sessions of one partition.

    Args:
        shape: what is counted.
        gap: seconds without an event that end a session.
        grace: log time for which it stays open after that, in seconds.
        state: what :meth:`snapshot` returned.
    """

    def __init__(self, shape: WindowShape, *, gap: float, grace: float, state: bytes | None = None) -> None:
        self._shape = shape
        self._gap = gap
        self._grace = grace
        self._log_time = 0.0
        self._people: dict[_Person, list[_Session]] = {}
        self._due: list[tuple[float, _Person]] = []
        if state is not None:
            self._restore(state)

    def count(self, batch: EventBatch) -> list[Window]:
        """Count one message; returns the sessions that its time of arrival closed, in the order of their ends."""
        self._log_time = max(self._log_time, batch.log_time)
        closed = list(self._close_past(batch.partition))
        aggregates = list(self._shape.aggregates.values())
        columns = [None if each.column is None else each.column(batch) for each in aggregates]
        for person, indexes in _by_person(batch).items():
            for run in self._runs(indexes, batch.times):
                states = [
                    aggregate.of(run if column is None else [column[index] for index in run])
                    for aggregate, column in zip(aggregates, columns, strict=True)
                ]
                times = batch.times[run[0]], batch.times[run[-1]]
                self._add(person, _Session(*times, batch.offset, batch.offset, states))
        return closed

    def snapshot(self) -> bytes:
        """Return all that a restart needs."""
        people = [(*person, sessions) for person, sessions in self._people.items()]
        return _encode(_State(_STATE_VERSION, self._log_time, people))

    def _restore(self, state: bytes) -> None:
        restored = _decode(state)
        self._log_time = restored.log_time
        for project_id, distinct_id, sessions in restored.people:
            for session in sessions:
                session.states = self._shape.thaw(session.states)
                self._due.append((session.end, (project_id, distinct_id)))
            self._people[project_id, distinct_id] = sessions
        heapify(self._due)

    def _runs(self, indexes: list[int], times: Sequence[float]) -> Iterator[list[int]]:
        """Cut a person's events of one message where they lie further apart than the gap."""
        indexes.sort(key=times.__getitem__)
        run = [indexes[0]]
        for index in indexes[1:]:
            if times[index] - times[run[-1]] > self._gap:
                yield run
                run = []
            run.append(index)
        yield run

    def _add(self, person: _Person, new: _Session) -> None:
        """Add a run of events: joined with every open session of the person that it touches."""
        kept: list[_Session] = []
        for session in self._people.get(person, ()):
            if session.start - self._gap <= new.end and new.start - self._gap <= session.end:
                new = _Session(
                    min(session.start, new.start),
                    max(session.end, new.end),
                    min(session.segment, new.segment),
                    new.version,
                    self._shape.merge(session.states, new.states),
                )
            else:
                kept.append(session)
        kept.append(new)
        self._people[person] = kept
        heappush(self._due, (new.end, person))

    def _close_past(self, partition: str) -> Iterator[Window]:
        while self._due and self._due[0][0] + self._gap + self._grace < self._log_time:
            end, person = heappop(self._due)
            # What has been joined since stands in the queue with its later end, too.
            sessions = self._people.get(person, [])
            for session in [each for each in sessions if each.end == end]:
                sessions.remove(session)
                yield self._window(partition, person, session)
            if not sessions:
                self._people.pop(person, None)

    def _window(self, partition: str, person: _Person, session: _Session) -> Window:
        return Window(
            person,
            int(session.start),
            int(session.end),
            partition,
            session.segment,
            session.version,
            session.states,
            self._shape,
        )


def _by_person(batch: EventBatch) -> dict[_Person, list[int]]:
    people: dict[_Person, list[int]] = {}
    for index, person in enumerate(zip(batch.project_ids, batch.distinct_ids, strict=True)):
        people.setdefault(person, []).append(index)
    return people
