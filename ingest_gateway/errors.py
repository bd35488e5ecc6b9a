"""What can go wrong in the gateway.

::

    GatewayError
    └── PermanentGatewayError    the same bytes will be refused again
        ├── FrameError           a frame or body as a whole cannot be read
        ├── BodyError            an HTTP body that cannot be taken in: too big, or not decodable
        └── UnknownKeyError      a request without a write key that is known

Nothing here is retryable: an event log that is away and a full buffer are answers, not exceptions.

A bad *event* is none of these either: it is a verdict, and its neighbours are stored.
"""

from enum import StrEnum

from schemas.reasons import RejectReason


class Refusal(StrEnum):
    """Codes of whole frames and requests that have nothing to do with what an event says.

    Where the fault lies in what was sent, the code is a :class:`schemas.reasons.RejectReason`.
    """

    UNAUTHORISED = "unauthorised"
    """No write key, or one that is unknown or revoked."""

    ORIGIN_REFUSED = "origin_refused"
    """The write key is for other web origins than the one that the request came from."""

    PROTOCOL_ERROR = "protocol_error"
    """A frame that may not come here: no ``hello`` first, or a second one."""

    HELLO_TIMEOUT = "hello_timeout"
    """No ``hello`` in time."""

    FRAME_TOO_LARGE = "frame_too_large"
    """A frame, or a body once decompressed, over the limit."""

    UNSUPPORTED_ENCODING = "unsupported_encoding"
    """A ``Content-Encoding`` that the gateway does not know."""

    UNSUPPORTED_TYPE = "unsupported_type"
    """A ``Content-Type`` that the gateway does not know."""

    BAD_COMPRESSION = "bad_compression"
    """The body is not what its ``Content-Encoding`` says."""

    UNAVAILABLE = "unavailable"
    """The event log did not confirm: send the same events again."""

    OVERLOADED = "overloaded"
    """The gateway's buffer is full, or this client has had its share: send the same events again, later."""

    PAUSED = "paused"
    """The project takes no events for now: keep them and send them again later."""

    SHUTTING_DOWN = "shutting_down"
    """The gateway stops; connect again."""


PAUSED = "the project takes no events for now; keep them and send them later"
"""What clients of a paused project are told."""


class GatewayError(Exception):
    """Anything the gateway raises on purpose."""


class PermanentGatewayError(GatewayError):
    """Sending the same bytes again changes nothing."""


class FrameError(PermanentGatewayError):
    """A frame that cannot be read as a whole; no event of it can be told from another.

    Attributes:
        code: what names it to the client, in the metric and in what is kept of it.
        message: one sentence for people.
        batch_id: the batch, where so much could be read.
    """

    def __init__(self, code: RejectReason, message: str, batch_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.batch_id = batch_id


class BodyError(PermanentGatewayError):
    """An HTTP body that is too big, or not in an encoding or type that the gateway reads.

    Attributes:
        status: of the answer: 400, 413 or 415.
        code: what names it to the client and in the metric.
        message: one sentence for people.
    """

    def __init__(self, status: int, code: Refusal, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class UnknownKeyError(PermanentGatewayError):
    """A vendor's request names no write key that is known, or more than one."""
