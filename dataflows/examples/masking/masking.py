"""Every event into a second stream, without personal data: for those who may not see it."""

import hmac
import os
import re
from typing import Any

from dataflows.kit import Event, Events, EventStream, Flow, LogSource, map_events, write

# Whoever has it can tell who somebody is; without it nobody can.
SECRET = os.environ.get("MASKING_SECRET", "change me").encode()
REMOVED = {"email", "name", "phone", "address", "$ip", "$current_url", "$referrer"}
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")

flow = Flow(
    "masking",
    source=LogSource(start="beginning"),
    description="Events without personal data",
)


@flow.steps
def steps(events: Events) -> None:
    """One event in, one event out, with the same event id."""
    write("stream", map_events("mask", events, _masked), EventStream("masked"))


def _masked(event: Event) -> Event:
    return event._replace(
        distinct_id=_pseudonym(event.distinct_id),
        session_id=None if event.session_id is None else _pseudonym(event.session_id),
        properties={name: _clean(value) for name, value in event.properties.items() if name not in REMOVED},
    )


def _pseudonym(text: str) -> str:
    """The same for the same person, so that the stream still counts people."""
    return hmac.digest(SECRET, text.encode(), "sha256").hex()[:32]


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _EMAIL.sub("[email]", value)
    if isinstance(value, dict):
        return {name: _clean(inner) for name, inner in value.items() if name not in REMOVED}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value
