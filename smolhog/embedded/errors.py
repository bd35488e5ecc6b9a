"""Errors of the embedded services.

EmbeddedError
├── StartError             permanent: the process says why and exits with 1
│   ├── FolderInUseError   another process holds the data folder
│   ├── FolderUnusableError   the folder's name or contents cannot be used
│   ├── NotLoopbackError   asked to listen where other machines could connect
│   └── PostgresError      PostgreSQL's own programs failed; carries what they printed
└── QueryError             one query failed; `code` is ClickHouse's, so that clients see what a real server says
"""


class EmbeddedError(Exception):
    """Anything the embedded services raise on purpose."""


class StartError(EmbeddedError):
    """The service cannot start, and trying again without a change will not help."""


class FolderInUseError(StartError):
    """Another process holds the data folder."""


class FolderUnusableError(StartError):
    """The data folder's name or contents cannot be used."""


class NotLoopbackError(StartError):
    """The address to listen on is reachable from other machines."""


class PostgresError(StartError):
    """`initdb` or the set-up of a new PostgreSQL folder failed."""


class QueryError(EmbeddedError):
    """One query failed.

    Args:
        code: ClickHouse's error code, for example 62 for a syntax error.
        message: the whole text as ClickHouse words it: `Code: N. DB::Exception: … (NAME)`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
