"""When an event happened, corrected for the clock of the client that said so."""

from collections.abc import Sequence
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


def correct_times(
    timestamps: Sequence[datetime | None], sent_at: datetime | None, received_at: datetime
) -> list[datetime]:
    """Do for the events of one batch what :func:`correct_time` does for one.

    Args:
        timestamps: of each event.
        sent_at: when the client sent them, by its clock.
        received_at: in UTC.
    """
    if sent_at is not None:
        try:
            moved = [received_at - (sent_at - timestamp) for timestamp in timestamps]  # type: ignore[operator]
        except (TypeError, OverflowError):
            pass  # Some have no time, or an absurd one.
        else:
            if moved and min(moved) >= EARLIEST and max(moved) <= received_at:
                return moved
    return [correct_time(timestamp, sent_at, received_at) for timestamp in timestamps]
