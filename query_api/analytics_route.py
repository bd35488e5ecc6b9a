"""What the tables of addresses are made of."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from query_api.models import Answer, Parameters
from query_api.rooms import Rooms


@dataclass(frozen=True, slots=True)
class AnalyticsRoute:
    """One address below ``/analytics/``, answered in JSON.

    Attributes:
        method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
        path: below ``/analytics/``; ``{name}`` stands for a field of the question.
        name: for metrics and generated clients.
        summary: one line.
        question: what is asked.
        answer: what comes back.
        read: answers; raises errors of query_api/errors.py.
        first_dashboard: also found under ``/api``, where SmolHog's first dashboard looks.
        shared: opens with the token in its path instead of a key; ``read`` gets 0 for the project.
    """

    method: str
    path: str
    name: str
    summary: str
    question: type[Parameters]
    answer: type[Answer]
    read: Callable[[Rooms, int, Any], Awaitable[Answer]]
    first_dashboard: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way.

    Attributes:
        pieces: of it.
        media_type: what it is.
        name: for the disk of whoever asked.
    """

    pieces: AsyncGenerator[bytes, None]
    media_type: str
    name: str


@dataclass(frozen=True, slots=True)
class DownloadRoute:
    """One address below ``/analytics/``, answered with a file.

    Attributes:
        method: ``GET`` or ``POST``.
        path: as of an :class:`AnalyticsRoute`, like all not named here.
        name: likewise.
        summary: likewise.
        question: likewise.
        media_types: what may come back.
        open: begins the file; raises errors of query_api/errors.py.
    """

    method: str
    path: str
    name: str
    summary: str
    question: type[Parameters]
    media_types: tuple[str, ...]
    open: Callable[[Rooms, int, Any], Awaitable[Download]]
