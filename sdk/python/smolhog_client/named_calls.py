"""The calls of the synchronous client that are events under names of their own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from smolhog_client.identity import (
    alias_event,
    group_event,
    identify_event,
    page_event,
    screen_event,
)


class NamedCalls(ABC):
    """Says by ``track`` who somebody is and what they saw. Part of :class:`~smolhog_client.SyncClient`."""

    @abstractmethod
    def track(
        self,
        event: str,
        distinct_id: str,
        properties: Mapping[str, Any] | None = None,
        *,
        timestamp: datetime | None = None,
        event_id: str | None = None,
        session_id: str | None = None,
    ) -> str:
        """Hand in one event."""

    def identify(
        self,
        distinct_id: str,
        properties: Mapping[str, Any] | None = None,
        *,
        set_once: Mapping[str, Any] | None = None,
        anonymous_id: str | None = None,
    ) -> str:
        """Say who somebody is; the arguments are :meth:`Client.identify`'s."""
        return self.track(*identify_event(distinct_id, properties, set_once, anonymous_id))

    def alias(self, distinct_id: str, alias: str) -> str:
        """Say that two ids are one person."""
        return self.track(*alias_event(distinct_id, alias))

    def group(
        self, distinct_id: str, group_type: str, group_key: str, properties: Mapping[str, Any] | None = None
    ) -> str:
        """Say that somebody belongs to a group, e.g. ``company``, and what is known of the group."""
        return self.track(*group_event(distinct_id, group_type, group_key, properties))

    def page(self, distinct_id: str, url: str, properties: Mapping[str, Any] | None = None) -> str:
        """Say that somebody saw a page."""
        return self.track(*page_event(distinct_id, url, properties))

    def screen(self, distinct_id: str, name: str, properties: Mapping[str, Any] | None = None) -> str:
        """Say that somebody saw a screen of an app."""
        return self.track(*screen_event(distinct_id, name, properties))
