"""What is known about an event beyond what the client said: its *context*.

Context never overrides a property of the same name, and is stored apart from the properties, which
stay the bytes that were sent.
"""

from functools import lru_cache
from typing import Any

from dataflows.geo import GeoLookup, no_geo
from dataflows.referrer import parse_page, parse_referrer
from dataflows.user_agent import parse_user_agent
from schemas.properties import encode_properties
from schemas.rows import escape_json

# SDKs of backends send their own name here; only a browser's or an app's user agent says something
# about the person, and events that backends send about a browser carry it as a property.
_BROWSER_MARKS = ("Mozilla/", "Opera/", "Dart/", "okhttp/", "CFNetwork/")
_PAGE_PROPERTIES = ("$current_url", "url")
_REFERRER_PROPERTIES = ("$referrer", "referrer")
# The caches behind the parsers keep whole texts; what is longer than these tells nothing more.
_TEXT_LENGTH = 2000
_ADDRESS_LENGTH = 45
_NOTHING_SAID = (None, None, None, None)
_EXTENDED_MOST = 500
_USER_AGENT_PROPERTIES = ("$user_agent", "$raw_user_agent")


class Context(dict[str, str]):
    """The context of one event or of many; not to be changed once it was handed out.

    Few contexts serve many events: each remembers its JSON, and the contexts that it became part of.
    """

    __slots__ = ("_encoded", "extended")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.extended: dict[tuple[str | None, ...], Context] = {}
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """JSON, escaped for a row."""
        if self._encoded is None:
            self._encoded = escape_json(encode_properties(dict(self)))
        return self._encoded


class Enricher:
    """Puts context to events; the same input always gives the same context.

    Args:
        geo: looks addresses up.
    """

    def __init__(self, geo: GeoLookup = no_geo) -> None:
        self._geo = geo
        self.context_of_client = lru_cache(maxsize=5_000)(self._context_of_client)
        """Returns the context that all events of one sub-batch share: (client_address, user_agent)."""

    def _context_of_client(self, client_address: str | None, user_agent: str | None) -> Context:
        context = Context()
        if user_agent and user_agent.startswith(_BROWSER_MARKS):
            # Context goes to PostgreSQL, which cannot store U+0000.
            context.update(parse_user_agent(user_agent.replace("\0", "")[:_TEXT_LENGTH]))
        if client_address:
            context.update(self._geo(client_address[:_ADDRESS_LENGTH]))
        return context

    def put_context(self, shared: Context, properties: dict[str, Any]) -> Context:
        """Return the context of one event; ``shared`` itself where the event adds nothing to it."""
        address = properties.get("$ip")
        said = (
            _text(properties, _USER_AGENT_PROPERTIES),
            address[:_ADDRESS_LENGTH] if isinstance(address, str) else None,
            _text(properties, _PAGE_PROPERTIES),
            _text(properties, _REFERRER_PROPERTIES),
        )
        context = shared if said == _NOTHING_SAID else shared.extended.get(said)
        if context is None:
            if len(shared.extended) >= _EXTENDED_MOST:
                shared.extended.clear()
            context = shared.extended[said] = self._extend(shared, *said)
        if context.keys().isdisjoint(properties):
            return context
        return Context((name, value) for name, value in context.items() if name not in properties)

    def _extend(
        self,
        shared: Context,
        user_agent: str | None,
        address: str | None,
        page: str | None,
        referrer: str | None,
    ) -> Context:
        context = Context(shared)
        if user_agent is not None:
            context.update(parse_user_agent(user_agent))
        if address is not None:
            context.update(self._geo(address))
        if page is not None:
            context.update(parse_page(page))
        if referrer is not None:
            context.update(parse_referrer(referrer))
        return context


def _text(properties: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = properties.get(name)
        if value and isinstance(value, str):
            return value[:_TEXT_LENGTH]
    return None
