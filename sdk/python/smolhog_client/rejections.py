"""Telling the program of events that will not be stored."""

import logging
from collections.abc import Callable, Sequence

from smolhog_client.results import RejectedEvent

_log = logging.getLogger("smolhog_client")


class Rejections:
    """Calls the program's callback, or writes one line a batch where it has none."""

    def __init__(self, on_rejected: Callable[[RejectedEvent], None] | None) -> None:
        self._on_rejected = on_rejected

    def report(self, rejected: Sequence[RejectedEvent]) -> None:
        """Tell of at least one event."""
        if self._on_rejected is None:
            _log.warning("smolhog: %d events rejected, the first: %s", len(rejected), rejected[0].message)
            return
        for event in rejected:
            try:
                self._on_rejected(event)
            except Exception:  # noqa: BLE001 - logged whole; it is the program's, and anything
                # A program's callback must not end the delivery of everything else.
                _log.exception("smolhog: on_rejected failed")
