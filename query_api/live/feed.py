"""Looks at the store for all who watch, as long as anybody does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog

from query_api.errors import QueryApiError, RequestError
from query_api.event_rows import event_row
from query_api.live.frames import CountsFrame, Watch
from query_api.live.statements import COUNTED, Matched, NewRows, count_statement, events_statement
from query_api.live.subscriber import Subscriber
from query_api.new_parts import ACTIVE_PARTS, Part, SeenBlocks, still_listed
from query_api.questions.opening import open_scope
from query_api.rooms import Rooms

_log = structlog.get_logger()
POLL_SECONDS = 0.25
COUNTS_SECONDS = 1.0
_LONGEST_PAUSE = 2.0
_TRIES = 4
"""To read parts before they are merged into others."""
_COUNT = count_statement()


class _Position(NamedTuple):
    log_id: int
    log_partition: int
    next_offset: int


class _Project:
    """What was seen of one project's events.

    On one shard the rows of a partition of the log become visible in order; one shard may be before another.
    """

    def __init__(self, positions: list[_Position]) -> None:
        self.subscribers: list[Subscriber] = []
        self.recent = 0
        """Events since the last counts."""
        self._at_first = {(at.log_id, at.log_partition): at.next_offset - 1 for at in positions}
        self._offsets: dict[int, dict[tuple[int, int], int]] = {}

    def bound(self, parts: list[Part], shards: set[int]) -> dict[str, Any]:
        """Return the values that say what is new in some parts, or in parts of their names on other shards."""
        seen = [
            (shard, *place, offset)
            for shard in shards
            for place, offset in self._offsets.get(shard, self._at_first).items()
        ]
        return {
            "parts": [part.name for part in parts],
            "shards": [shard for shard, *_ in seen],
            "log_ids": [log_id for _, log_id, *_ in seen],
            "partitions": [partition for *_, partition, _ in seen],
            "offsets": [offset for *_, offset in seen],
        }

    def saw(self, counts: list[NewRows]) -> None:
        """Remember how far one has seen."""
        for row in counts:
            offsets = self._offsets.setdefault(row.shard, dict(self._at_first))
            offsets[row.log_id, row.log_partition] = row.last_offset


class _News(NamedTuple):
    """What is new of a project."""

    project: _Project
    counts: list[NewRows]
    watches: list[Watch]
    found: list[list[Matched]]
    """Of each watch, the newest first."""

    def give(self) -> None:
        """Hand it to whoever watches, and remember it."""
        self.project.saw(self.counts)
        events = sum(row.events for row in self.counts)
        self.project.recent += events
        for subscriber in self.project.subscribers:
            subscriber.stored += events
            for watch, rows in zip(self.watches, self.found, strict=True):
                if rows and subscriber.watch.is_same(watch):
                    subscriber.give_events([event_row(row.row()) for row in reversed(rows)], rows[0].of)


class Feed:
    """All subscribers, and the one task that looks for news.

    Args:
        rooms: the stores.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._projects: dict[int, _Project] = {}
        self._seen = SeenBlocks()
        self._shards: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()

    @asynccontextmanager
    async def subscribed(self, subscriber: Subscriber) -> AsyncIterator[None]:
        """Send a subscriber what comes from now on, while the block runs.

        Raises:
            StoreUnavailable: ClickHouse is away.
        """
        await self._begin(subscriber)
        try:
            yield
        finally:
            project = self._projects[subscriber.project_id]
            project.subscribers.remove(subscriber)
            if not project.subscribers:
                del self._projects[subscriber.project_id]
            if not self._projects and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _begin(self, subscriber: Subscriber) -> None:
        async with self._beginning:
            columns = self._rooms.columns
            if self._task is None:
                # What lies there already is old.
                self._seen = SeenBlocks()
                self._seen.add(await self._parts())
            positions = await columns.rows(COUNTED, {}, _Position)
            if subscriber.project_id not in self._projects:
                self._projects[subscriber.project_id] = _Project(positions)
            self._projects[subscriber.project_id].subscribers.append(subscriber)
            if self._task is None:
                self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        counted = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                await self._look()
                if began - counted >= COUNTS_SECONDS:
                    await self._count(began - counted)
                    counted = began
            except QueryApiError as error:
                # Logged where it was raised; whoever watches waits.
                _log.info("live stream waits", reason=error.code)
                await asyncio.sleep(_LONGEST_PAUSE)
            except Exception:  # noqa: BLE001 - as the comment says
                # A fault of ours must not leave everybody who watches with a stream that looks alive.
                _log.exception("live stream failed, and goes on")
                await asyncio.sleep(_LONGEST_PAUSE)
            took = time.monotonic() - began
            # A store that is slow is asked less often, so that looking never takes most of its time.
            await asyncio.sleep(max(POLL_SECONDS - took, min(took, _LONGEST_PAUSE)))

    async def _look(self) -> None:
        listed = await self._parts()
        tries = _TRIES
        while True:
            new = self._seen.unseen(listed)
            if not new:
                return
            looks = [self._read(number, project, new) for number, project in list(self._projects.items())]
            news = await asyncio.gather(*looks)
            listed = await self._parts()
            there = still_listed(new, listed)
            tries -= 1
            # Of a part that was merged away meanwhile, events may have been counted and not found.
            if len(there) == len(new) or not tries:
                break
        for each in news:
            if each is not None:
                each.give()
        # What is read twice for that is told by its offsets.
        self._seen.add(there)

    async def _parts(self) -> list[Part]:
        columns = self._rooms.columns
        listed = await columns.rows(ACTIVE_PARTS, {"table": "events", "databases": columns.databases}, Part)
        self._shards.update(part.shard for part in listed)
        return listed

    async def _read(self, project_id: int, project: _Project, parts: list[Part]) -> _News | None:
        bound = project.bound(parts, self._shards)
        counts = await self._rooms.columns.rows(_COUNT, {**bound, "project_id": project_id}, NewRows)
        if not counts:
            return None
        watches: list[Watch] = []
        for subscriber in project.subscribers:
            if not any(subscriber.watch.is_same(watch) for watch in watches):
                watches.append(subscriber.watch)
        return _News(project, counts, watches, await self._find(project_id, watches, bound))

    async def _find(
        self, project_id: int, watches: list[Watch], bound: dict[str, Any]
    ) -> list[list[Matched]]:
        found: list[list[Matched]] = [[] for _ in watches]
        if not watches:
            return found
        try:
            scope = await open_scope(self._rooms, project_id, *watches)
            statement = events_statement(watches, scope)
            rows = await self._rooms.columns.rows(statement, {**scope.bindings.parameters, **bound}, Matched)
        except RequestError as error:
            # A filter that cannot be answered (any more) must not keep the others from their events.
            if len(watches) > 1:
                alone = [await self._find(project_id, [watch], bound) for watch in watches]
                return [rows for (rows,) in alone]
            for subscriber in self._projects[project_id].subscribers:
                if subscriber.watch.is_same(watches[0]):
                    subscriber.fail(error)
            return found
        for row in rows:
            found[row.watch].append(row)
        return found

    async def _count(self, seconds: float) -> None:
        as_of = await self._rooms.postgres.as_of()
        for project in self._projects.values():
            per_second = round(project.recent / seconds, 1)
            project.recent = 0
            for subscriber in project.subscribers:
                subscriber.give_counts(
                    CountsFrame(as_of=as_of, per_second=per_second, events=subscriber.stored)
                )
