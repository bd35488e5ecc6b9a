"""What is read and judged at once is what reading and judging event by event makes of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_gateway.errors import FrameError
from ingest_gateway.vendors import judging
from ingest_gateway.vendors.opened import Native
from ingest_gateway.vendors.reading import Reading, read_events, read_events_exactly
from ingest_gateway.vendors.sound import encode_sound, has_sound_fields
from ingest_gateway.vendors.whole import read_whole
from schemas.envelope import LogEvent
from schemas.limits import Limits
from schemas.properties import Rejection, check_properties
from tests.schemas.test_properties import raws

LIMITS = Limits(event_bytes=2_000, nesting=4, properties=6)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

_bodies = st.one_of(
    st.lists(raws()).map(lambda events: b"[" + b",".join(events) + b"]"),
    st.lists(raws()).map(
        lambda events: b'{"api_key":"k","batch": [' + b" , ".join(events) + b'],"a":{"b":1}}'
    ),
    st.tuples(raws(), raws()).map(lambda pair: b'{"batch":%b,"batch":[%b]}' % pair),
    raws(),
)


def exactly(data: bytes) -> Reading | str:
    """Read a body event by event; one that cannot be read is its reason."""
    try:
        return read_events_exactly(data, "batch")
    except FrameError as error:
        return str(error.code)


@given(_bodies)
@example(b' {"batch": [ {"a": "\\u00e9 \xc5\xbc"} , {} ], "b" : 1} \n')
@example(b'{"batch":[{"a":1,"a":"\\u0022:"}]}')
@example(b'{"batch":[{"a":1,"a":"\\u003a"}]}')
@example(b'{"batch":[{"a":1,"a" :1,"b":":"}]}')
@example(b'{"batch":[{"a\\\\":1,"a\\\\":"\\":"}]}')
@example(b'{"batch":[{"a":{"b":1},"a":2}]}')
@example(b'{"batch":[{"a":"\\ud83d\\udc17"},{"a":"\\ud83d"}]}')
@example(b'{"batch":[{"a":123456789012345678901234567890}]}')
@example(b'{"batch":[{},1]}')
@example(b'{"batch":[{"a":"\xff"}]}')
@example(b'{"batch":{"a":[]}}')
@example(b"[]")
@example(b"[NaN]")
@example(b'[{"a":1e400}]')
def test_a_body_read_at_once_is_what_it_is_event_by_event(data: bytes) -> None:
    """Same head, same events, same texts; and no event in it is one that would have been refused."""
    whole = read_whole(data, "batch")
    if whole is not None:
        read = read_events(data, "batch")
        assert repr(read) == repr(exactly(data))
        assert [item.value for item in read.items] == whole.events
        assert not any(isinstance(item.value, Rejection) for item in read.items)


@pytest.mark.parametrize(
    "odd",
    [
        b'"a":1,"a":2',
        b'"a" :1,"a" :2',
        b'"a":1,"a":"\\u0022:"',
        b'"a":"\\u0000"',
        b'"a":"\\udc00"',
        b'"a":"\xff"',
        b'"a":1e400',
        b'"a":NaN',
        b'"a":',
    ],
)
def test_what_is_odd_is_read_event_by_event(odd: bytes) -> None:
    """One look at the whole leaves it to the exact rules."""
    assert read_whole(b'{"batch":[{"event":"e"},{"event":"e",%b}]}' % odd, "batch") is None


def test_what_sdks_send_is_read_at_once() -> None:
    """Neither the JSON of Python's SDKs, nor quotes and emoji in strings, make a request a slow one."""
    event = {"event": "e", "properties": {"text": 'żółw 🐗 "x": {"a":":"}', "n": 1.5, "$groups": {"c": "a"}}}
    body = {"api_key": "k", "batch": [event, event], "sentAt": "2026-01-31T12:00:00Z"}
    for text in (json.dumps(body), json.dumps(body, ensure_ascii=False, separators=(",", ":"))):
        whole = read_whole(text.encode(), "batch")
        assert whole is not None
        assert whole.events == [event, event]
        assert whole.head == body | {"batch": []}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (b"\xed\xa0\xbd\xed\xb0\x97", "🐗"),
        (b"x\xed\xa0\xbdx", "x\ufffdx"),
        (b"\xed\xb0\x97\xed\xa0\xbd", "\ufffd\ufffd"),
        ("한국어 🐗".encode(), "한국어 🐗"),
    ],
)
def test_halves_of_an_emoji_that_an_sdk_encoded_each_by_itself_are_joined(sent: bytes, meant: str) -> None:
    """Mixpanel's SDK for browsers writes them so; one without the other is U+FFFD."""
    (item,) = read_events(b'[{"text":"%b"}]' % sent, "batch").items
    assert item.value == {"text": meant}


_text = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["x" * 200, "x" * 201, "\0", "\ud800", "\\u0000"]
)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | _text
    | st.sampled_from([2**63, 2**64, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_properties = st.dictionaries(_text, _values, max_size=8)


@given(_properties)
@example({"a": [[[1]]]})
@example({"a": [[[[1]]]]})
@example({"a": float("nan")})
@example({"a": 10**400})
@example({"a": "x" * 3_000})
def test_properties_that_are_proved_sound_are(properties: dict[str, Any]) -> None:
    """Whatever the exact rules refuse is left to them, and what is written is the same."""
    encoded = encode_sound(properties, LIMITS)
    if encoded is not None:
        assert check_properties(properties, LIMITS) is None
        assert json.loads(encoded) == properties


_natives = st.builds(
    Native,
    event=_text | st.none() | st.integers(),
    distinct_id=_text,
    properties=_properties,
    timestamp=st.none() | st.datetimes(min_value=datetime(1950, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as hypothesis wants it
    event_id=st.none() | _text | st.uuids().map(str),
    session_id=st.none() | _text.filter(bool),
)


@given(_natives)
def test_an_event_is_judged_the_same_both_ways(native: Native) -> None:
    """With and without the proofs, the same event or the same reason comes out."""

    def judged() -> LogEvent | Rejection:
        try:
            return judging.judge_native(native, "s", 1, LIMITS, lambda: "new")
        except UnicodeEncodeError:
            return Rejection  # type: ignore[return-value]

    proved = judged()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "encode_sound", lambda *_: None)
        patch.setattr(judging, "has_sound_fields", lambda *_: False)
        assert judged() == proved


def test_an_ordinary_event_is_proved_sound() -> None:
    """Neither groups nor unusual letters in values need the exact rules."""
    properties = {"plan": "żółw", "$groups": {"company": "acme"}, "n": [1, 2.5, None, True]}
    assert has_sound_fields(Native("signup", "ada", properties, NOW, None, "s-1"))
    assert encode_sound(properties, Limits()) is not None
