"""What became of events."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class RejectedEvent:
    """An event that will not be stored, and why. Sending it again gives the same verdict."""

    index: int
    """Place in the sequence given to ``send_batch``, from 0; 0 for a tracked event."""
    event_id: str
    code: str
    """Machine-readable reason, e.g. ``name_too_long``."""
    message: str
    """The same for people."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The verdicts over one ``send_batch``: every event is either accepted or listed."""

    accepted: int
    """Events that are durable now."""
    rejected: tuple[RejectedEvent, ...]
    """In the order of their index."""
