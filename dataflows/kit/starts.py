"""Where a flow begins to read the log: found once, and written down before anything has an effect."""

import json
from datetime import datetime
from pathlib import Path

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.inputs import Start
from event_log.blocking import BlockingLog
from schemas.envelope import EnvelopeError, decode_message
from smolhog.whole_files import write_whole


def find_starts(file: Path, start: Start, log: BlockingLog, partitions: int) -> dict[str, int]:
    """Return the offset to begin with in each partition; what ``file`` says, if there is one.

    Raises:
        FlowInvalid: ``start`` names not every partition.
        EventLogUnavailable: the log does not answer.
    """
    if not file.exists():
        found = {str(partition): _find(start, log, partition) for partition in range(partitions)}
        write_whole(file, json.dumps(found))
    return {partition: int(offset) for partition, offset in json.loads(file.read_text()).items()}


def _find(start: Start, log: BlockingLog, partition: int) -> int:
    if isinstance(start, datetime):
        return _first_since(start, log, partition)
    if start == "beginning":
        return log.oldest(partition)
    if start == "end":
        return log.end(partition)
    if partition not in start:
        raise FlowInvalid(f"start says no offset for partition {partition}")
    return start[partition]


def _first_since(since: datetime, log: BlockingLog, partition: int) -> int:
    """Search by halves: times of arrival rise with the offset, but for what clocks of several gateways differ."""
    low, high = log.oldest(partition), log.end(partition)
    while low < high:
        middle = (low + high) // 2
        arrival, next_offset = _next_arrival(log, partition, middle, high)
        if arrival is None or arrival >= since:
            high = middle
        else:
            low = next_offset
    return low


def _next_arrival(log: BlockingLog, partition: int, begin: int, end: int) -> tuple[datetime | None, int]:
    """Return when the first message of a stretch arrived that says so, and the offset after it.

    A message that has a rebuild close its groups says nothing of it, nor does one that is damaged.
    """
    while begin < end:
        message = log.first_message(partition, begin)
        begin = message.offset + 1
        try:
            times = [batch.received_at for batch in decode_message(message.body).batches]
        except EnvelopeError:
            continue
        if times:
            return max(times), begin
    return None, end
