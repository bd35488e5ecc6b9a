"""Batches as a dataflow hands them to the sinks, made of few words."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from time import monotonic, sleep
from uuid import UUID

from msgspec import Raw

from schemas.envelope import LogEvent, SubBatch
from schemas.reasons import RejectReason
from schemas.rollup import RollupRows
from schemas.rows import format_rows, format_times, row_end
from schemas.stored import MessageRows, StoredBatch, StoredRejection
from sinks.errors import SinkUnavailable
from tests.tcp_proxy import TcpProxy

LOG_ID = 2**62 - 3
NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
PATIENCE_SECONDS = 60.0


def event_id(number: int) -> UUID:
    """The id of the n-th event."""
    return UUID(int=number, version=4)


def message(
    offset: int,
    numbers: Sequence[int] = (),
    *,
    timestamp: datetime = NOW,
    session_id: str | None = None,
    rejected: Sequence[StoredRejection] = (),
    partition: int = 0,
) -> MessageRows:
    """One message of events of project 1, user `u<number modulo 10>`."""
    events = [
        LogEvent(str(event_id(number)), "view", f"u{number % 10}", None, session_id, Raw(b'{"a": 1}'))
        for number in numbers
    ]
    end = row_end(SubBatch(1, NOW, None, "ws.v1", None, None, None, []), LOG_ID, partition, offset)
    times = format_times([timestamp] * len(events))
    rows = format_rows(events, times, ["{}"] * len(events), end, plain=True)
    return MessageRows(offset, len(events), rows, list(rejected))


def stored_batch(
    *messages: MessageRows,
    days: Sequence[date] = (NOW.date(),),
    rollups: Sequence[RollupRows] = (),
    next_offset: int | None = None,
) -> StoredBatch:
    """A batch of messages."""
    if next_offset is None:
        next_offset = messages[-1].offset + 1
    epoch = date(1970, 1, 1)
    return StoredBatch(
        list(messages), frozenset((day - epoch).days for day in days), list(rollups), next_offset, NOW
    )


def rejection(place: int, message: str = "no event", event_id: str | None = None) -> StoredRejection:
    """A rejected event."""
    return StoredRejection(
        place, 1, NOW, event_id, RejectReason.INVALID_FIELD, message, b"\0\xffpayload", "ws.v1", "gateway"
    )


def write_cut_off(proxy: TcpProxy, write: Callable[[], object], cut: int) -> None:
    """Write while the wire breaks after so many bytes; then write the same again."""
    proxy.cut_after_bytes(cut)
    try:
        write()
    except SinkUnavailable:
        proxy.wait_until_cut()
    proxy.restore()
    insist(write)


def insist(write: Callable[[], object]) -> int:
    """Write again while the store is away, as the background writer does; returns how often it was."""
    deadline = monotonic() + PATIENCE_SECONDS
    away = 0
    while True:
        try:
            write()
        except SinkUnavailable:
            away += 1
            assert monotonic() < deadline, "the store did not come back"
            sleep(0.01)
        else:
            return away
