"""The rules for properties, held to the standard library's JSON and to a real PostgreSQL."""

import json
import math
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.properties import Rejection, decode_properties, encode_properties
from schemas.reasons import RejectReason
from tests.fixtures_postgres import PostgresServer

SMALL = Limits(event_bytes=400, name_length=6, nesting=3, properties=4)


class _Refused(Exception):  # noqa: N818 - names the fact
    pass


def accepts(raw: bytes, limits: Limits) -> bool:
    """Whether properties may be stored: the rules once more, in the order of a reader, not of the wire."""
    try:
        found = json.loads(
            raw.decode(),
            object_pairs_hook=_object,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_constant,
        )
        return len(raw) <= limits.event_bytes and isinstance(found, dict) and _fits(found, limits)
    except (ValueError, RecursionError, _Refused):
        return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Refused
    return dict(pairs)


def _number(literal: str) -> float:
    mantissa, _, exponent = literal.lower().partition("e")
    value = float(literal)
    if math.isinf(value) or len(mantissa) >= 4000 or len(exponent) > 20 or abs(int(exponent or 0)) > 1000:
        raise _Refused
    return value


def _constant(name: str) -> float:
    raise _Refused(name)


def _fits(properties: dict[str, Any], limits: Limits) -> bool:
    names = properties.keys()
    few = len(names) <= limits.properties and all(len(name) <= limits.name_length for name in names)
    return few and _depth(properties) <= limits.nesting and all(map(_storable, _strings(properties)))


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


_literals = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,4})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,5})?", fullmatch=True),
    st.sampled_from(["0e9999999999", "0.0E+131073", "1e308", "1e309", "-1E-999", "1e-1001", "1e-20000"]),
    st.integers(300, 320).map(lambda digits: "9" * digits),
    st.sampled_from(["01", "1.", ".5", "+1", "NaN", "-Infinity", "0x1", "-"]),
)
_texts = st.one_of(
    st.tuples(st.text(max_size=8), st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1])),
    st.sampled_from(
        [r'"\u0000"', r'"\ud800"', r'"\udc00x"', r'"\ud83d\ude00"', '"0a1e-7000"', '":"', r'"\""']
    ),
    st.sampled_from(['"a": "', '"\\x"', '"\t"', '"\x7f"']),
)
_space = st.sampled_from(["", "", "", " ", "\n", "\t "])
_keys = st.one_of(st.sampled_from(['"a"', '"b"', r'"\u0061"', '""', '"a name"', '"a\\u0000"']), _texts)


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(_space, _keys, _space, inner).map(lambda p: f"{p[0]}{p[1]}{p[2]}:{p[0]}{p[3]}{p[2]}")
    return st.one_of(
        st.lists(pair, max_size=6).map(lambda pairs: "{" + ",".join(pairs) + "}"),
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
    )


_documents = st.recursive(
    st.one_of(_literals, _texts, st.sampled_from(["true", "false", "null"])), _containers, max_leaves=12
)


@st.composite
def raws(draw: st.DrawFn) -> bytes:
    """JSON texts, most of them objects, some of them damaged."""
    flat = st.lists(st.tuples(_keys, _documents), max_size=6).map(
        lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
    )
    raw = draw(st.one_of(flat, flat, _documents)).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.binary(max_size=2)) + raw[at + draw(st.integers(0, 1)) :]
    return raw


@example(b'{"id":"0190a6e0-7c1e-7000-8000-000000000000"}', DEFAULT_LIMITS)
@example(b'{"a":"' + b"7" * 4500 + b'"}', DEFAULT_LIMITS)
@example(b'{"a":"1e-9999"}', DEFAULT_LIMITS)
@example(b'{"a":0e9999999999}', DEFAULT_LIMITS)
@example(b'{"a":0E-9999999999}', DEFAULT_LIMITS)
@example(b'{"a":0.' + b"1" * 20_000 + b"}", DEFAULT_LIMITS)
@example(b'{"a":' + b"1" * 20_000 + b"}", DEFAULT_LIMITS)
@example(b'{"a":' + b"1" * 5000 + b',"a":1}', DEFAULT_LIMITS)
@example(b'{"a":' + b"[" * 980 + b"]" * 980 + b',"a":1}', DEFAULT_LIMITS)
@example(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", Limits(event_bytes=10**6))
@example(b'{"a":' + b"[" * 7 + b"]" * 7 + b"}", DEFAULT_LIMITS)
@example(b'{"a":' + b"[" * 8 + b"]" * 8 + b"}", DEFAULT_LIMITS)
@example(b'{"a":{"b":1,"b":2}}', DEFAULT_LIMITS)
@example(rb'{"a":1,"\u0061":2}', DEFAULT_LIMITS)
@example(b'{"a" :1,"b":":","a" :1}', DEFAULT_LIMITS)
@example(rb'{"\ud800":1,"\ud800":2}', DEFAULT_LIMITS)
@example(b'{"a":1,"b":2,"c":3,"d":4,"e":5}', SMALL)
@example(b"\xef\xbb\xbf{}", DEFAULT_LIMITS)
@example(b"", DEFAULT_LIMITS)
@given(raws(), st.sampled_from([DEFAULT_LIMITS, SMALL]))
def test_verdict_is_that_of_the_standard_library(raw: bytes, limits: Limits) -> None:
    """The quick scans and the exact checks together accept exactly what the rules allow."""
    found = decode_properties(raw, limits)
    assert isinstance(found, dict) == accepts(raw, limits), found
    if isinstance(found, dict):
        assert found == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[1]", RejectReason.MALFORMED),
        (b"null", RejectReason.MALFORMED),
        (b'{"a":NaN}', RejectReason.MALFORMED),
        (b'{"\xff":1}', RejectReason.INVALID_UTF8),
        (rb'{"a":["\u0000"]}', RejectReason.NUL_CHARACTER),
        (b'{"a":1e400}', RejectReason.NUMBER_OUT_OF_RANGE),
        (b'{"a":1e-20000}', RejectReason.NUMBER_OUT_OF_RANGE),
        (b'{"a":1,"b":[{"c":1,"c":1}]}', RejectReason.DUPLICATE_KEY),
        (b'{"a":' + b"[" * 8 + b"]" * 8 + b"}", RejectReason.NESTED_TOO_DEEP),
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", RejectReason.NESTED_TOO_DEEP),
        (b'{"' + b"n" * 201 + b'":1}', RejectReason.NAME_TOO_LONG),
        (json.dumps(dict.fromkeys(map(str, range(513)))).encode(), RejectReason.TOO_MANY_PROPERTIES),
        (b'{"a":"' + b"x" * 40_000 + b'"}', RejectReason.EVENT_TOO_LARGE),
    ],
)
def test_refusal_names_its_reason(raw: bytes, reason: RejectReason) -> None:
    """Each rule has its code, and a sentence that can be shown as it is."""
    found = decode_properties(raw, DEFAULT_LIMITS)
    assert isinstance(found, Rejection)
    assert found.reason is reason
    assert found.message.encode()


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))))
def test_encoding_is_undone_by_decoding(properties: dict[str, str]) -> None:
    """What is encoded here reads as the same object anywhere."""
    assert json.loads(encode_properties(properties)) == properties


@pytest.fixture(scope="module")
def connection(postgres_server: PostgresServer) -> Iterator[psycopg.Connection]:
    """A connection whose database nobody else uses."""
    with postgres_server.database() as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _floats(value: Any) -> Any:
    """PostgreSQL keeps numbers as written; compare them as the doubles that they are."""
    return json.loads(json.dumps(value), parse_int=float)


@example(b'{"a":0e-1000}')
@example(b'{"a":0e1000}')
@example(b'{"a":1e-1000}')
@example(b'{"a":0.' + b"1" * 3997 + b"e-1000}")
@example(b'{"a":1e-999,"b":1.7976931348623157e308}')
@example(b'{"a":"\x7f\xe2\x80\xa8\xf0\x9f\x98\x80"}')
@example(rb'{"a":"\ud83d\ude00\u0001\\u0000"}')
@given(raws())
def test_postgres_takes_what_is_accepted(connection: psycopg.Connection, raw: bytes) -> None:
    """Nothing that passes is refused by jsonb, and jsonb reads the same object."""
    properties = decode_properties(raw, DEFAULT_LIMITS)
    if isinstance(properties, Rejection):
        return
    row = connection.execute("SELECT %s::text::jsonb::text", [raw.decode()]).fetchone()
    assert row is not None
    assert _floats(json.loads(row[0])) == _floats(properties)
