"""Lengths of time as questions write them: ``30m``, ``14d``. Pure."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from query_api.questions.filters import refusal

_FORM = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_MICROSECONDS = {
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_LONGEST = 366 * _MICROSECONDS["d"]


def microseconds_of(duration: str) -> int:
    """Return the length of a :data:`Duration` that was checked."""
    match = _FORM.fullmatch(duration)
    if match is None:
        raise ValueError(f"no duration: {duration!r}")
    return int(match[1]) * _MICROSECONDS[match[2]]


def _checked(duration: str) -> str:
    if _FORM.fullmatch(duration) is None:
        raise refusal("give a whole number and a unit: 30s, 30m, 12h, 14d or 2w")
    if microseconds_of(duration) > _LONGEST:
        raise refusal("it may be 366 days long at most")
    return duration


Duration = Annotated[
    str,
    AfterValidator(_checked),
    Field(json_schema_extra={"pattern": f"^{_FORM.pattern}$"}, max_length=16),
]
"""A whole number and a unit (``s``, ``m``, ``h``, ``d`` of 24 hours, ``w``), up to 366 days."""
