"""The steps in a row: every event ends as a row or as a rejected event with a reason, or is a repeat."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dataflows.enrich import Enricher
from dataflows.kit.ticks import tick
from dataflows.pipeline import PartitionPipeline
from dataflows.rollup import RollupCounter
from event_log.port import Message
from schemas.envelope import LogEvent, RejectedEvent, SubBatch, encode_sub_batch, join_sub_batches
from schemas.limits import DEFAULT_LIMITS
from schemas.reasons import RejectReason
from schemas.rollup import TOTAL
from schemas.stored import EVENT_COLUMNS, MessageRows, StoredBatch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MemoryIndex:
    """A dedup index that a test can look into."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, keys: list[bytes]) -> Sequence[bytes | None]:
        """Return the place of each key."""
        return [self.entries.get(key) for key in keys]

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Store entries."""
        self.entries.update(entries)


def pipeline(index: MemoryIndex | None = None, rollups: RollupCounter | None = None) -> PartitionPipeline:
    """A pipeline of partition 3."""
    return PartitionPipeline(
        log_id=9,
        partition=3,
        index=index or MemoryIndex(),
        enricher=Enricher(lambda address: (("$country", "DE"),) if address == "1.1.1.1" else ()),
        rollups=rollups or RollupCounter(3, 120, 100),
        limits=DEFAULT_LIMITS,
    )


def event(number: int, properties: bytes = b"{}", **changes: Any) -> LogEvent:
    """The n-th event."""
    fields: dict[str, Any] = {
        "event_id": f"0190a6e0-7c1d-7000-8000-{number:012x}",
        "event": "view",
        "distinct_id": "u",
        "timestamp": NOW - timedelta(minutes=number),
        "session_id": None,
        "properties": Raw(properties),
    }
    return LogEvent(**(fields | changes))


def message(
    offset: int, *events: LogEvent, rejected: Sequence[RejectedEvent] = (), project_id: int = 1
) -> Message:
    """A message of one sub-batch."""
    batch = SubBatch(project_id, NOW, None, "ws.v1", "1.1.1.1", None, None, list(events), list(rejected))
    return Message(offset, join_sub_batches([encode_sub_batch(batch)]))


def fields(rows: MessageRows) -> list[dict[str, str]]:
    """Rows by column."""
    lines = rows.rows.decode().splitlines()
    return [dict(zip(EVENT_COLUMNS, line.split("\t"), strict=True)) for line in lines]


def test_event_becomes_a_row() -> None:
    """All columns, in the order of the tables, and the day of the event's time."""
    made = pipeline().process([message(5, event(1, b'{"plan": "pro"}'))])
    assert fields(made.messages[0]) == [
        {
            "project_id": "1",
            "event_id": "0190a6e0-7c1d-7000-8000-000000000001",
            "event": "view",
            "distinct_id": "u",
            "timestamp": "2026-03-01 11:59:00",
            "client_timestamp": "2026-03-01 11:59:00+00:00",
            "received_at": "2026-03-01 12:00:00",
            "session_id": "\\N",
            "properties": '{"plan": "pro"}',
            "context": '{"$country":"DE"}',
            "source": "ws.v1",
            "log_id": "9",
            "log_partition": "3",
            "log_offset": "5",
        }
    ]
    assert made.days == {(NOW.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days}
    assert (made.next_offset, made.log_time) == (6, NOW)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (event(0, b"[1]"), RejectReason.MALFORMED),
        (event(0, b'{"a":1,"a":2}'), RejectReason.DUPLICATE_KEY),
        (event(0, rb'{"a":"\u0000"}'), RejectReason.NUL_CHARACTER),
        (event(0, b'{"a":0e9999999999}'), RejectReason.NUMBER_OUT_OF_RANGE),
        (event(0, b'{"a":"' + b"x" * 40_000 + b'"}'), RejectReason.EVENT_TOO_LARGE),
        (event(0, event_id="no id"), RejectReason.INVALID_EVENT_ID),
        (event(0, event_id="0190a6e0 7c1d 7000 8000 0000 0000000"), RejectReason.INVALID_EVENT_ID),
        (event(0, event_id="0190a6e07c1d70008000000000000000"), RejectReason.INVALID_EVENT_ID),
        (event(0, event="a\0b"), RejectReason.NUL_CHARACTER),
        (event(0, distinct_id="a\0b"), RejectReason.NUL_CHARACTER),
        (event(0, session_id="a\0b"), RejectReason.NUL_CHARACTER),
    ],
)
def test_bad_event_is_kept_with_its_reason(bad: LogEvent, reason: RejectReason) -> None:
    """What the gateway should have refused is refused here, and its neighbours are stored."""
    made = pipeline().process([message(0, event(1), bad, event(2)), message(1, event(3))])
    assert [rows.events for rows in made.messages] == [2, 1]
    (rejection,) = made.messages[0].rejected
    assert (rejection.reason, rejection.rejected_by, rejection.place) == (reason, "dataflow", 1)
    assert (rejection.project_id, rejection.received_at, rejection.source) == (1, NOW, "ws.v1")
    assert json.loads(rejection.payload)["event"] == bad.event


def test_gateway_s_rejects_are_kept() -> None:
    """They have places of their own, over all sub-batches of the message."""
    refused = RejectedEvent(RejectReason.INVALID_FIELD, "event is missing", b'{"x":1}', None)
    batches = [SubBatch(project, NOW, None, "ws.v1", None, None, None, [], [refused]) for project in (1, 2)]
    body = join_sub_batches(map(encode_sub_batch, batches))
    (rows,) = pipeline().process([Message(4, body)]).messages
    assert [(each.place, each.project_id, each.rejected_by) for each in rows.rejected] == [
        (0, 1, "gateway"),
        (1, 2, "gateway"),
    ]
    assert {each.payload for each in rows.rejected} == {b'{"x":1}'}
    assert (rows.events, rows.rows) == (0, b"")


def test_damaged_message_is_kept_whole() -> None:
    """Nobody knows whose it was; its neighbours are stored."""
    made = pipeline().process([message(0, event(1)), Message(1, b"\xff{"), message(2, event(2))])
    assert [rows.events for rows in made.messages] == [1, 0, 1]
    (rejection,) = made.messages[1].rejected
    assert (rejection.reason, rejection.payload) == (RejectReason.MALFORMED, b"\xff{")
    assert rejection.project_id is None
    only = pipeline().process([Message(7, b"")])
    assert (only.next_offset, only.log_time) == (8, None)


def test_repeated_event_is_dropped() -> None:
    """In one message, in a later one, and whatever else it says; not in another project."""
    running = pipeline()
    first = running.process([message(0, event(1), event(1, event="other")), message(1, event(1))])
    assert [rows.events for rows in first.messages] == [1, 0]
    upper = event(1, event_id=event(0xAB).event_id.upper())
    later = running.process([message(2, event(1), event(0xAB), upper), message(3, event(1), project_id=2)])
    assert [rows.events for rows in later.messages] == [1, 1]
    assert (running.counts.received, running.counts.repeated, running.counts.stored) == (7, 4, 3)


def test_a_message_that_the_log_holds_twice_keeps_its_rejects_once() -> None:
    """An append whose confirmation got lost is repeated; a replay of the first occurrence is not."""
    index = MemoryIndex()
    refused = RejectedEvent(RejectReason.MALFORMED, "not JSON", b"{", None)
    bad = event(0, b'{"a":1,"a":2}')
    body = message(4, bad, event(1), rejected=[refused]).body
    made = pipeline(index).process([Message(4, body), Message(5, body)])
    again = pipeline(index).process([Message(6, body)])
    replay = pipeline(index).process([Message(4, body)])
    assert [len(rows.rejected) for rows in made.messages] == [2, 0]
    assert [len(rows.rejected) for rows in again.messages] == [0]
    assert replay.messages[0].rejected == made.messages[0].rejected


def test_rejected_event_does_not_take_the_place_of_a_good_one() -> None:
    """The id of a rejected event is not remembered: sent again, whole, it is stored."""
    made = pipeline().process([message(0, event(1, b"[]"), event(1))])
    assert made.messages[0].events == 1


def test_wrong_clocks_stop_nothing() -> None:
    """Times of any zone and year end between 1970 and the arrival."""
    far = [
        datetime.max.replace(tzinfo=UTC),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
    ]
    rollups = RollupCounter(3, 120, 100)
    made = pipeline(rollups=rollups).process(
        [message(0, *(event(n, timestamp=time) for n, time in enumerate(far)))]
    )
    assert [row["timestamp"] for row in fields(made.messages[0])] == [
        "2026-03-01 12:00:00",
        "1970-01-01 00:00:00",
        "1970-01-01 00:00:00",
    ]
    totals = {
        key.bucket: total
        for rows in rollups.emit()
        for key, total in rows.cells()
        if (key.interval, key.dimension) == (60, TOTAL)
    }
    assert totals == {0: 2, int(NOW.timestamp()): 1}


_bodies = st.lists(
    st.one_of(
        st.lists(
            st.builds(
                event, st.integers(0, 9), st.sampled_from([b"{}", b"[]", b'{"a":"b"}', b'{"$ip":"1.1.1.1"}'])
            ),
            max_size=4,
        ).map(lambda events: message(0, *events).body),
        st.just(b"damaged"),
    ),
    min_size=1,
    max_size=6,
)


def _rows(batches: list[StoredBatch]) -> list[MessageRows]:
    return [rows for batch in batches for rows in batch.messages]


@given(_bodies, st.lists(st.integers(1, 3), max_size=6), st.integers(0, 6))
def test_replay_gives_the_same_rows(bodies: list[bytes], cuts: list[int], back: int) -> None:
    """A dataflow that was killed anywhere and reads again, cut otherwise, stores the very same."""
    log = [Message(10 + 2 * number, body) for number, body in enumerate(bodies)]
    index = MemoryIndex()
    whole = _rows([pipeline(index).process(log)])
    assert [rows.offset for rows in whole] == [each.offset for each in log]
    begin = max(0, len(log) - back)
    again: list[StoredBatch] = []
    sizes = iter(cuts)
    running = pipeline(index)
    while begin < len(log):
        size = next(sizes, 1)
        again.append(running.process(log[begin : begin + size]))
        begin += size
    assert _rows(again) == whole[max(0, len(log) - back) :]
    received = sum(rows.events + len(rows.rejected) for rows in whole)
    assert received <= sum(max(1, body.count(b"0190a6e0")) for body in bodies)


def test_a_message_that_only_tells_the_time_changes_no_number() -> None:
    """Flows of the kit send it to idle partitions: no row, no rejection, no cell; only the place moves on."""
    told, untold = RollupCounter(3, 120, 100), RollupCounter(3, 120, 100)
    first, last = message(0, event(1), event(2)), message(2, event(3))
    between = Message(1, tick(NOW + timedelta(minutes=1)))
    stored = pipeline(rollups=told).process([first, between, last])
    plain = pipeline(rollups=untold).process([first, last])
    assert [rows.rows for rows in stored.messages] == [plain.messages[0].rows, b"", plain.messages[1].rows]
    assert all(rows.rejected == [] for rows in stored.messages)
    assert (stored.next_offset, stored.days) == (3, plain.days)
    assert told.emit() == untold.emit()
