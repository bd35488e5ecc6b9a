"""Why Bytewax ended: it wraps what a step or a sink raised, more than once at times."""

from collections.abc import Iterator


def reasons(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from."""
    known: BaseException | None = error
    while known is not None:
        yield known
        known = known.__cause__ or known.__context__
