"""The response side of ClickHouse's HTTP interface: headers, and the two shapes of an exception."""

import json

from starlette.responses import Response

from smolhog.embedded.clickhouse_engine import Answer, Engine
from smolhog.embedded.clickhouse_status import http_status
from smolhog.embedded.errors import QueryError

_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "Parquet": "application/octet-stream",
}


def answer_headers(query_id: str, engine: Engine, form: str | None, answer: Answer | None) -> dict[str, str]:
    """Headers of a successful response.

    Args:
        query_id: the client's, or the one it was given.
        engine: for its time zone and name.
        form: the output format, None for a statement without a result.
        answer: for the summary; None while the figures are not known yet.
    """
    figures = {
        "read_rows": answer.read_rows if answer else 0,
        "read_bytes": answer.read_bytes if answer else 0,
        "written_rows": answer.written_rows if answer else 0,
        "written_bytes": answer.written_bytes if answer else 0,
        "total_rows_to_read": 0,
        "elapsed_ns": answer.elapsed_ns if answer else 0,
    }
    headers = {
        **_identity(query_id, engine),
        "x-clickhouse-timezone": engine.timezone,
        # A server writes these numbers as strings.
        "x-clickhouse-summary": json.dumps({name: str(value) for name, value in figures.items()}),
        "content-type": _CONTENT_TYPES.get(form or "", "text/plain; charset=UTF-8"),
    }
    if form:
        headers["x-clickhouse-format"] = form
    return headers


def exception_response(error: QueryError, query_id: str, engine: Engine) -> Response:
    """A query that failed before anything of its answer was sent."""
    headers = {**_identity(query_id, engine), "x-clickhouse-exception-code": str(error.code)}
    return Response(
        _worded(error, engine),
        status_code=http_status(error.code),
        headers=headers,
        media_type="text/plain; charset=UTF-8",
    )


def exception_block(error: QueryError, tag: str, engine: Engine) -> bytes:
    """What follows the part of an answer that was already sent, marked with the tag from the headers.

    Framing: `__exception__ CRLF tag CRLF message LF length SP tag CRLF __exception__ CRLF`.
    """
    message = _worded(error, engine)
    frame = b"__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n"
    return frame % (tag.encode(), message, len(message), tag.encode())


def _identity(query_id: str, engine: Engine) -> dict[str, str]:
    # A header cannot carry every character that a query id can.
    printable = query_id.encode("ascii", "replace").decode()
    return {
        "x-clickhouse-query-id": "".join(mark if mark.isprintable() else "?" for mark in printable),
        "x-clickhouse-server-display-name": engine.host_name,
    }


def _worded(error: QueryError, engine: Engine) -> bytes:
    version = "" if "(version " in error.message else f" (version {engine.version} (chDB))"
    return f"{error.message}{version}\n".encode(errors="surrogateescape")
