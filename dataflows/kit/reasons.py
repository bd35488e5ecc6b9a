"""Why Bytewax ended: it wraps what a step or a sink raised, more than once at times, and at times in a circle."""

from collections.abc import Iterator


def reasons(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from, each once."""
    seen: set[int] = set()
    known: BaseException | None = error
    while known is not None and id(known) not in seen:
        seen.add(id(known))
        yield known
        known = known.__cause__ or known.__context__
