"""From a program's words to an event ready to be sent: its id, its time, the super properties."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from smolhog_client.errors import InvalidEventError
from smolhog_client.event import Event, encode_event
from smolhog_client.event_ids import EventIds
from smolhog_client.queued import QueuedEvent, Submission
from smolhog_client.results import RejectedEvent


class Packer:
    """Encodes events. Super properties may change from any thread; ids are made on one at a time.

    Args:
        event_ids: makes the ids of events that have none.
        now: the wall clock, with its zone.
        super_properties: stand in each tracked event that does not say otherwise.
    """

    def __init__(
        self,
        event_ids: Callable[[], str] | None,
        now: Callable[[], datetime],
        super_properties: Mapping[str, Any] | None = None,
    ) -> None:
        self._own_event_ids = event_ids
        self._event_ids = event_ids or EventIds()
        self._now = now
        # Replaced as a whole, never changed, so that readers on other threads need no lock.
        self._super_properties = dict(super_properties or {})

    def register(self, properties: Mapping[str, Any]) -> None:
        """Add super properties, or change them."""
        self._super_properties = {**self._super_properties, **properties}

    def unregister(self, name: str) -> None:
        """Take a super property away, if it is there."""
        self._super_properties = {key: value for key, value in self._super_properties.items() if key != name}

    def restart_ids(self) -> None:
        """Forget the last id, in a forked child: the parent goes on from there."""
        self._event_ids = self._own_event_ids or EventIds()

    def tracked(
        self,
        event: str,
        distinct_id: str,
        properties: Mapping[str, Any] | None,
        timestamp: datetime | None,
        event_id: str | None,
        session_id: str | None,
    ) -> QueuedEvent:
        """Build and encode one event.

        Raises:
            InvalidEventError: it has no JSON form.
        """
        if event_id is None:
            event_id = self._event_ids()
        if self._super_properties:
            properties = {**self._super_properties, **(properties or {})}
        elif properties is None:
            properties = {}
        elif type(properties) is not dict:
            properties = dict(properties)
        built = Event(event, distinct_id, properties, timestamp or self._now(), event_id, session_id)
        return QueuedEvent(event_id, encode_event(built))

    def prebuilt(
        self, events: Sequence[Event], submission: Submission
    ) -> tuple[list[QueuedEvent], list[RejectedEvent]]:
        """Encode a program's own events, as they are but for missing ids.

        Returns:
            Those to send, and a verdict for each that has no JSON form, already noted in ``submission``.
        """
        queued: list[QueuedEvent] = []
        unwritable: list[RejectedEvent] = []
        new_ids = iter(self._new_ids([event.event_id for event in events].count(None)))
        for index, event in enumerate(events):
            event_id = event.event_id
            if event_id is None:
                event_id = next(new_ids)
                # Never the caller's own.
                event = Event(  # noqa: PLW2901 - a copy with an id
                    event.event,
                    event.distinct_id,
                    event.properties,
                    event.timestamp,
                    event_id,
                    event.session_id,
                )
            try:
                queued.append(QueuedEvent(event_id, encode_event(event), submission, index))
            except InvalidEventError as error:
                unwritable.append(RejectedEvent(index, event_id, error.code, str(error)))
        submission.remaining -= len(unwritable)
        submission.rejected += unwritable
        return queued, unwritable

    def _new_ids(self, count: int) -> list[str]:
        make = self._event_ids
        if isinstance(make, EventIds):
            return make.many(count)
        return [make() for _ in range(count)]
