"""Rules for the ``properties`` of an event, over raw JSON and over decoded values.

The hot path never decodes what cheap scans already prove harmless; whatever they cannot prove goes
through :func:`check_properties`, which is exact.
"""

import json
import math
import re
from typing import Any, NamedTuple

import msgspec

from schemas.limits import Limits
from schemas.reasons import RejectReason

# Python's own number type has no upper bound for integers; every store and every SDK has: a double.
_LARGEST_NUMBER = 1.7976931348623157e308
# PostgreSQL's numeric refuses some numbers that a double rounds to zero or writes shorter, such as
# 1e-20000 and 0e9999999999. These bounds lie well within its own.
_LARGEST_EXPONENT = 1000
_DIGITS = 4000
# Text rarely looks like such a number: half of a UUID does, but for what stands before it.
_ODD_EXPONENT = re.compile(rb"[:\[, \t\r\n]-?[0-9][0-9.]*[eE][-+]?[0-9]{4}")
# What a number is written with, all made one digit but for the exponent's letter: then a search for plain
# bytes, which is far faster than the expression, finds whatever may be such a number, and little else.
_SHAPE = bytes.maketrans(b"0123456789.+-E", b"0000000000000e")
_SHAPE_OF_ODD_EXPONENT = b"0e0000"
_SHAPE_OF_LONG_NUMBER = b"0" * (_DIGITS - 1)
_SPACE_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')
_SHORT = 2048
"""Bytes of properties beyond which the exact checks are worth it: such are few, and scans of them cost as much."""
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Rejection(NamedTuple):
    """Why one event is refused: the code for machines, the sentence for people."""

    reason: RejectReason
    message: str


class DuplicateKeyError(ValueError):
    """One JSON object names a key twice; ``args[0]`` is the key."""


class _UnstorableNumberError(ValueError):
    """A number, finite as a double, that PostgreSQL refuses as it is written."""


def pairs_to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object for :func:`json.loads`, refusing what JSON leaves undefined.

    Raises:
        DuplicateKeyError: a key stands twice.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKeyError(key)
            seen.add(key)
    return result


def check_properties(properties: dict[str, Any], limits: Limits) -> Rejection | None:
    """Check decoded properties against every rule that does not depend on their encoding."""
    if len(properties) > limits.properties:
        return Rejection(
            RejectReason.TOO_MANY_PROPERTIES,
            f"{len(properties)} properties; at most {limits.properties} are allowed",
        )
    for name in properties:
        if len(name) > limits.name_length:
            return Rejection(
                RejectReason.NAME_TOO_LONG,
                f"property name {name[:40]!r}… is longer than {limits.name_length} characters",
            )
    # An explicit stack: what a client nests must never use up ours.
    stack: list[tuple[Any, int]] = [(properties, 1)]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, str):
            found = check_text(value)
        elif isinstance(value, dict | list):
            if depth > limits.nesting:
                return Rejection(
                    RejectReason.NESTED_TOO_DEEP, f"properties nest deeper than {limits.nesting} levels"
                )
            if isinstance(value, dict):
                stack.extend((key, depth) for key in value)
                stack.extend((item, depth + 1) for item in value.values())
            else:
                stack.extend((item, depth + 1) for item in value)
            continue
        else:
            found = _check_number(value)
        if found is not None:
            return found
    return None


def check_text(text: str) -> Rejection | None:
    """Check one string for what UTF-8 and PostgreSQL cannot hold."""
    if "\0" in text:
        return Rejection(RejectReason.NUL_CHARACTER, "strings must not contain U+0000")
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # U+DC80..U+DCFF is how Python's surrogateescape keeps bytes that were not UTF-8.
        if "\udc80" <= text[error.start] <= "\udcff":
            return Rejection(RejectReason.INVALID_UTF8, "strings must be UTF-8")
        return Rejection(RejectReason.LONE_SURROGATE, "strings must not contain a lone surrogate")
    return None


def _check_number(value: Any) -> Rejection | None:
    if isinstance(value, float):
        out_of_range = not math.isfinite(value)
    else:
        out_of_range = isinstance(value, int) and not _fits_float(value)
    if out_of_range:
        return Rejection(RejectReason.NUMBER_OUT_OF_RANGE, "numbers must be finite and fit a 64-bit float")
    return None


def _fits_float(number: int) -> bool:
    # Some integers above the largest float still round to it.
    if abs(number) <= _LARGEST_NUMBER:
        return True
    try:
        float(number)
    except OverflowError:
        return False
    return True


def decode_properties(raw: bytes, limits: Limits) -> dict[str, Any] | Rejection:
    """Decode and fully check the JSON object ``raw`` of one event.

    Returns the decoded object, or why the event must be refused. Costs about a microsecond where
    the text is plain; only what looks odd pays for the exact checks.
    """
    if len(raw) > limits.event_bytes:
        return Rejection(
            RejectReason.EVENT_TOO_LARGE,
            f"properties take {len(raw)} bytes; at most {limits.event_bytes} are allowed",
        )
    try:
        properties = _decode_object(raw)
    except UnicodeDecodeError:
        return Rejection(RejectReason.INVALID_UTF8, "strings must be UTF-8")
    except RecursionError:
        return Rejection(RejectReason.NESTED_TOO_DEEP, f"properties nest deeper than {limits.nesting} levels")
    except msgspec.DecodeError as error:
        if "out of range" in str(error):
            return Rejection(
                RejectReason.NUMBER_OUT_OF_RANGE, "numbers must be finite and fit a 64-bit float"
            )
        return Rejection(RejectReason.MALFORMED, f"properties are not a JSON object: {error}")
    if _is_plain(raw, properties, limits):
        return properties
    found = check_properties(properties, limits) or check_json(raw, limits)
    return properties if found is None else found


def check_json(raw: bytes, limits: Limits) -> Rejection | None:
    """Check what only the text of an object still shows: keys that stand twice, and how numbers are written."""
    try:
        json.loads(raw, object_pairs_hook=pairs_to_dict, parse_float=_check_literal, parse_int=_check_literal)
    except DuplicateKeyError as error:
        # A value that is hidden by the later one may hold any key, half a surrogate pair, too.
        key = error.args[0][:40].encode(errors="replace").decode()
        return Rejection(RejectReason.DUPLICATE_KEY, f"key {key!r} stands twice in one object")
    except _UnstorableNumberError:
        return Rejection(
            RejectReason.NUMBER_OUT_OF_RANGE,
            f"numbers must have fewer than {_DIGITS} digits and exponents up to {_LARGEST_EXPONENT}",
        )
    except RecursionError:
        # A value that a later one of the same key hides may nest deeper than what was decoded.
        return Rejection(RejectReason.NESTED_TOO_DEEP, f"properties nest deeper than {limits.nesting} levels")
    return None


def _check_literal(literal: str) -> None:
    mantissa, _, exponent = literal.lower().partition("e")
    # int() refuses thousands of digits, and nobody writes exponents with twenty.
    if len(mantissa) >= _DIGITS or len(exponent) > 20 or abs(int(exponent or 0)) > _LARGEST_EXPONENT:
        raise _UnstorableNumberError(literal[:40])


def _is_plain(raw: bytes, properties: dict[str, Any], limits: Limits) -> bool:
    """Whether ``raw`` is certainly flat, short, unescaped, and names each key once.

    Each key is followed by ``":`` (spaces before the colon are looked for apart), so as many
    of those as decoded keys means that no key was named twice. No escape means no NUL and no
    surrogate; flat and short means no depth, few properties, and names and integers within bounds.
    """
    return (
        len(raw) <= _SHORT
        and len(properties) <= limits.properties
        and b"\\" not in raw
        and not may_hold_odd_number(raw)
        and raw.count(b"{") == 1
        and b"[" not in raw
        and raw.count(b'":') == len(properties)
        and max(map(len, properties), default=0) <= limits.name_length
        and _SPACE_BEFORE_COLON.search(raw) is None
        and not any(type(value) is int and abs(value) > _LARGEST_NUMBER for value in properties.values())
    )


def may_hold_odd_number(raw: bytes) -> bool:
    """Whether JSON may hold a number that :func:`check_json` refuses for how it is written; never misses one."""
    shape = raw.translate(_SHAPE)
    if _SHAPE_OF_ODD_EXPONENT in shape and _ODD_EXPONENT.search(raw) is not None:
        return True
    return len(raw) >= _DIGITS and _SHAPE_OF_LONG_NUMBER in shape


def encode_properties(properties: dict[str, Any]) -> bytes:
    """Encode decoded properties as compact JSON."""
    return _encode(properties)
