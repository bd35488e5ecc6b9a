"""Frames of SmolHog's wire protocol v1, as a client writes and reads them (JSON text)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

FRAME_OVERHEAD = 256
"""Bytes of a batch frame around its events, rounded up; a comma per event comes on top."""


class Limits(Struct, frozen=True):
    """What the gateway takes at once, of its ``welcome``. Limits that it alone checks are left out."""

    frame_bytes: int = 1024 * 1024
    batch_events: int = 1000


class Hello(Struct, tag="hello", tag_field="type"):
    """First frame: who we are."""

    key: str
    sdk: str


class Verdict(Struct):
    """What became of one event of a batch that is not simply durable."""

    index: int
    result: Literal["rejected", "retry"]
    code: str
    message: str


class Welcome(Struct, tag="welcome", tag_field="type"):
    """The key is good."""

    limits: Limits = Limits()


class Ack(Struct, tag="ack", tag_field="type"):
    """The batch's events are durable, but for those listed."""

    id: str
    results: list[Verdict] = []


class HttpAnswer(Struct):
    """Body of an answer over HTTP. ``code`` is empty in a good one."""

    code: str = ""
    message: str = ""
    results: list[Verdict] = []


class SlowDown(Struct, tag="slow_down", tag_field="type"):
    """The gateway is full: send nothing for a while."""

    retry_after_ms: int


class Pong(Struct, tag="pong", tag_field="type"):
    """Answers a ``ping`` frame. This client keeps alive by the WebSocket's own pings."""


class Error(Struct, tag="error", tag_field="type"):
    """Something is wrong with a frame or the connection."""

    code: str
    message: str
    fatal: bool
    id: str | None = None


ServerFrame = Welcome | Ack | SlowDown | Pong | Error

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_answer_decoder = msgspec.json.Decoder(HttpAnswer)


def encode_hello(key: str, sdk: str) -> bytes:
    """Write the first frame."""
    return _encode(Hello(key, sdk))


def encode_batch(batch_id: str, sent_at: datetime, events: Iterable[bytes]) -> bytes:
    """Write a batch of events that are already JSON: a frame, or a body for HTTP, which ignores ``type``.

    ``sent_at`` is this attempt's time.
    """
    head = b'{"type":"batch","id":"%b","sent_at":%b,"events":[' % (batch_id.encode(), _encode(sent_at))
    parts = list(events) or [b""]
    # Joined at once: a frame is large enough for its copies to count.
    parts[0] = head + parts[0]
    parts[-1] += b"]}"
    return b",".join(parts)


def decode_server_frame(data: bytes | str) -> ServerFrame:
    """Read a frame of the gateway.

    Raises:
        msgspec.MsgspecError: it is none that this version knows.
    """
    return _decoder.decode(data)


def decode_answer(data: bytes) -> HttpAnswer:
    """Read the body of an answer over HTTP.

    Raises:
        msgspec.MsgspecError: it is none of a gateway's, but of something in between.
    """
    return _answer_decoder.decode(data)
