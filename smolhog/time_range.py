"""Times as options of commands write them, and the whole hours that they mean."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from query_api.errors import InvalidParameter
from query_api.moments import parse_moment
from schemas.rollup import HourRange
from smolhog.errors import SmolHogError
from smolhog.terminal import ERR

FROM_HELP = "Start: 2026-01-31T12:00:00Z, a date (UTC), or how long ago: -24h, -7d."
TO_HELP = "End, in the same forms, or now; not included itself, but a date includes its day."
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help=FROM_HELP + " [default: the first event]")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help=TO_HELP + " [default: no end]")]
ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="Name or number of the project. [default: all]"),
]
# Rollups keep a bucket's start in 32 bits.
_END = 2**32 // 3600 * 3600


def parse_instant(text: str | None, option: str) -> datetime | None:
    """Return the instant that an option means, in UTC; ``None`` if it was not given.

    Raises:
        SmolHogError: it is none.
    """
    if text is None:
        return None
    try:
        return parse_moment(text, ZoneInfo("UTC"), datetime.now(UTC), field=option, ends=option == "--to")
    except InvalidParameter as error:
        raise SmolHogError(error.message) from error


def parse_hours(begin: str | None, end: str | None) -> HourRange:
    """Return the whole hours around ``--from`` and ``--to``, and say so where they are more than was asked.

    Raises:
        SmolHogError: one cannot be read, or they are the wrong way round.
    """
    since = parse_instant(begin, "--from") or datetime.fromtimestamp(0, UTC)
    until = parse_instant(end, "--to") or datetime.fromtimestamp(_END, UTC)
    if since >= until:
        raise SmolHogError(f"--from {begin} is not before --to {end or 'now'}", "Swap them.")
    hours = HourRange.around(since, until)
    widened = HourRange.around(since, since + timedelta(microseconds=1)).begin != since.timestamp()
    if widened or hours.end != until.timestamp():
        ERR.print(
            f"Buckets are whole hours: {format_hour(hours.begin)} to {format_hour(hours.end)}.", style="dim"
        )
    return hours


def format_hour(seconds: int) -> str:
    """Return a bucket's start as text."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
