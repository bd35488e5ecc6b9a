"""What the client raises to its callers.

::

    ClientError
    ├── InvalidEventError      the event cannot be written as JSON; the caller's to mend
    ├── ClientClosedError      the client is not open
    ├── UndeliveredError       closed while events were still waiting for their ack
    ├── DiskQueueError         the disk queue cannot be opened, read or written
    └── GatewayRefusedError    the gateway ended the conversation for good (permanent)
        └── Unauthorized       it does not know the write key

A lost connection, a restarting gateway and an overloaded one are none of these: the client
reconnects by itself.
"""


class ClientError(Exception):
    """Base of everything that this package raises."""


class InvalidEventError(ClientError, ValueError):
    """An event cannot be written as JSON. ``code`` is the gateway's word for such an event."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ClientClosedError(ClientError):
    """The client was not opened, or is closed."""


class UndeliveredError(ClientError):
    """The client was closed with ``count`` events that the gateway has not acknowledged."""

    def __init__(self, count: int, why: str) -> None:
        super().__init__(f"{count} events were not acknowledged before the client closed: {why}")
        self.count = count
        self.why = why


class DiskQueueError(ClientError):
    """The disk queue cannot be opened, read or written; the event at hand was not taken."""


class GatewayRefusedError(ClientError):
    """The gateway ended the conversation and would do so again. ``code`` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Unauthorized(GatewayRefusedError):  # noqa: N818 - the name that callers know from HTTP
    """The write key is missing, unknown or revoked."""


def copy_of(error: ClientError) -> ClientError:
    """Make an equal error: one object raised in many tasks or threads would mix their tracebacks."""
    copy = type(error).__new__(type(error), *error.args)
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    return copy
