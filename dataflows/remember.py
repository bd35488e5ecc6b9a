"""Has a dedup index that was lost learn the ids of the messages that the log still holds."""

import time

import structlog

from dataflows.decode import decode
from dataflows.dedup import DedupIndex, find_first
from event_log.blocking import BlockingLog
from event_log.errors import OffsetGone
from schemas.limits import Limits

_IDLE_SECONDS = 0.025
_log = structlog.get_logger()


def remember_ids(
    log: BlockingLog, partition: int, begin: int, end: int, index: DedupIndex, limits: Limits
) -> None:
    """Put the events of the messages from ``begin`` to ``end`` into the index; returns when all are in it.

    A dataflow that goes on at ``end`` without it would take for new what is sent again. Killed in between,
    it may be done again: an event stands in the index with the place where the log has it first.

    Args:
        log: the open log.
        partition: which partition.
        begin: an offset that the log has.
        end: not included; the log may have gaps before it.
        index: of the partition.
        limits: what an event may hold.

    Raises:
        EventLogError: the messages cannot be read.
    """
    if begin >= end:
        return
    _log.info("learning the ids of the event log again", partition=partition, begin=begin, end=end)
    reader = log.reader(partition, begin)
    ids = 0
    # The last message before the end may be a gap, so the log's own end counts, too.
    last = min(end, log.end(partition))
    next_offset = begin
    while next_offset < last:
        try:
            messages = reader.poll()
        except OffsetGone as gone:
            # Retention goes on meanwhile, and what it takes nobody can learn.
            reader.close()
            next_offset = gone.oldest
            reader = log.reader(partition, next_offset)
            continue
        if not messages:
            time.sleep(_IDLE_SECONDS)
            continue
        next_offset = messages[-1].offset + 1
        decoded = [decode(message, limits) for message in messages if message.offset < end]
        keys = [key for message in decoded for key in message.keys]
        if keys:
            find_first(index, keys, [place for message in decoded for place in message.places])
            ids += len(keys)
    reader.close()
    _log.info("learned the ids of the event log again", partition=partition, events=ids)
