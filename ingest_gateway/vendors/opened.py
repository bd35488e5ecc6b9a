"""A vendor's request, taken apart and not yet judged: what the edge needs to know of it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ingest_gateway.errors import UnknownKeyError
from ingest_gateway.vendors.reading import Item
from schemas.properties import Rejection
from schemas.wire import Verdict

_NAME_LENGTH = 200
_WRITE_KEY = re.compile(rb"sh_w_[0-9a-f]{40}(?![0-9a-zA-Z])")


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """What a decoder sees of an HTTP request."""

    path: str
    """Without a slash at its end."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes
    """Its ``Content-Encoding`` undone."""
    now: datetime
    """When it arrived, in UTC."""
    limit: int
    """Most bytes that any layer of the body may have."""
    is_known: Callable[[str], bool] = field(repr=False)
    """Whether a write key is live."""
    has_key: bool = False
    """Whether a header named the key; then the body needs none."""

    def check_key(self, data: bytes) -> None:
        """See that there is a live key somewhere in ``data`` before anything in it is parsed.

        Strangers' bodies are not worth more than a search. Which key counts is told by where it stands.

        Raises:
            UnknownKeyError: there is none.
        """
        if not self.has_key and not any(map(self.is_known, write_keys_in(data))):
            raise UnknownKeyError("the request names no write key that is known")


class Native(NamedTuple):
    """One event in our own terms, its fields not yet checked."""

    event: Any
    distinct_id: Any
    properties: dict[str, Any]
    timestamp: datetime | None = None
    event_id: str | None = None
    """As the vendor writes it; text of any form."""
    session_id: str | None = None
    is_corrected: bool = True
    """Whether ``sent_at`` of the request says how wrong its clock is."""


Translate = Callable[[int, dict[str, Any]], Native | Rejection]
"""Says what the event at an index of the request means."""


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """What a vendor's SDK is told."""

    status: int
    body: Any
    """JSON-compatible; ``None`` for no body."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a request's events."""

    accepted: int
    results: list[Verdict]
    """Those that are not stored, by index."""
    retries: bool = False
    """Whether some are to be sent again."""


Answer = Callable[[Stored], VendorAnswer]


@dataclass(frozen=True, slots=True)
class Opened:
    """A request's events and what to do with them."""

    source: str
    items: list[Item]
    translate: Translate
    answer: Answer
    secrets: frozenset[str] = field(repr=False)
    """The write keys that it names, one if all is well."""
    sent_at: datetime | None = None
    answers_retries: bool = False
    """Whether ``answer`` can say of single events that they are to be sent again."""


def secrets_of(*candidates: Any) -> frozenset[str]:
    """Collect write keys from where a protocol may have them."""
    # Thousands of events mostly name the same one.
    texts = {text for text in candidates if isinstance(text, str)}
    return frozenset(map(str.strip, texts)) - {""}


def write_keys_in(data: bytes) -> frozenset[str]:
    """Find all that looks like a write key, without parsing."""
    return frozenset(key.decode() for key in _WRITE_KEY.findall(data))


def id_text(value: Any) -> str | None:
    """Turn an id into text, as vendors do with numbers and worse; ``None`` for none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            return None
    return str(value)[:_NAME_LENGTH]


def session_text(value: Any) -> str | None:
    """Return a session's id, if it is one that can be stored."""
    return value if isinstance(value, str) and 1 <= len(value) <= _NAME_LENGTH else None


def object_of(value: Any) -> dict[str, Any]:
    """Return a JSON object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}
