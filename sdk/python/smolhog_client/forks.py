"""Which clients a forked child must not share with its parent, and which are flushed at exit."""

import atexit
import logging
import os
import weakref
from typing import Protocol

from smolhog_client.errors import ClientError

_log = logging.getLogger("smolhog_client")


class Process(Protocol):
    """A client that has a thread."""

    def close(self) -> None:
        """Flush and close."""

    def leave_to_parent(self) -> None:
        """Begin anew in a forked child."""


_clients: "weakref.WeakSet[Process]" = weakref.WeakSet()


def watch(client: Process) -> None:
    """Look after a client at fork and at exit."""
    _clients.add(client)


def _begin_anew() -> None:
    for client in list(_clients):
        client.leave_to_parent()


def _close_all() -> None:
    for client in list(_clients):
        try:
            client.close()
        except ClientError as error:
            _log.warning("smolhog: at exit: %s", error)


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(_close_all)
