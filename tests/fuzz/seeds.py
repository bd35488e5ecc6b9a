"""Where fuzzing starts: the wire cases, and what was found by it before (``found/<target>/``)."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from schemas.envelope import LogEvent, SubBatch, encode_sub_batch, join_sub_batches
from tests.fuzz.targets import _NOW
from tests.ingest_gateway.wire_cases import vendor_bodies, wire_cases

FOUND = Path(__file__).parent / "found"
_SMALL = 20_000


def seeds(target: str) -> Iterator[bytes]:
    """Yield inputs of a target, small ones only."""
    yield from (file.read_bytes() for file in sorted((FOUND / target).glob("*")))
    frames = [case.frame for case in wire_cases() if len(case.frame) < _SMALL]
    match target:
        case "frame_json":
            yield from frames
        case "body_json":
            yield from (frame.replace(b'"type":"batch",', b"") for frame in frames)
        case "frame_packed" | "body_packed":
            yield from _packed(frames)
        case "first_sdk":
            for frame in frames:
                yield frame.replace(b'"event":', b'"event_name":').replace(b'"distinct_id":', b'"user_id":')
        case "posthog_body" | "posthog_v1_body" | "segment_body" | "mixpanel_body":
            vendor = target.partition("_")[0]
            yield from (body for body in vendor_bodies(vendor) if len(body) < _SMALL)
        case "properties":
            yield from (
                b"{}",
                b'{"a":1}',
                b'{"a":{"b":[1,"x",null,true]},"c":1e3}',
                b'{"a":"\\ud83d\\ude00"}',
            )
        case "envelope":
            event = LogEvent("i", "e", "d", _NOW, None, msgspec.Raw(b"{}"))
            yield join_sub_batches(
                [encode_sub_batch(SubBatch(1, _NOW, None, "ws.v1", None, None, None, [event]))]
            )
        case "compressed":
            plain = b'{"events":[]}' * 10
            yield from (
                b"\0" + gzip.compress(plain),
                b"\0" + gzip.compress(plain) * 3,
                b"\1" + zlib.compress(plain),
                b"\1" + zlib.compress(plain)[2:-4],
                b"\2" + zstandard.compress(plain),
                b"\3" + plain,
            )


def _packed(frames: list[bytes]) -> Iterator[bytes]:
    for frame in frames:
        try:
            yield msgspec.msgpack.encode(msgspec.json.decode(frame))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
            continue
