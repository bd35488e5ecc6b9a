"""One chart of a dashboard: a question that is kept, and asked whenever somebody looks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from query_api.analyses.breakdowns import BreakdownQuestion, read_breakdown
from query_api.analyses.funnels import FunnelsQuestion, read_funnels
from query_api.analyses.paths import PathsQuestion, read_paths
from query_api.analyses.retention import RetentionQuestion, read_retention
from query_api.analyses.sessions import SessionsQuestion, read_sessions
from query_api.analyses.stickiness import StickinessQuestion, read_stickiness
from query_api.analyses.trend_models import TrendsQuestion
from query_api.analyses.trends import read_trend_lines
from query_api.errors import InvalidParameter
from query_api.models import Answer, Parameters
from query_api.rooms import Rooms


class TileKind(StrEnum):
    """What a tile shows."""

    TRENDS = "trends"
    FUNNELS = "funnels"
    RETENTION = "retention"
    STICKINESS = "stickiness"
    PATHS = "paths"
    SESSIONS = "sessions"
    BREAKDOWN = "breakdown"
    TEXT = "text"


class TileChart(StrEnum):
    """How the numbers of trends are drawn."""

    LINE = "line"
    AREA = "area"
    BAR = "bar"
    TABLE = "table"
    NUMBER = "number"


class TextQuestion(Parameters):
    """A tile that asks nothing."""

    text: str = Field(default="", max_length=10_000)


class TextAnswer(Answer):
    """What a tile says that asks nothing."""

    text: str


async def read_text(_: Rooms, __: int, asked: TextQuestion) -> TextAnswer:
    """Return the text of a tile."""
    return TextAnswer(text=asked.text)


@dataclass(frozen=True, slots=True)
class Analysis:
    """How a tile of one kind is answered."""

    question: type[Parameters]
    read: Callable[[Rooms, int, Any], Awaitable[Answer]]


ANALYSES: Mapping[TileKind, Analysis] = {
    TileKind.TRENDS: Analysis(TrendsQuestion, read_trend_lines),
    TileKind.FUNNELS: Analysis(FunnelsQuestion, read_funnels),
    TileKind.RETENTION: Analysis(RetentionQuestion, read_retention),
    TileKind.STICKINESS: Analysis(StickinessQuestion, read_stickiness),
    TileKind.PATHS: Analysis(PathsQuestion, read_paths),
    TileKind.SESSIONS: Analysis(SessionsQuestion, read_sessions),
    TileKind.BREAKDOWN: Analysis(BreakdownQuestion, read_breakdown),
    TileKind.TEXT: Analysis(TextQuestion, read_text),
}


class Tile(BaseModel):
    """One chart, or a text."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Signups",
                    "kind": "funnels",
                    "question": {"steps": [{"event": "visit"}, {"event": "signup"}]},
                    "width": 2,
                }
            ]
        },
    )

    title: str = Field(default="", max_length=200)
    kind: TileKind
    question: dict[str, JsonValue] = Field(
        default_factory=dict,
        description='The body of `POST /analytics/{kind}`; `{"text": …}` of a text.',
    )
    width: int = Field(default=1, ge=1, le=4, description="Columns that it takes.")
    chart: TileChart | None = Field(
        default=None, description="How trends are drawn; null leaves it to who draws."
    )


def check_tile(tile: Tile, place: str) -> None:
    """Refuse a tile whose question could not be answered.

    Args:
        tile: to be kept.
        place: of it in the request, such as ``tiles.0``.

    Raises:
        InvalidParameter: the question is none for this kind of tile; ``field`` says where it is wrong.
    """
    try:
        ANALYSES[tile.kind].question.model_validate(tile.question)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # As query_api/parameters.py: what is in brackets is a form that a value was taken for.
        names = [str(name) for name in first["loc"] if not str(name).startswith("(")]
        field = ".".join([place, "question", *names])[:200]
        raise InvalidParameter(f"{field}: {first['msg']}", field=field) from error


async def read_tile(rooms: Rooms, project_id: int, tile: Tile, instead: Mapping[str, Any]) -> Answer:
    """Answer the question of a tile.

    Args:
        rooms: the stores and the clock.
        project_id: of the dashboard.
        tile: of it.
        instead: fields of the question that are to be others, where it has them.

    Raises:
        QueryApiError: as the analysis does.
    """
    analysis = ANALYSES[tile.kind]
    fields = {name: value for name, value in instead.items() if name in analysis.question.model_fields}
    asked = analysis.question.model_validate({**tile.question, **fields})
    return await analysis.read(rooms, project_id, asked)
