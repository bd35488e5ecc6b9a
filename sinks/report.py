"""What a write stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WriteReport:
    """Numbers of one write, for metrics."""

    events: int
    rejected: int
