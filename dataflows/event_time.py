"""When an event happened, corrected for the clock of the client that said so."""

from datetime import UTC, datetime

from schemas.event import EARLIEST


def correct_time(timestamp: datetime | None, sent_at: datetime | None, received_at: datetime) -> datetime:
    """Return the time of an event in UTC.

    A client's clock may be wrong by years, but it knows how long ago something happened:
    ``received_at - (sent_at - timestamp)``. The result is never after ``received_at`` (nobody
    sends tomorrow's events) nor before 1970, which no store can hold. Without ``timestamp`` an
    event happened when it arrived.
    """
    if timestamp is None:
        return received_at
    if sent_at is not None:
        try:
            timestamp = received_at - (sent_at - timestamp)
        except OverflowError:
            # Two clocks that are thousands of years apart say nothing about when it happened.
            return received_at
    if timestamp >= received_at:
        return received_at
    if timestamp < EARLIEST:
        return EARLIEST
    return timestamp.astimezone(UTC)
