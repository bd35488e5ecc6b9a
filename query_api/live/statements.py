"""The statements of the live stream. Pure.

A row is new if its place in the event log is beyond what was seen of that partition of the log: exactly once,
whatever the clocks say, and however often a dataflow writes it. Which parts of the table are new only says
where to look.
"""

from collections.abc import Sequence
from typing import NamedTuple

from query_api.event_rows import EVENT_COLUMNS, StoredRow
from query_api.live.frames import Watch
from query_api.questions.filter_sql import filter_sql
from query_api.questions.people_sql import LINKED_PEOPLE
from query_api.questions.scope import Scope

EVENTS_A_FRAME = 100

COUNTED = (
    "SELECT log_id, log_partition, max(next_offset) FROM rollup_positions GROUP BY log_id, log_partition"
)
"""Everything before these offsets was stored before; see the migrations."""

_IS_NEW = """
    WITH indexOf(
        arrayZip({shards:Array(UInt32)}, {log_ids:Array(Int64)}, {partitions:Array(UInt16)}),
        (shardNum(), events.log_id, events.log_partition)
    ) AS place
    SELECT {columns}
    FROM events{people}
    WHERE project_id = {project_id:UInt32} AND events._part IN {parts:Array(String)}
        AND (place = 0 OR events.log_offset > {offsets:Array(Int64)}[place])
"""
_COUNT = """
SELECT shard, log_id, log_partition, toInt64(max(log_offset)), uniqExact(event_id)
FROM ({rows}) GROUP BY shard, log_id, log_partition
"""
_PLACES = ("log_id", "log_partition", "log_offset", "event_id")
_COLUMNS = (
    "event", "distinct_id", "timestamp", "received_at", "session_id", "properties", "context", "source", "event_id",
)  # fmt: skip


class NewRows(NamedTuple):
    """How many events came in one partition of a log, on one shard, and how far that is."""

    shard: int
    log_id: int
    log_partition: int
    last_offset: int
    events: int


class Matched(NamedTuple):
    """An event that somebody watches."""

    watch: int
    """Place in the list of watches."""
    of: int
    """How many events matched that watch."""
    event_id: str
    event: str
    distinct_id: str
    person: str
    timestamp: int
    received_at: int
    session_id: str
    properties: str
    context: str
    source: str

    def row(self) -> StoredRow:
        """Return the event alone."""
        return StoredRow(*self[2:])


def count_statement() -> str:
    """Return the statement that counts what is new, in rows of :class:`NewRows`."""
    columns = ", ".join(["shardNum() AS shard", *(f"events.{name} AS {name}" for name in _PLACES)])
    rows = _IS_NEW.replace("{columns}", columns).replace("{people}", "")
    return _COUNT.replace("{rows}", rows)


def events_statement(watches: Sequence[Watch], scope: Scope) -> str:
    """Return the statement that finds the newest events of each watch, in rows of :class:`Matched`.

    Args:
        watches: who watches what.
        scope: of the statement; holds the cohorts that filters name.

    Raises:
        InvalidParameter: a filter names a cohort that the project does not have (any more).
    """
    columns = ", ".join(f"events.{name} AS {name}" for name in _COLUMNS)
    people, person = "", "events.distinct_id"
    if scope.linked:
        people = f" LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = events.distinct_id"
        person = "if(linked.person_id = '', events.distinct_id, linked.person_id)"
    rows = _IS_NEW.replace("{columns}", f"{columns}, {person} AS person").replace("{people}", people)
    return " UNION ALL ".join(_of_watch(n, watch, rows, scope) for n, watch in enumerate(watches))


def _of_watch(number: int, watch: Watch, rows: str, scope: Scope) -> str:
    conditions = [filter_sql(watch.filter, scope).text]
    if watch.events is not None:
        conditions.append(f"event IN {scope.bindings.texts(watch.events)}")
    return f"""
SELECT {number:d} AS watch, count() OVER () AS of, {EVENT_COLUMNS}
FROM (SELECT * FROM ({rows}) WHERE {" AND ".join(conditions)} LIMIT 1 BY event_id)
ORDER BY received_at DESC, timestamp DESC, event_id DESC
LIMIT {EVENTS_A_FRAME}
"""
