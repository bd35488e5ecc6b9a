"""Messages of the event log: what goes in comes out, and what is damaged is said to be."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw, json

from schemas.envelope import (
    ENVELOPE_VERSION,
    EnvelopeError,
    LogEvent,
    Origin,
    RejectedEvent,
    SubBatch,
    decode_message,
    encode_event,
    encode_sub_batch,
    join_sub_batches,
    partition_of,
)
from schemas.reasons import RejectReason

_text = st.text(st.characters(codec="utf-8"))
_optional_text = st.none() | _text
_zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_times = st.datetimes(timezones=st.just(UTC) | _zones)
_properties = st.dictionaries(_text, _text).map(lambda value: Raw(json.encode(value)))
_events = st.builds(
    LogEvent, st.uuids().map(str), _text, _text, st.none() | _times, _optional_text, _properties
)
_rejected = st.builds(RejectedEvent, st.sampled_from(RejectReason), _text, st.binary(), _optional_text)
_batches = st.builds(
    SubBatch,
    st.integers(0, 2**31 - 1),
    st.datetimes(timezones=st.just(UTC)),
    st.none() | _times,
    _text,
    _optional_text,
    _optional_text,
    _optional_text,
    st.lists(_events, max_size=3),
    st.lists(_rejected, max_size=2),
)


@given(st.lists(_batches, max_size=3))
def test_message_comes_out_as_it_went_in(batches: list[SubBatch]) -> None:
    """Sub-batches that are encoded apart and joined decode as the same, properties byte for byte."""
    message = decode_message(join_sub_batches(map(encode_sub_batch, batches)))
    assert message.batches == batches


def test_messages_without_the_newest_fields_are_read() -> None:
    """What an older gateway left in the log counts as not checked."""
    event = '["0190a6e0-7c1d-7000-8000-000000000000","view","u",null,null,{"a":1}]'
    body = f'[1,[[1,"2026-01-01T00:00:00Z",null,"ws.v1",null,null,null,[{event}],[]]]]'
    (batch,) = decode_message(body.encode()).batches
    assert (batch.checked, len(batch.events)) == (0, 1)


def test_fields_added_later_do_not_disturb() -> None:
    """A message of a newer writer, with one more field at the end of each struct, is read."""
    event = '["0190a6e0-7c1d-7000-8000-000000000000","view","u",null,null,{"a":1},"new"]'
    body = f'[1,[[1,"2026-01-01T00:00:00Z",null,"ws.v1",null,null,null,[{event}],[],2,"new"]],[],null,"new"]'
    (batch,) = decode_message(body.encode()).batches
    assert batch.events[0].event == "view"
    assert bytes(batch.events[0].properties) == b'{"a":1}'


def test_a_message_of_a_flow_says_what_it_was_made_of() -> None:
    """One of the gateway does not."""
    origin = Origin("masked.1.out/7", "0", 41)
    assert decode_message(join_sub_batches([], origin)).origin == origin
    assert decode_message(join_sub_batches([])).origin is None


_HEADER = b'"2026-01-01T00:00:00Z",null,"ws.v1",null,null,null'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[1,[", id="cut"),
        pytest.param(b"{}", id="not an array"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(
            b'[1,[[1,"2026-01-01T00:00:00",null,"ws.v1",null,null,null,[]]]]', id="time without zone"
        ),
        pytest.param(b'[1,[[1,"yesterday",null,"ws.v1",null,null,null,[]]]]', id="no time"),
        pytest.param(b"[1,[[-1," + _HEADER + b",[]]]]", id="negative project"),
        pytest.param(b"[1,[[4294967296," + _HEADER + b",[]]]]", id="project beyond an integer"),
        pytest.param(b"[1,[[1," + _HEADER + b',[["i","\xff","u",null,null,{}]]]]]', id="name is not UTF-8"),
        pytest.param(b"[1,[[1," + _HEADER + rb',[["i","\ud800","u",null,null,{}]]]]]', id="half a surrogate"),
        pytest.param(b"[1,[[1," + _HEADER + b',[],[["no_such_reason","","",null]]]]]', id="unknown reason"),
    ],
)
def test_damaged_message_is_an_envelope_error(body: bytes) -> None:
    """Whatever is wrong with a message, there is one error for it."""
    with pytest.raises(EnvelopeError):
        decode_message(body)


@given(st.binary())
@example(b'[1,[["\xc3"]]]')
def test_any_bytes_are_a_message_or_an_envelope_error(body: bytes) -> None:
    """No other error comes out."""
    message = None
    with contextlib.suppress(EnvelopeError):
        message = decode_message(body)
    assert message is None or message.version == ENVELOPE_VERSION


def test_other_version_is_told_by_its_number() -> None:
    """A message of a version that is to come is refused by name."""
    with pytest.raises(EnvelopeError, match="version 2"):
        decode_message(b"[2,[]]")


def test_event_by_itself_is_what_a_client_would_send() -> None:
    """The payload of a rejected event has names, and nothing that was not given."""
    event = LogEvent("id", "view", "u", datetime(2026, 1, 1, tzinfo=UTC), None, Raw(b'{ "a": 1 }'))
    assert encode_event(event) == (
        b'{"event_id":"id","event":"view","distinct_id":"u","timestamp":"2026-01-01T00:00:00Z",'
        b'"properties":{ "a": 1 }}'
    )


@pytest.mark.parametrize(
    ("project_id", "distinct_id", "partitions", "partition"),
    [(1, "user_1", 4, 1), (1, "user_2", 4, 3), (2, "user_1", 4, 3), (1, "Ünï😀", 64, 35), (1, "", 8, 1)],
)
def test_partition_of_a_user_never_changes(
    project_id: int, distinct_id: str, partitions: int, partition: int
) -> None:
    """Known values are pinned: another hash would tear users apart in every log there is."""
    assert partition_of(project_id, distinct_id, partitions) == partition


def test_users_spread_over_partitions() -> None:
    """Ids that people use fill all partitions about evenly."""
    counts = [0] * 8
    for number in range(8000):
        counts[partition_of(1, f"user_{number}", 8)] += 1
    assert min(counts) > 800
    assert max(counts) < 1200
