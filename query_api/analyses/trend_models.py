"""Questions about trends in a body, and their answers."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from query_api.analyses.formula import MAX_LENGTH, FormulaError, parse_formula
from query_api.buckets import Interval
from query_api.models import AS_OF, Answer
from query_api.plan import Exactness, Source
from query_api.questions.filters import refusal
from query_api.questions.question import Question
from query_api.questions.selectors import OF_A_PROPERTY, Breakdown, Measure, Selector
from schemas.limits import DEFAULT_LIMITS

KEYS = "ABCDEFGHIJ"
"""What formulas call the series, in order."""

_ADDS_UP = {Measure.EVENTS, Measure.USERS, Measure.SUM}
_NUMBER = int | float | None


def check_property(measure: Measure | None, name: str | None) -> str | None:
    """Return ``name`` if it fits the measure; for validators. A measure that is wrong itself has its own error."""
    if measure in OF_A_PROPERTY and name is None:
        raise refusal(f"{measure.value} is of a numeric property; name it")
    if measure is not None and measure not in OF_A_PROPERTY and name is not None:
        raise refusal(f"{measure.value} is of no property; leave it out, or choose another measure")
    return name


class MeasuredSelector(Selector):
    """Some events, and what is made of them."""

    measure: Measure = Field(
        default=Measure.EVENTS,
        description="Events, the distinct people who caused them, events for each of them, or a figure of a numeric "
        "property. Percentiles between two values are interpolated.",
    )
    property: str | None = Field(
        default=None,
        min_length=1,
        max_length=DEFAULT_LIMITS.name_length,
        validate_default=True,
        description="The numeric property, for measures of one. Texts that read as a number count.",
    )

    @field_validator("property")
    @classmethod
    def _fits_measure(cls, name: str | None, info: ValidationInfo) -> str | None:
        return check_property(info.data.get("measure"), name)


class TrendsQuestion(Question):
    """Numbers over time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "range": {"from": "-7d", "to": "now"},
                    "timezone": "Europe/Berlin",
                    "interval": "day",
                    "series": [
                        {"event": "purchase", "measure": "users"},
                        {"event": "page_view", "measure": "users"},
                    ],
                    "formula": "A / B * 100",
                    "breakdown": {"property": "$browser", "limit": 3},
                    "compare": "previous",
                }
            ]
        }
    )

    interval: Interval = Field(default=Interval.DAY, description="Length of a bucket; weeks begin on Monday.")
    series: tuple[MeasuredSelector, ...] = Field(
        default=(MeasuredSelector(),),
        min_length=1,
        max_length=len(KEYS),
        description="Called A to J by the formula.",
    )
    formula: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_LENGTH,
        description="Arithmetic over the series, in each bucket; null where it divides by 0. A breakdown then "
        "tells the values of the formula's first series apart, in all of them.",
        examples=["A / B * 100"],
    )
    breakdown: Breakdown | None = None
    compare: Literal["previous"] | None = Field(
        default=None,
        description="Also the same number of buckets right before these, up to as much of them as has passed of these.",
    )
    cumulative: bool = Field(
        default=False,
        description="Each bucket counts all before it too; users once. For events, users and sums.",
    )

    @field_validator("formula")
    @classmethod
    def _is_formula(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None or "series" not in info.data:
            return text
        try:
            letters = parse_formula(text).letters
        except FormulaError as error:
            raise refusal(str(error)) from error
        known = KEYS[: len(info.data["series"])]
        missing = [letter for letter in letters if letter not in known]
        if missing:
            raise refusal(f"there is no series {missing[0]}; the question has {', '.join(known)}")
        return text

    @field_validator("cumulative")
    @classmethod
    def _adds_up(cls, cumulative: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        for one in info.data.get("series", ()) if cumulative else ():
            if one.measure not in _ADDS_UP:
                raise refusal(
                    f"{one.measure.value} does not add up over time; only events, users and sums do"
                )
        return cumulative


class TrendPoint(Answer):
    """The value of one bucket."""

    time: str = Field(
        description="Start of the bucket, with the offset of the time zone at that time.",
        examples=["2026-01-01T00:00:00+01:00"],
    )
    value: _NUMBER = Field(description="Null where there is no such number.")


class PreviousTrend(Answer):
    """The same line in the period before; the n-th point of both belong together."""

    points: list[TrendPoint] = Field(description="Null where the line itself has not got to yet.")
    total: _NUMBER
    to: str = Field(
        description="End of what was counted: if the last bucket of the line is not over yet, that before is cut at the "
        "same point, to the nearest hour, or minute if buckets are hours."
    )


class TrendLine(Answer):
    """One line of a chart."""

    key: str = Field(description="`A` to `J`, or `formula`.")
    event: str | None = Field(description="Null for any event, and for a formula.")
    label: str | None = Field(description="As in the question; the text of a formula.")
    breakdown: str | None = Field(
        description="Value of the property; `$other` for all beyond the limit (and for a value that is really called "
        "that); null for events without one, and when no breakdown was asked for."
    )
    points: list[TrendPoint]
    total: _NUMBER = Field(
        description="Over the whole range: users of several buckets count once, an average is of all."
    )
    previous: PreviousTrend | None


class TrendsResult(Answer):
    """Numbers over time, one line for each series and value of the breakdown."""

    interval: Interval
    timezone: str
    from_: str = Field(alias="from", description="Start of the first bucket.")
    to: str = Field(description="End of the last bucket.")
    series: list[TrendLine]
    as_of: datetime | None = AS_OF
    exactness: Exactness
    source: Source = Field(description="The table that was read; of several, the finest.")
