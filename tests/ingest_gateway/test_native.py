"""The native decoder: every wire case, both paths, and frames made up at random."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest_gateway.batch import DecodedBatch
from ingest_gateway.errors import FrameError
from ingest_gateway.native import NativeDecoder
from schemas.envelope import REJECTED_PAYLOAD_BYTES, LogEvent
from schemas.limits import DEFAULT_LIMITS
from schemas.properties import Rejection, decode_properties
from schemas.reasons import RejectReason
from schemas.wire import Hello, Ping
from tests.ingest_gateway.wire_cases import WireCase, wire_cases
from tests.schemas.test_properties import raws

MADE_ID = "0190a6e0-7c1d-7000-8000-00000000feed"
ID = "0190a6e0-7c1d-7000-8000-0123456789ab"
DECODER = NativeDecoder(DEFAULT_LIMITS, lambda: MADE_ID)


def plain(event: LogEvent) -> dict[str, Any]:
    """Return an event as the cases write it, its time as an instant."""
    return {
        "event_id": None if event.event_id == MADE_ID else event.event_id,
        "event": event.event,
        "distinct_id": event.distinct_id,
        "timestamp": event.timestamp,
        "session_id": event.session_id,
        "properties": json.loads(bytes(event.properties)),
    }


def expected(event: dict[str, Any]) -> dict[str, Any]:
    """Return a case's event with its time as an instant."""
    time = event["timestamp"]
    return event | {"timestamp": None if time is None else datetime.fromisoformat(time)}


def check(case: WireCase, decoded: Any) -> None:
    """Compare a decoded batch with what its case says."""
    assert isinstance(decoded, DecodedBatch)
    verdicts = [
        {"index": v.index, "result": v.result, "code": v.code, "event_id": v.event_id}
        for v in decoded.verdicts
    ]
    assert verdicts == case.verdicts
    assert [plain(event) for event in decoded.events] == [expected(event) for event in case.events]
    assert [kept.reason.value for kept in decoded.rejected] == [v["code"] for v in case.verdicts]
    assert all(kept.payload for kept in decoded.rejected)


@pytest.mark.parametrize("case", wire_cases(), ids=lambda case: case.name)
def test_wire_case(case: WireCase) -> None:
    """A frame of the shared cases gets the verdicts and canonical events that its case states."""
    for decode in (DECODER.decode_frame, DECODER.decode_frame_exactly):
        if case.error is not None:
            with pytest.raises(FrameError) as caught:
                decode(case.frame)
            assert caught.value.code == case.error
        else:
            check(case, decode(case.frame))


def as_body(frame: bytes) -> bytes:
    """Turn a frame into the body of ``POST /v1/batch``: it has no type."""
    return frame.replace(b'"type":"batch",', b"", 1)


@pytest.mark.parametrize(
    "case", [case for case in wire_cases() if case.error is None], ids=lambda case: case.name
)
def test_wire_case_as_http_body(case: WireCase) -> None:
    """The same cases sent over HTTP get the same verdicts."""
    check(case, DECODER.decode_body(as_body(case.frame)))
    check(case, DECODER.decode_body_exactly(as_body(case.frame)))


def batch(*events: str) -> bytes:
    """Write a batch frame around events' texts."""
    return ('{"type":"batch","id":"b1","events":[' + ",".join(events) + "]}").encode()


NEIGHBOUR = '{"event":"neighbour","distinct_id":"n"}'


def test_nesting_of_100_000_levels_costs_only_its_event() -> None:
    """An event that nests 100,000 levels is refused, kept (cut), and its neighbours are stored."""
    deep = '{"event":"deep","distinct_id":"d","properties":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}"
    decoded = DECODER.decode_frame(batch(NEIGHBOUR, deep, NEIGHBOUR))
    assert isinstance(decoded, DecodedBatch)
    assert [event.event for event in decoded.events] == ["neighbour", "neighbour"]
    assert [(v.index, v.code) for v in decoded.verdicts] == [(1, "nested_too_deep")]
    assert len(decoded.rejected[0].payload) == REJECTED_PAYLOAD_BYTES


@pytest.mark.parametrize("opened", ["[", '{"a":', '[{"a":'])
def test_a_frame_that_only_opens_brackets_is_a_frame_error(opened: str) -> None:
    """Depth around the events fails the frame, not the process."""
    with pytest.raises(FrameError):
        DECODER.decode_frame((opened * 100_000).encode())
    with pytest.raises(FrameError):
        DECODER.decode_frame(('{"type":"batch","id":"b","x":' + opened * 100_000).encode())


def test_an_unfinished_string_full_of_escapes_is_read_in_linear_time() -> None:
    """A frame made to send a careless pattern into backtracking is refused like any other."""
    with pytest.raises(FrameError):
        DECODER.decode_frame(b'{"type":"batch","id":"b","events":["' + b"\\\\" * 250_000)


def test_events_behind_the_limit_are_refused_one_by_one() -> None:
    """The 1,001st event of a batch is refused and kept, the thousand before it are stored."""
    last = f'{{"event":"last","distinct_id":"l","event_id":"{ID}"}}'
    decoded = DECODER.decode_frame(batch(*[NEIGHBOUR] * 1000, last))
    assert isinstance(decoded, DecodedBatch)
    assert len(decoded.events) == 1000
    assert [(v.index, v.code, v.event_id) for v in decoded.verdicts] == [(1000, "batch_too_large", ID)]
    assert decoded.rejected[0].payload == last.encode()


def test_a_frame_error_knows_its_batch_where_it_can() -> None:
    """A bad ``sent_at`` refuses the batch by its id, so that the client can give it up."""
    with pytest.raises(FrameError) as caught:
        DECODER.decode_frame(b'{"type":"batch","id":"b7","sent_at":5,"events":[]}')
    assert (caught.value.code, caught.value.batch_id) == (RejectReason.INVALID_TIMESTAMP, "b7")


def test_bad_utf8_outside_of_events_fails_the_frame() -> None:
    """Bytes that are no text, where they cannot be laid at one event's door, fail the frame."""
    with pytest.raises(FrameError) as caught:
        DECODER.decode_frame(b'{"type":"batch","id":"\xff","events":[]}')
    assert caught.value.code is RejectReason.INVALID_UTF8


def test_hello_and_ping_pass_through() -> None:
    """Frames that hold no events are decoded as what they are."""
    assert DECODER.decode_frame(b'{"type":"ping"}') == Ping()
    assert DECODER.decode_frame(b'{"type":"hello","key":"k"}') == Hello(key="k")
    assert DECODER.decode_frame_exactly(b'{"type":"ping"}') == Ping()


@pytest.mark.parametrize(
    ("event", "options"),
    [
        ({"properties": {"a": "x", "b": 1.5, "c": None, "d": True}}, {"separators": (",", ":")}),
        ({"properties": {"a": "x"}}, {}),
        ({"properties": {"a": "caf\u00e9 \U0001f994"}}, {}),
        ({"properties": {"a": 'caf\u00e9 : "x"'}}, {"ensure_ascii": False}),
        ({"properties": {"a": "x"}}, {"indent": 2}),
        ({"session_id": None, "timestamp": None, "library": {"name": "js"}}, {}),
        ({"properties": {"cart": [{"sku": "x", "tags": ["new"]}]}}, {}),
        ({"timestamp": "2026-01-31T12:00:00Z", "session_id": "s", "event_id": ID}, {}),
    ],
    ids=["compact", "spaced", "escaped", "UTF-8", "indented", "null and unknown", "nested", "all fields"],
)
def test_what_sdks_send_takes_the_fast_path(
    event: dict[str, Any], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound events are proven so, however their JSON is written."""
    frame = json.dumps(
        {"type": "batch", "id": "b", "events": [{"event": "e", "distinct_id": "d"} | event] * 3}, **options
    )
    decoder = NativeDecoder(DEFAULT_LIMITS, lambda: MADE_ID)
    monkeypatch.setattr(decoder, "decode_frame_exactly", lambda _: pytest.fail("the exact path"))
    decoded = decoder.decode_frame(frame.encode())
    assert isinstance(decoded, DecodedBatch)
    assert len(decoded.events) == 3


# Frames at random: sound ones must take the fast path's word for it, and any other must meet the
# same judgement whichever way it goes.

_texts = st.text(max_size=12)
_names = st.text(min_size=1, max_size=12)
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts
)
_properties = st.dictionaries(
    _texts,
    st.recursive(
        _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3)
    ),
    max_size=4,
)
_times = st.datetimes(timezones=st.timezones()).map(lambda time: time.replace(fold=0).isoformat())
_events = st.fixed_dictionaries(
    {"event": _names, "distinct_id": _names},
    optional={
        "event_id": st.uuids().map(str) | st.none() | _texts,
        "timestamp": _times | st.none() | _texts,
        "session_id": _names | st.none(),
        "properties": _properties,
        "unknown": _scalars,
    },
)
_frames = st.builds(
    lambda events, compact, ascii_only: json.dumps(
        {"type": "batch", "id": "b", "events": events},
        separators=(",", ":") if compact else None,
        ensure_ascii=ascii_only,
    ).encode("utf-8", "surrogatepass"),
    st.lists(_events, max_size=4),
    st.booleans(),
    st.booleans(),
)


_PIECES = [
    *(b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\xff", b"\\u0000", b"\\ud800"),
    *(b"1e999", b"NaN", b"null", b"-", b"0", b'"a":1,', b'"a" :1,', b'"event":"x",', b"\x01"),
]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A frame with a few bytes replaced, doubled or cut out."""
    frame = bytearray(draw(_frames))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(frame)))
        piece = draw(st.sampled_from(_PIECES))
        frame[place : place + draw(st.integers(0, 4))] = piece
    return bytes(frame)


def judged(decode: Any, frame: bytes) -> Any:
    """Return everything a client could see of a frame's judgement."""
    try:
        decoded = decode(frame)
    except FrameError as error:
        return error.code
    if not isinstance(decoded, DecodedBatch):
        return decoded
    return (
        [(v.index, v.code, v.event_id) for v in decoded.verdicts],
        [plain(event) for event in decoded.events],
        [(kept.reason, kept.payload) for kept in decoded.rejected],
    )


@given(_frames)
@settings(max_examples=300, deadline=None)
def test_both_paths_judge_alike(frame: bytes) -> None:
    """The fast and the exact path give one frame the same verdicts and the same canonical events."""
    assert judged(DECODER.decode_frame, frame) == judged(DECODER.decode_frame_exactly, frame)


@given(raws())
@example(b'{"a":1e-20000}')
@example(b'{"id":"0190a6e0-7c1e-7000-8000-000000000000"}')
@example(b'{"a":0.' + b"0" * 5000 + b"1}")
@settings(max_examples=500, deadline=None)
def test_what_is_accepted_is_storable(raw: bytes) -> None:
    """The dataflow does not look again at what the gateway accepted, so no rule may be the dataflow's alone."""
    frame = b'{"type":"batch","id":"b","events":[{"event":"a","distinct_id":"u","properties":%b}]}' % raw
    for decode in (DECODER.decode_frame, DECODER.decode_frame_exactly):
        try:
            decoded = decode(frame)
        except FrameError:
            continue
        assert isinstance(decoded, DecodedBatch)
        for event in decoded.events:
            assert not isinstance(decode_properties(bytes(event.properties), DEFAULT_LIMITS), Rejection)


@given(_mutated())
@settings(max_examples=700, deadline=None)
def test_both_paths_judge_damaged_frames_alike(frame: bytes) -> None:
    """So they do with frames that were damaged, and neither raises anything but a frame error."""
    assert judged(DECODER.decode_frame, frame) == judged(DECODER.decode_frame_exactly, frame)


@given(st.lists(_events, max_size=4))
@settings(max_examples=200, deadline=None)
def test_messagepack_is_judged_like_the_json_that_says_the_same(events: list[dict[str, Any]]) -> None:
    """A batch gets the same verdicts and canonical events in either encoding."""
    frame = {"type": "batch", "id": "b", "events": events}
    try:
        packed = msgspec.msgpack.encode(frame)
    except (OverflowError, UnicodeEncodeError):
        return  # MessagePack has no integers beyond 64 bits, and no lone surrogates.
    in_json = judged(DECODER.decode_frame, json.dumps(frame).encode())
    in_packed = judged(lambda data: DECODER.decode_frame(data, packed=True), packed)
    assert in_packed[:2] == in_json[:2]


@given(st.lists(_events.filter(lambda event: "unknown" not in event), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_accepted_events_say_what_was_sent(events: list[dict[str, Any]]) -> None:
    """The standard library, reading the client's frame, finds the same fields as the log does."""
    frame = json.dumps({"type": "batch", "id": "b", "events": events})
    decoded = DECODER.decode_frame(frame.encode())
    assert isinstance(decoded, DecodedBatch)
    refused = {verdict.index for verdict in decoded.verdicts}
    sent = [event for index, event in enumerate(json.loads(frame)["events"]) if index not in refused]
    for stored, event in zip(decoded.events, sent, strict=True):
        assert stored.event == event["event"]
        assert stored.distinct_id == event["distinct_id"]
        assert stored.session_id == event.get("session_id")
        assert json.loads(bytes(stored.properties)) == event.get("properties", {})
        if event.get("event_id") is not None:
            assert UUID(stored.event_id) == UUID(event["event_id"])
