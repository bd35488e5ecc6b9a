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
# The caches behind the parsers keep whole texts; what is longer than these tells nothing more.
_TEXT_LENGTH = 2000
_ADDRESS_LENGTH = 45
_NOTHING_SAID = (None,) * 7
_EXTENDED_MOST = 10_000


class Context(dict[str, str]):
    """The context of one event or of many; not to be changed once it was handed out.

    Few contexts serve many events: each remembers its JSON, and the contexts that it became part of.
    """

    __slots__ = ("_text", "extended")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.extended: dict[tuple[str | None, ...], Context] = {}
        self._text: str | None = None

    @property
    def text(self) -> str:
        """JSON, escaped for a row."""
        if self._text is None:
            self._text = escape_json(encode_properties(dict(self)).decode())
        return self._text


class Enricher:
    """Puts context to events; the same input always gives the same context.

    Args:
        geo: looks addresses up.
    """

    def __init__(self, geo: GeoLookup = no_geo) -> None:
        self._geo = geo
        self._extended_kept = 0
        self.context_of_client = lru_cache(maxsize=5_000)(self._context_of_client)
        """Returns the context that all events of one sub-batch share: (client_address, user_agent)."""

    def _context_of_client(self, client_address: str | None, user_agent: str | None) -> Context:
        context = Context()
        is_backend = bool(user_agent) and not (user_agent or "").startswith(_BROWSER_MARKS)
        if user_agent and not is_backend:
            # Context goes to PostgreSQL, which cannot store U+0000.
            context.update(parse_user_agent(user_agent.replace("\0", "")[:_TEXT_LENGTH]))
        # A backend's address is not where its users are; it may say `$ip` for each event.
        if client_address and not is_backend:
            context.update(self._geo(client_address[:_ADDRESS_LENGTH]))
        return context

    def put_context(self, shared: Context, properties: dict[str, Any]) -> Context:
        """Return the context of one event; ``shared`` itself where the event adds nothing to it."""
        get = properties.get
        said = (
            get("$user_agent"),
            get("$raw_user_agent"),
            get("$ip"),
            get("$current_url"),
            get("url"),
            get("$referrer"),
            get("referrer"),
        )
        if said == _NOTHING_SAID:
            context = shared
        else:
            try:
                known = shared.extended.get(said)
            except TypeError:
                # A list or an object says nothing, and cannot be looked up.
                known = None
            context = self._extended(shared, said) if known is None else known
        if context.keys().isdisjoint(properties):
            return context
        return Context((name, value) for name, value in context.items() if name not in properties)

    def _extended(self, shared: Context, said: tuple[Any, ...]) -> Context:
        texts = tuple(value if isinstance(value, str) else None for value in said)
        user_agent, raw_user_agent, address, current_url, url, referrer_url, referrer = texts
        context = self._extend(
            shared,
            _first_text(user_agent, raw_user_agent),
            None if address is None else address[:_ADDRESS_LENGTH],
            _first_text(current_url, url),
            _first_text(referrer_url, referrer),
        )
        if texts == said and all(text is None or len(text) <= _TEXT_LENGTH for text in texts):
            self._extended_kept += 1
            if self._extended_kept > _EXTENDED_MOST:
                # With the clients' contexts go all that they became part of.
                self._extended_kept = 0
                self.context_of_client.cache_clear()
            shared.extended[said] = context
        return context

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


def _first_text(*texts: str | None) -> str | None:
    return next((text[:_TEXT_LENGTH] for text in texts if text), None)
