"""Where the stores are, and what to say when one does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from smolhog.embedded.errors import FolderUnusableError
from smolhog.errors import ServiceUnreachable, SetupRefused
from smolhog.settings import Settings


def postgres_dsn(settings: Settings) -> str:
    """Return where PostgreSQL is.

    Raises:
        ServiceUnreachable: it is the embedded one, and it was never started in this data folder.
    """
    try:
        return settings.postgres_dsn
    except FolderUnusableError as error:
        raise ServiceUnreachable(
            f"nothing was ever started in the data folder {settings.data.absolute()}",
            "Start it with `smolhog up`, or name the right folder with --data or SMOLHOG_DATA.",
        ) from error


@contextmanager
def postgres_connection(settings: Settings) -> Iterator[psycopg.Connection]:
    """Connect for one command; commits at the end of the block.

    Raises:
        ServiceUnreachable: PostgreSQL does not answer, or went away.
        SetupRefused: the database was never migrated.
    """
    try:
        with psycopg.connect(
            postgres_dsn(settings), connect_timeout=5, options="-c timezone=UTC"
        ) as connection:
            yield connection
    except psycopg.errors.UndefinedTable as error:
        raise SetupRefused("the database has no tables of SmolHog yet", "Run `smolhog migrate`.") from error
    except psycopg.OperationalError as error:
        raise unreachable("PostgreSQL", error) from error


def unreachable(store: str, error: Exception) -> ServiceUnreachable:
    """Turn a driver's error into one sentence and what to do.

    Args:
        store: PostgreSQL or ClickHouse.
        error: what the driver raised.
    """
    setting = "SMOLHOG_POSTGRES_URL" if store == "PostgreSQL" else "SMOLHOG_CLICKHOUSE_URL"
    return ServiceUnreachable(
        f"{store} does not answer: {reason_of(error)}",
        f"Start it (`smolhog up` starts the embedded one), or correct {setting}; "
        "`smolhog doctor` checks all services.",
    )


def reason_of(error: BaseException) -> str:
    """Return the innermost reason of an error in one line: what a driver wrapped says more than its wrapping."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return " ".join(str(error).split()) or type(error).__name__
