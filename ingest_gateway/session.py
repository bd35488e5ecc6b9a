"""A WebSocket session as pure state: frames in, actions out. No I/O and no clock.

::

    NEW ──hello, good key──> OPEN ──error, revoked key──> CLOSED
     └──anything else, or a bad key──────────────────────────^

`ingest_gateway.stream` does what the actions say, in their order.

Close codes: 1000 the client's own; 1007 text that is not UTF-8 and 1009 a message beyond what the
server reads (both from the WebSocket layer, 1009 here too); 1012 the gateway stops; 1013 too many
connections of this key, or its project is paused: come back later; 4400 a frame that is not of the protocol; 4401 no good key; 4403
a key for other web origins; 4408 no hello in time.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

import msgspec

from ingest_gateway.batch import DecodedBatch, kept_frame
from ingest_gateway.errors import PAUSED, FrameError, Refusal
from ingest_gateway.native import NativeDecoder
from projects.keys import Key
from schemas.limits import Limits
from schemas.reasons import RejectReason
from schemas.wire import Ack, Error, Hello, Ping, Pong, ServerFrame, SlowDown, Verdict, Welcome
from smolhog.logs import redacted


class CloseCode(IntEnum):
    """Why the gateway closed a connection."""

    TOO_BIG = 1009
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    PROTOCOL_ERROR = 4400
    UNAUTHORISED = 4401
    ORIGIN_REFUSED = 4403
    HELLO_TIMEOUT = 4408


class State(Enum):
    """Where a session stands."""

    NEW = auto()
    OPEN = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Authorise:
    """Look this write key up and tell :meth:`Session.admit`."""

    secret: str | None


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message: text, or bytes where the client asked for MessagePack."""

    message: str | bytes


@dataclass(frozen=True, slots=True)
class Store:
    """Submit this batch, and answer when it is durable: with ``error``, or by an ack."""

    batch: DecodedBatch
    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Answer what is under way, then close."""

    code: CloseCode
    reason: str


Action = Authorise | Send | Store | Close

_LONGEST_SDK = 100
"""Characters of an SDK's name that get into the log."""

_encode_json = msgspec.json.Encoder().encode
_encode_packed = msgspec.msgpack.Encoder().encode


class Session:
    """One client's connection.

    Args:
        decoder: of the native protocol.
        limits: what ``welcome`` tells.
        header_secret: the write key from the ``Authorization`` header, if it was there; it wins over one
            in ``hello``.
    """

    def __init__(self, decoder: NativeDecoder, limits: Limits, header_secret: str | None) -> None:
        self._decoder = decoder
        self._limits = limits
        self._header_secret = header_secret
        self._encoding = "json"
        self.state = State.NEW
        self.sdk: str | None = None
        """Name and version of the client's SDK, as ``hello`` gave it."""

    def receive(self, message: str | bytes) -> list[Action]:
        """Take one message from the client."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.NEW:
            return self._receive_hello(message)
        packed = self._encoding == "msgpack"
        if isinstance(message, bytes) is not packed:
            wanted = "binary messages, as hello asked for msgpack" if packed else "text messages"
            return self._fail(Refusal.PROTOCOL_ERROR, f"this session takes {wanted}")
        return self._receive_frame(message.encode() if isinstance(message, str) else message, packed=packed)

    def _receive_hello(self, message: str | bytes) -> list[Action]:
        if isinstance(message, bytes):
            return self._fail(Refusal.PROTOCOL_ERROR, "the first frame must be hello, as a text message")
        try:
            # Nobody is known yet: what came is not judged any further and not kept.
            hello = msgspec.json.decode(message, type=Hello)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            # The decoder quotes what it does not understand, and that may be a key in the wrong place.
            return self._fail(
                Refusal.PROTOCOL_ERROR, f"the first frame must be hello: {redacted(str(error))}"
            )
        self._encoding = hello.encoding
        self.sdk = hello.sdk[:_LONGEST_SDK] if hello.sdk is not None else None
        return [Authorise(self._header_secret if self._header_secret is not None else hello.key)]

    def _receive_frame(self, data: bytes, *, packed: bool) -> list[Action]:
        if len(data) > self._limits.frame_bytes:
            message = f"a frame may have {self._limits.frame_bytes} bytes; this one has {len(data)}"
            refused = FrameError(RejectReason.BATCH_TOO_LARGE, message)
            error = Error(Refusal.FRAME_TOO_LARGE.value, message, fatal=True)
            return self._keep_and_close(data, refused, error, CloseCode.TOO_BIG)
        try:
            frame = self._decoder.decode_frame(data, packed=packed)
        except FrameError as refused:
            # With its batch known, the client can give that batch up and go on.
            fatal = refused.batch_id is None
            error = Error(refused.code.value, refused.message, fatal=fatal, id=refused.batch_id)
            if not fatal:
                return [Store(kept_frame(data, refused), error)]
            return self._keep_and_close(data, refused, error, CloseCode.PROTOCOL_ERROR)
        if isinstance(frame, DecodedBatch):
            return [Store(frame)]
        if isinstance(frame, Ping):
            return [self.say(Pong())]
        return self._fail(Refusal.PROTOCOL_ERROR, "hello may come only once")

    def admit(self, key: Key | None) -> list[Action]:
        """Open the session, or refuse it, by what the key ring knows of the client's key."""
        if key is None:
            return self._fail(
                Refusal.UNAUTHORISED, "no such write key, or it was revoked", CloseCode.UNAUTHORISED
            )
        self.state = State.OPEN
        return [self.say(Welcome(self._limits))]

    def refuse_origin(self) -> list[Action]:
        """Refuse a page that the client's key is not for."""
        message = "this write key is for pages of other origins; `smolhog keys list` shows them"
        return self._fail(Refusal.ORIGIN_REFUSED, message, CloseCode.ORIGIN_REFUSED)

    def refuse_for_now(self) -> list[Action]:
        """Refuse one more connection of a key that has all that it may have."""
        message = "this write key has too many connections open; come back later"
        return self._fail(Refusal.OVERLOADED, message, CloseCode.TRY_AGAIN_LATER)

    def pause(self) -> list[Action]:
        """Refuse or end a session whose project takes no events for now."""
        return self._fail(Refusal.PAUSED, PAUSED, CloseCode.TRY_AGAIN_LATER)

    def revoke(self) -> list[Action]:
        """End a session whose key is no longer live."""
        return self._fail(Refusal.UNAUTHORISED, "the write key was revoked", CloseCode.UNAUTHORISED)

    def hello_is_late(self) -> list[Action]:
        """End a session that never said hello."""
        return self._fail(Refusal.HELLO_TIMEOUT, "no hello came in time", CloseCode.HELLO_TIMEOUT)

    def stop(self) -> list[Action]:
        """End the session because the gateway stops."""
        return self._fail(Refusal.SHUTTING_DOWN, "the gateway stops; connect again", CloseCode.RESTART)

    def ack(self, batch_id: str, accepted: int, results: list[Verdict]) -> Send:
        """Acknowledge a batch whose events are durable but for those in ``results``."""
        return self.say(Ack(batch_id, accepted, results or msgspec.UNSET))

    def slow_down(self, retry_after_ms: int) -> Send:
        """Ask the client to wait."""
        return self.say(SlowDown(retry_after_ms))

    def say(self, frame: ServerFrame) -> Send:
        """Encode a frame as the client asked for."""
        return Send(_encode_packed(frame) if self._encoding == "msgpack" else _encode_json(frame).decode())

    def _keep_and_close(
        self, data: bytes, refused: FrameError, error: Error, code: CloseCode
    ) -> list[Action]:
        self.state = State.CLOSED
        return [Store(kept_frame(data, refused), error), Close(code, error.code)]

    def _fail(self, code: Refusal, message: str, close: CloseCode = CloseCode.PROTOCOL_ERROR) -> list[Action]:
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        return [self.say(Error(code.value, message, fatal=True)), Close(close, code.value)]
