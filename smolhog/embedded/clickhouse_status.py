"""ClickHouse's error codes and the HTTP status a ClickHouse server answers them with.

The table follows the server's own: 4xx when the client's text is at fault, 5xx when the server is.
"""

_BAD_REQUEST = frozenset(
    {
        6,
        25,
        26,
        27,
        33,
        38,
        41,
        53,
        62,
        69,
        70,
        72,
        117,
        130,
        167,
        168,
        170,
        268,
        354,
        376,
        427,
        441,
        456,
        457,
        675,
        676,
    }
)
_NOT_FOUND = frozenset({46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 137})
_OTHERS = {
    159: 408,  # TIMEOUT_EXCEEDED
    48: 501,  # NOT_IMPLEMENTED
    202: 503,  # TOO_MANY_SIMULTANEOUS_QUERIES: retryable, unlike 500, which says the query is at fault
    439: 503,  # CANNOT_SCHEDULE_TASK
    497: 403,  # ACCESS_DENIED
    516: 403,  # AUTHENTICATION_FAILED
}


def http_status(code: int) -> int:
    """The HTTP status for ClickHouse's error `code`."""
    if code in _BAD_REQUEST:
        return 400
    if code in _NOT_FOUND:
        return 404
    return _OTHERS.get(code, 500)
