"""One SELECT that somebody wrote, over their own project's rows."""

import asyncio
import re
import time

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError
from pydantic import ConfigDict, Field, JsonValue

from query_api.console.relations import table_filters
from query_api.console.rewriting import CTE, MAX_QUERY, rewrite
from query_api.console.words import refused
from query_api.errors import StoreUnavailable
from query_api.models import Answer, Parameters
from query_api.rooms import Rooms

MAX_ROWS = 10_000
_MAX_BYTES = 32 * 1024**2
_FORM = "JSONCompactEachRowWithNamesAndTypes"
_SETTINGS = {
    # 2 and not 1: the limits come with the statement. The statement itself cannot have settings.
    "readonly": 2,
    "allow_ddl": 0,
    "allow_introspection_functions": 0,
    "max_result_bytes": _MAX_BYTES,
    "result_overflow_mode": "throw",
    "max_threads": 2,
    "max_ast_depth": 500,
    "max_ast_elements": 20_000,
    "max_query_size": 1024 * 1024,
    "max_subquery_depth": 50,
    "output_format_json_quote_denormals": 1,
    "cancel_http_readonly_queries_on_client_close": 1,
}
# What the store tells about where in the statement something is, which is not the text that was asked.
_NOISE = re.compile(
    r"\s*(?:In scope |: [Ii]n query|: [Ww]hile |\(version |Stack trace|Maybe you meant: \[\]).*", re.DOTALL
)
_UNKNOWN_NAME = f"identifier '{CTE}"
_CODE = re.compile(r"^.*?DB::Exception:\s*(?:Received from[^:]*:\s*)?", re.DOTALL)
_OURS = re.compile(r"smolhog_(?:cte|relation)_|__table[0-9]+\.")


class SqlQuestion(Parameters):
    """A query."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "SELECT event, count() AS n FROM events GROUP BY event ORDER BY n DESC"}]
        }
    )

    query: str = Field(
        min_length=1,
        max_length=MAX_QUERY,
        description="One SELECT in ClickHouse's SQL over `events`, `rollup_minute`, `rollup_hour`, `sessions` and "
        "`people`.",
        examples=["SELECT event, count() AS n FROM events GROUP BY event ORDER BY n DESC"],
    )
    limit: int = Field(default=1000, ge=1, le=MAX_ROWS, description="Most rows in the answer.")


class SqlColumn(Answer):
    """One column of the answer."""

    name: str
    type: str


class SqlAnswer(Answer):
    """What the query found."""

    columns: list[SqlColumn]
    rows: list[list[JsonValue]]
    truncated: bool = Field(description="Whether there are more rows than were asked for.")
    elapsed_ms: float


async def read_sql(rooms: Rooms, project_id: int, asked: SqlQuestion) -> SqlAnswer:
    """Run a query.

    Raises:
        InvalidParameter: it is not a SELECT over these tables, or the store refuses it.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: ClickHouse is away.
    """
    began = time.perf_counter()
    # Parsing takes milliseconds of processor time for a long query; others need not wait for it.
    statement = await asyncio.to_thread(rewrite, asked.query)
    settings = {
        **_SETTINGS,
        "limit": asked.limit + 1,
        "additional_table_filters": table_filters(rooms.columns.database, project_id),
    }
    bound = {**statement.parameters, "project_id": project_id}
    try:
        body = await rooms.columns.raw(statement.text, bound, settings=settings, form=_FORM)
    except StoreUnavailable as error:
        # A name that WITH gives elsewhere in the query is no table of ours either.
        if _UNKNOWN_NAME in str(error.__cause__):
            raise refused("WITH names something only for the query that it stands before") from error
        raise
    except ClickHouseError as error:
        raise refused(_sentence(str(error))) from error
    names, types, *rows = (msgspec.json.decode(line) for line in body.splitlines())
    return SqlAnswer.model_construct(
        columns=[SqlColumn(name=name, type=kind) for name, kind in zip(names, types, strict=True)],
        rows=rows[: asked.limit],
        truncated=len(rows) > asked.limit,
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
    )


def _sentence(error: str) -> str:
    """Return what the store says is wrong, without what it says of the statement that was made of the query."""
    text = _NOISE.sub("", _CODE.sub("", error))
    return _OURS.sub("", text)[:500] or "the store refuses this query"
