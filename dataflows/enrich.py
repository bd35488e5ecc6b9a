"""What is known about an event beyond what the client said: its *context*.

Context never overrides a property of the same name, and is stored apart from the properties, which
stay the bytes that were sent.
"""

from typing import Any

from dataflows.geo import GeoLookup, no_geo
from dataflows.referrer import parse_page, parse_referrer
from dataflows.user_agent import parse_user_agent

Context = dict[str, str]

# SDKs of backends send their own name here; only a browser's or an app's user agent says something
# about the person, and events that backends send about a browser carry it as a property.
_BROWSER_MARKS = ("Mozilla/", "Opera/", "Dart/", "okhttp/", "CFNetwork/")
_PAGE_PROPERTIES = ("$current_url", "url")
_REFERRER_PROPERTIES = ("$referrer", "referrer")
# The caches behind the parsers keep whole texts; what is longer than these tells nothing more.
_TEXT_LENGTH = 2000
_ADDRESS_LENGTH = 45
_USER_AGENT_PROPERTIES = ("$user_agent", "$raw_user_agent")


class Enricher:
    """Puts context to events; the same input always gives the same context.

    Args:
        geo: looks addresses up.
    """

    def __init__(self, geo: GeoLookup = no_geo) -> None:
        self._geo = geo

    def context_of_client(self, client_address: str | None, user_agent: str | None) -> Context:
        """Return the context that all events of one sub-batch share."""
        context: Context = {}
        if user_agent and user_agent.startswith(_BROWSER_MARKS):
            # Context goes to PostgreSQL, which cannot store U+0000.
            context.update(parse_user_agent(user_agent.replace("\0", "")[:_TEXT_LENGTH]))
        if client_address:
            context.update(self._geo(client_address[:_ADDRESS_LENGTH]))
        return context

    def put_context(self, shared: Context, properties: dict[str, Any]) -> Context:
        """Return the context of one event; ``shared`` itself where the event adds nothing to it."""
        own: Context = {}
        if user_agent := _text(properties, _USER_AGENT_PROPERTIES):
            own.update(parse_user_agent(user_agent))
        if isinstance(address := properties.get("$ip"), str):
            own.update(self._geo(address[:_ADDRESS_LENGTH]))
        if page := _text(properties, _PAGE_PROPERTIES):
            own.update(parse_page(page))
        if referrer := _text(properties, _REFERRER_PROPERTIES):
            own.update(parse_referrer(referrer))
        if not own and shared.keys().isdisjoint(properties):
            return shared
        merged = shared | own
        return {name: value for name, value in merged.items() if name not in properties}


def _text(properties: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = properties.get(name)
        if value and isinstance(value, str):
            return value[:_TEXT_LENGTH]
    return None
