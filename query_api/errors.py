"""What a question can fail with; each is answered as ``{"error": {"code", "message", "field"?}}``.

::

    QueryApiError
    |-- RequestError             permanent: the same request would be refused again
    |   |-- InvalidParameter     400  a parameter is unknown, malformed or out of range
    |   |-- Unauthorized         401  no key, or one that nobody knows (any more)
    |   |-- WriteKeyGiven        403  a key that may only send
    |   |-- OriginRefused        403  a key for other web origins than the page's that asks
    |   |-- OperatorsOnly        403  what is for this machine or for the metrics token
    |   |-- NotFound             404  there is nothing of this number or name in the project
    |   |-- QuestionTooLong      413  the body is larger than a question may be
    |   `-- QueryTooExpensive    422  the answer takes more time or memory than one query may
    `-- StoreUnavailable         503  retryable: a store is away or overloaded
"""
# ruff: noqa: N818 - the names state the fact that a caller meets

from typing import ClassVar


class QueryApiError(Exception):
    """A question that gets an error for an answer.

    Args:
        message: one sentence for the person who asked: what is wrong and what to do.
        field: the parameter at fault, if one is.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class RequestError(QueryApiError):
    """The request has to change before it can be answered."""


class InvalidParameter(RequestError):
    """A parameter is unknown, malformed or out of range; ``field`` names it."""

    status = 400
    code = "invalid_parameter"


class Unauthorized(RequestError):
    """There is no key in the request, or nobody knows it."""

    status = 401
    code = "unauthorized"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class WriteKeyGiven(RequestError):
    """The key is live, but ships inside apps and must not open anybody's data."""

    status = 403
    code = "write_key_given"


class OriginRefused(RequestError):
    """The key is live, but for other web origins than the one that the request came from."""

    status = 403
    code = "origin_refused"


class OperatorsOnly(RequestError):
    """What was asked for is for operators."""

    status = 403
    code = "operators_only"


class NotFound(RequestError):
    """There is nothing of this number or name in the key's project."""

    status = 404
    code = "not_found"


class QuestionTooLong(RequestError):
    """The body is larger than a question may be."""

    status = 413
    code = "question_too_long"


class QueryTooExpensive(RequestError):
    """The store gave up at the limits of time or memory of one query."""

    status = 422
    code = "query_too_expensive"


class StoreUnavailable(QueryApiError):
    """A store cannot be reached, or asked to be left alone for now; the same request may work soon."""

    status = 503
    code = "store_unavailable"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}
