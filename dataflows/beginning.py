"""Where a dataflow begins that has no state, though the log has forgotten its first messages.

A dataflow without state reads the log from its beginning, which changes no number: it comes to the
same rows as before. Where retention has dropped that beginning, it cannot come to the same rows any
more. If nothing was ever stored, nothing was lost with them: it begins where the log does. If
something was stored, the state was lost (its folder was deleted, or is on another machine): the
dataflow learns the ids of what the log still holds, goes on from what the stores hold, and counts only
what they have not counted. From then on the numbers rest on this state and no older one.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from event_log.errors import OffsetGone
from sinks.clickhouse.writer import WrittenTo

_HOUR = timedelta(hours=1)
_log = structlog.get_logger()


class Beginning:
    """Decides where to begin, once the log has said that its first messages are gone.

    Args:
        partition: of the event log.
        stored: offset before which PostgreSQL holds every message.
        log_time: log time there.
        written: asks ClickHouse how far it holds the log.
        grace: log time for which a bucket stays open after its end.
        remember: puts the ids of the messages between two offsets into the dedup index.
        settle: says that from now on no older state of the partition may go on.
    """

    def __init__(
        self,
        partition: int,
        stored: int,
        log_time: datetime | None,
        written: Callable[[], WrittenTo],
        grace: timedelta,
        remember: Callable[[int, int], None],
        settle: Callable[[], None],
    ) -> None:
        self._partition = partition
        self._stored = stored
        self._log_time = log_time
        self._written = written
        self._grace = grace
        self._remember = remember
        self._settle = settle
        self.counted_to = 0
        """Messages before this offset are counted; cells that open now must leave them out."""

    def skip_to(self, gone: OffsetGone) -> int:
        """Return the offset to begin with; takes as long as reading what the log still holds.

        Raises:
            OffsetGone: messages that were never stored are gone.
        """
        if self._stored == 0:
            _log.warning("event log begins later", partition=self._partition, oldest=gone.oldest)
            return gone.oldest
        if gone.oldest > self._stored:
            raise OffsetGone(gone.partition, self._stored, gone.oldest)
        written = self._written()
        self.counted_to = written.counted
        begin = max(gone.oldest, min(self._stored, written.whole))
        self._remember(gone.oldest, begin)
        self._settle()
        since, until = self._open_buckets()
        _log.warning(
            "state of the dataflow is lost; going on with what the stores hold",
            partition=self._partition,
            offset=begin,
            uncounted=max(0, begin - self.counted_to),
            advice="numbers of this time may lack events: run "
            f"`smolhog verify --from {since} --to {until}`, and where it finds a difference "
            f"`smolhog rebuild --columnar --from {since} --to {until}`",
        )
        return begin

    def _open_buckets(self) -> tuple[str, str]:
        """Hours whose cells were open when the state was lost; late events may lie further back."""
        now = datetime.now(UTC)
        return _hour(min(self._log_time or now, now) - self._grace - _HOUR), _hour(now + _HOUR)


def _hour(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:00:00Z}"
