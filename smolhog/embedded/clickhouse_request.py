"""What a request to ClickHouse's HTTP interface asks for, apart from its body."""

import base64
import binascii
import email.parser
import email.policy
import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from smolhog.embedded.clickhouse_compression import choose_coding
from smolhog.embedded.errors import QueryError

# Parameters of the transport; every other parameter of a URL is a setting for the engine. Sessions are accepted by
# name and hold nothing, see clickhouse_server.
_TRANSPORT = frozenset(
    {
        "query",
        "query_id",
        "database",
        "default_format",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "wait_end_of_query",
        "buffer_size",
        "client_protocol_version",
        "compress",
        "decompress",
        "quota_key",
        "role",
        "stacktrace",
        "log_comment",
        "enable_http_compression",
        "http_zlib_compression_level",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
    }
)


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """One request.

    Attributes:
        query: the SQL from the URL or form, empty when all of it is in the body.
        params: values of `{name:Type}` placeholders, as text.
        settings: the engine's settings for this query alone.
        default_format: output format unless the query names one.
        wait_end: buffer the whole answer, so that a late error still gets its own status.
        cancel_on_leave: cancel a reading query when the client goes away.
        response_coding: content coding of the answer, None for plain.
        read_only: a GET, which may not write.
    """

    query: str
    query_id: str
    database: str | None
    params: Mapping[str, str]
    settings: Mapping[str, str]
    default_format: str
    wait_end: bool
    cancel_on_leave: bool
    response_coding: str | None
    read_only: bool


def _flag(values: Mapping[str, str], name: str) -> bool:
    return values.get(name, "0").lower() not in ("0", "false", "")


def parse_request(
    method: str, url_params: Iterable[tuple[str, str]], headers: Mapping[str, str]
) -> QueryRequest:
    """Read a request's URL and headers; of a repeated parameter the last counts.

    Raises:
        QueryError: for what this server does not speak, code 48.
    """
    values = dict(url_params)
    for name in ("compress", "decompress"):
        if _flag(values, name):
            raise QueryError(
                48,
                f"Code: 48. DB::Exception: {name}=1, ClickHouse's own block compression, is not supported; "
                "use Content-Encoding and Accept-Encoding. (NOT_IMPLEMENTED)",
            )
    coding = (
        choose_coding(headers.get("accept-encoding", ""))
        if _flag(values, "enable_http_compression")
        else None
    )
    return QueryRequest(
        query=values.get("query", ""),
        query_id=values.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid.uuid4()),
        database=values.get("database") or headers.get("x-clickhouse-database") or None,
        params={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        settings={
            name: value
            for name, value in values.items()
            if name not in _TRANSPORT and not name.startswith("param_")
        },
        default_format=values.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        wait_end=_flag(values, "wait_end_of_query"),
        cancel_on_leave=_flag(values, "cancel_http_readonly_queries_on_client_close"),
        response_coding=coding,
        read_only=method != "POST",
    )


def put_form(request: QueryRequest, content_type: str, body: bytes) -> QueryRequest:
    """Add the fields of a multipart form, which clients use when a query's parameters outgrow a URL.

    Raises:
        QueryError: for a form with files (external tables), code 48.
    """
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    params = dict(request.params)
    query = request.query
    for part in message.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        payload = part.get_payload(decode=True)
        value = payload.decode(errors="surrogateescape") if isinstance(payload, bytes) else ""
        if part.get_filename() is None and name == "query":
            query = value
        elif part.get_filename() is None and name.startswith("param_"):
            params[name[6:]] = value
        else:
            raise QueryError(
                48,
                f"Code: 48. DB::Exception: External data ({name}) is not supported here. (NOT_IMPLEMENTED)",
            )
    return replace(request, query=query, params=params)


def check_credentials(params: Mapping[str, str], headers: Mapping[str, str], password: str | None) -> None:
    """Let in the user `default`, with `password` when one is set and with any otherwise.

    Raises:
        QueryError: code 516, with the words of a server, which do not tell whether user or password was wrong.
    """
    user, given = params.get("user", "default"), params.get("password", "")
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        user, given = headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, given = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = ""
    right = password is None or hmac.compare_digest(given.encode(), password.encode())
    if user != "default" or not right:
        raise QueryError(
            516,
            f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, "
            "or there is no user with such name. (AUTHENTICATION_FAILED)",
        )
