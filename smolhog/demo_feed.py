"""Reads the demo's figures from the query API, as a dashboard would."""

import asyncio
from typing import Any

from smolhog.demo_state import LAST_EVENTS, TOP_EVENTS, DemoState, SeenEvent
from smolhog.probes import http_get
from smolhog.settings import Settings

_DETAILS = ("$current_url", "plan", "amount", "product", "$referrer")


class DemoFeed:
    """Keeps a :class:`DemoState` up to date.

    Args:
        settings: where the query API is.
        read_key: of the demo's project.
        state: what to update.
    """

    def __init__(self, settings: Settings, read_key: str, state: DemoState) -> None:
        self._host = settings.query_host
        self._port = settings.query_port
        self._headers = {"Authorization": f"Bearer {read_key}"}
        self._state = state

    async def refresh(self) -> None:
        """Read the figures once. What goes wrong is shown, and the figures stay as they were."""
        try:
            stats = await self._get("/analytics/stats")
            events = await self._get(f"/analytics/events?limit={LAST_EVENTS}")
        except (OSError, ValueError) as error:
            self._state.trouble = f"The query API does not answer: {error}"
            return
        total = int(stats["total_events"])
        if self._state.stored_before is None:
            self._state.stored_before = total
        self._state.stored = total - self._state.stored_before
        self._state.top = [(top["event"], int(top["count"])) for top in stats["top_events"][:TOP_EVENTS]]
        self._state.last = [_seen(event) for event in events["events"]]
        self._state.trouble = ""

    async def _get(self, path: str) -> Any:
        answer = await asyncio.to_thread(http_get, self._host, self._port, path, self._headers)
        if answer.status != 200:
            raise ValueError(f"status {answer.status}, {answer.body[:200].decode('utf-8', 'replace')}")
        return answer.json()


def _seen(event: dict[str, Any]) -> SeenEvent:
    properties = event["properties"]
    detail = next((str(properties[name]) for name in _DETAILS if name in properties), "")
    time = str(event["timestamp"]).partition("T")[2][:8]
    return SeenEvent(time, str(event["event_name"]), str(event["user_id"])[:20], detail[:48])
