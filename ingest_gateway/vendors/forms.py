"""What browsers' SDKs wrap JSON in: forms, ``?data=``, base64, gzip, lz-string; in any nesting that is in use."""

import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from ingest_gateway.compression import decompress, too_large
from ingest_gateway.errors import FrameError
from ingest_gateway.vendors.lz_string import LzStringError, decompress_base64
from schemas.reasons import RejectReason

_GZIP_MAGIC = b"\x1f\x8b\x08"
_FORM_FIELD = re.compile(rb"[a-z_]{1,20}=")
_LZ = frozenset({"lz64", "lz-string"})
_LZ_BYTES = 256 * 1024
"""Most of lz-string, which takes long to undo; the SDKs that used it sent less."""
_SPACE = b" \t\r\n"
_LAYERS = 4
_FORM_FIELDS = 32


def open_form(
    body: bytes, query: Mapping[str, str], content_type: str, limit: int
) -> tuple[bytes, dict[str, str]]:
    """Take the JSON out of a body.

    Args:
        body: its ``Content-Encoding`` undone.
        query: of the address; ``data`` in it stands for the body.
        content_type: as sent.
        limit: most bytes, of every layer.

    Returns:
        The JSON, not yet parsed, and the other fields of query and form.

    Raises:
        FrameError: there is none, or a layer is damaged.
        BodyError: a layer is larger than the limit.
    """
    fields = dict(query)
    data = fields.pop("data", "").encode() or body
    if _is_form(data, content_type):
        try:
            fields |= parse_qsl(data.decode("utf-8", "replace"), max_num_fields=_FORM_FIELDS)
        except ValueError as error:
            raise _damaged("it is no form: too many fields") from error
        data = fields.pop("data", "").encode()
    if not data.strip(_SPACE):
        raise _damaged("it is empty")
    for _ in range(_LAYERS):
        if data.startswith(_GZIP_MAGIC):
            data = decompress(data, "gzip", limit)
        elif data.lstrip(_SPACE)[:1] in {b"{", b"["}:
            return data, fields
        elif fields.get("compression", "").lower() in _LZ:
            data = _unlz(data, limit)
        else:
            data = _unbase64(data)
    raise _damaged("it is wrapped too often")


def _is_form(data: bytes, content_type: str) -> bool:
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        # Programs that set no type get this one for whatever they send.
        return _FORM_FIELD.match(data) is not None
    # A beacon of a string is text/plain.
    return data.startswith((b"data=", b"compression="))


def _unlz(data: bytes, limit: int) -> bytes:
    if len(data) > _LZ_BYTES:
        raise too_large(_LZ_BYTES)
    try:
        plain = decompress_base64(_base64_text(data).decode("ascii", "replace"), limit)
    except LzStringError as error:
        raise _damaged(f"it is not lz-string: {error}") from error
    if len(plain) > limit:
        raise too_large(limit)
    return plain.encode()


def _unbase64(data: bytes) -> bytes:
    text = _base64_text(data).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error as error:
        raise _damaged("it is neither JSON, nor gzip, nor base64") from error


def _base64_text(data: bytes) -> bytes:
    # A form turns a plus sign that was not escaped into a blank.
    return data.strip(b"\t\r\n").replace(b" ", b"+")


def _damaged(why: str) -> FrameError:
    return FrameError(RejectReason.MALFORMED, f"the body cannot be read: {why}")
