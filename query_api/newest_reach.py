"""How far back the newest events of a project reach, remembered from one question to the next. Pure."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

_LATELY = timedelta(minutes=1)
"""After that more may have arrived than is quickly looked through."""
_MOST = 10_000


class _Seen(NamedTuple):
    at: datetime
    newest: int
    reach: int
    is_slow: bool


class Reach(NamedTuple):
    """How far back the newest events reached a moment ago."""

    since: int
    """The instant of the last of them, in microseconds since 1970."""
    is_slow: bool
    """Whether less than a whole answer came between the last two, so that there is not much after ``since``."""


class NewestReach:
    """The instant of the last row of each project's last answer.

    Whatever has arrived since, the rows that were the newest then are still there, so nobody has to find out anew how
    far back to look. If some were deleted, too few are found, and whoever asks looks again.
    Belongs to one event loop; what was not asked for the longest time is forgotten first.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[int, int], _Seen] = OrderedDict()

    def known(self, project_id: int, limit: int, now: datetime) -> Reach | None:
        """Return what the last answer tells, unless there was none lately.

        Args:
            project_id: whose events.
            limit: how many were asked for.
            now: the clock, aware.
        """
        seen = self._seen.get((project_id, limit))
        return Reach(seen.reach, seen.is_slow) if seen is not None and now - seen.at < _LATELY else None

    def learn(self, project_id: int, limit: int, now: datetime, newest: int, reach: int) -> None:
        """Remember the instants of the first and the last row of an answer."""
        before = self._seen.get((project_id, limit))
        is_slow = before is not None and now - before.at < _LATELY and reach <= before.newest
        self._seen[project_id, limit] = _Seen(now, newest, reach, is_slow)
        self._seen.move_to_end((project_id, limit))
        while len(self._seen) > _MOST:
            self._seen.popitem(last=False)
