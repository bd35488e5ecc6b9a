"""Log records as events, for those that say something about the product."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Tracks(Protocol):
    """What the handler needs of a :class:`~smolhog_client.SyncClient`."""

    def track(self, event: str, distinct_id: str, properties: dict[str, Any], /) -> str:
        """Hand in one event."""
        ...


class SmolHogHandler(logging.Handler):
    """Tracks each record as an event, with what was given as ``extra`` among its properties.

    Args:
        client: that sends; its ``overflow`` should drop rather than block.
        event: the event's name; ``extra={"event": …}`` of a record comes first.
        distinct_id: whose events they are, if a record's ``extra`` has no ``distinct_id``.
        level: of the least important record to track.
        convert: makes a value of ``extra`` fit for JSON; by default text, numbers, booleans and ``None``
            stand as they are and all else becomes its ``repr``.
    """

    def __init__(
        self,
        client: Tracks,
        *,
        event: str = "log_record",
        distinct_id: str = "$log",
        level: int | str = logging.WARNING,
        convert: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(level)
        self._client = client
        self._event = event
        self._distinct_id = distinct_id
        self._convert = convert or _plain

    def emit(self, record: logging.LogRecord) -> None:
        """Track a record; what goes wrong is ``logging``'s to report."""
        if record.name.partition(".")[0] in ("smolhog_client", "websockets"):
            return  # What sending events says would become events without end.
        try:
            extra = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
            event = str(extra.pop("event", self._event))
            distinct_id = str(extra.pop("distinct_id", self._distinct_id))
            properties = {key: self._convert(value) for key, value in extra.items()}
            properties |= {
                "level": record.levelname,
                "logger": record.name,
                "message": record.getMessage(),
            }
            if record.exc_info and record.exc_info[0] is not None:
                properties["exception"] = record.exc_info[0].__name__
            self._client.track(event, distinct_id, properties)
        except Exception:  # noqa: BLE001 - a handler's contract: never raise into the program
            self.handleError(record)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)
