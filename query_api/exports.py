"""Events as files, written by the store and passed on piece by piece."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import StrEnum
from typing import NamedTuple

import msgspec
from pydantic import ConfigDict, Field

from query_api.analytics_route import Download
from query_api.event_rows import JSON_LINE
from query_api.models import Parameters
from query_api.people.addresses import public_id
from query_api.people.profile import PERSONS_EVENTS, PersonParameters, find_person, no_such_person
from query_api.people.users import read_properties
from query_api.questions.bindings import Bindings
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import filter_sql
from query_api.questions.opening import open_scope
from query_api.questions.question import Question
from query_api.questions.ranges import Range, span_of
from query_api.rooms import Rooms

_SECONDS = 3600
_SETTINGS = {"max_execution_time": _SECONDS, "max_threads": 2, "output_format_parquet_string_as_string": 1}
_COLUMNS = {
    "event_id": "toString(event_id)",
    "event": "event",
    "distinct_id": "distinct_id",
    "person_id": "person",
    "timestamp": "timestamp",
    "received_at": "received_at",
    "session_id": "session_id",
    "properties": "properties",
    "context": "context",
    "source": "source",
}
# Whoever holds a write key, which any web page shows, chooses these. A spreadsheet runs what begins so.
_FREE_TEXTS = frozenset({"event", "distinct_id", "person_id", "session_id", "source"})
_GUARDED = "if(match({text}, '^[=+@\\t\\r-]'), concat('\\'', {text}), {text})"
_HAS_EVENTS = f"SELECT count() FROM (SELECT 1 FROM events WHERE {PERSONS_EVENTS} LIMIT 1)"
_PERSONS_LINES = f"""
SELECT {JSON_LINE} FROM (SELECT *, {{person:String}} AS person FROM events FINAL WHERE {PERSONS_EVENTS})
"""


class Form(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Formulas(StrEnum):
    """What becomes of text that a spreadsheet would take for a formula."""

    TEXT = "text"
    KEEP = "keep"


MEDIA_TYPES = {
    Form.CSV: "text/csv",
    Form.JSONL: "application/jsonl",
    Form.PARQUET: "application/vnd.apache.parquet",
}
# Names are written here: of the formats with names, not all stores can write theirs piece by piece.
_STORE_FORMS = {Form.CSV: "CSV", Form.JSONL: "TSVRaw", Form.PARQUET: "Parquet"}
_EVENTS = Field(
    default=None,
    max_length=100,
    description="Only events of these names; null for all.",
    examples=[["purchase"]],
)
_FORMULAS = Field(
    default=Formulas.TEXT,
    description="In CSV: `text` puts an apostrophe before ids and names that a spreadsheet would run as a formula; "
    "`keep` leaves them as they are, for programs.",
)
_FORM = Field(default=Form.CSV, alias="format", description="What kind of file.")


class ExportQuestion(Question):
    """Which events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"range": {"from": "-7d", "to": "now"}, "format": "csv", "events": ["purchase"]}]
        }
    )

    form: Form = _FORM
    formulas: Formulas = _FORMULAS
    events: tuple[str, ...] | None = _EVENTS


class ExportParameters(Parameters):
    """Which events, in an address."""

    from_: str = Field(default="-7d", alias="from", max_length=64, description="Start, as of any range.")
    to: str = Field(default="now", max_length=64, description="End.")
    timezone: str = Field(default="UTC", max_length=64, description="IANA time zone of the range.")
    form: Form = _FORM
    formulas: Formulas = _FORMULAS
    event: tuple[str, ...] = Field(
        default=(), max_length=100, description="Only events of this name; repeat it for several."
    )


class PersonExportParameters(PersonParameters):
    """Whose data."""


class _Count(NamedTuple):
    n: int


async def export_asked(rooms: Rooms, project_id: int, asked: ExportQuestion) -> Download:
    """Begin a file of events, in no order.

    Raises:
        InvalidParameter: the range or the filter makes no sense.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    scope = await open_scope(rooms, project_id, asked)
    conditions = [filter_sql(asked.filter, scope).text]
    if asked.events is not None:
        conditions.append(f"event IN {scope.bindings.texts(asked.events)}")
    where = scope.bindings.part(" AND ".join(conditions))
    events = events_relation(scope, span.start_micros, span.end_micros, once=True, where=where)
    is_guarded = asked.form is Form.CSV and asked.formulas is Formulas.TEXT
    columns = ", ".join(
        f"{_GUARDED.replace('{text}', expression) if is_guarded and name in _FREE_TEXTS else expression} AS {name}"
        for name, expression in _COLUMNS.items()
    )
    selected = JSON_LINE if asked.form is Form.JSONL else columns
    header = (",".join(f'"{name}"' for name in _COLUMNS) + "\n").encode() if asked.form is Form.CSV else b""
    lines = rooms.columns.stream(
        f"SELECT {selected} FROM {events}",
        scope.bindings.parameters,
        settings=_SETTINGS,
        form=_STORE_FORMS[asked.form],
    )
    return Download(await _begun(header, lines), MEDIA_TYPES[asked.form], f"events.{asked.form.value}")


async def export_named(rooms: Rooms, project_id: int, asked: ExportParameters) -> Download:
    """Begin the same file for a question that stands in an address; raises like :func:`export_asked`."""
    question = ExportQuestion.model_validate(
        {
            "range": Range.model_validate({"from": asked.from_, "to": asked.to}),
            "timezone": asked.timezone,
            "format": asked.form,
            "formulas": asked.formulas,
            "events": asked.event or None,
        }
    )
    return await export_asked(rooms, project_id, question)


async def export_person(rooms: Rooms, project_id: int, asked: PersonExportParameters) -> Download:
    """Begin a file of all that is kept about a person, under any of their ids.

    Raises:
        NotFound: the project has no events of anybody of this id.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    known = await find_person(rooms, project_id, asked.person_id)
    bound = known.bound(project_id)
    if not (await rooms.columns.rows(_HAS_EVENTS, bound, _Count))[0].n:
        raise no_such_person()
    bindings = Bindings(project_id=project_id)
    linked = len(known.ids) > 1
    properties = await read_properties(rooms, bindings, bindings.texts(known.ids), linked=linked)
    about = {
        "person_id": public_id(known.person),
        "distinct_ids": known.ids,
        "properties": properties.get(known.person, {}),
    }
    header = msgspec.json.encode(about) + b"\n"
    lines = rooms.columns.stream(_PERSONS_LINES, bound, settings=_SETTINGS, form="TSVRaw")
    return Download(await _begun(header, lines), "application/jsonl", "person.jsonl")


async def _begun(header: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Wait for the first piece, while an error can still be told as one."""
    first = await anext(pieces, b"")

    async def all_pieces() -> AsyncGenerator[bytes, None]:
        async with aclosing(pieces):
            yield header + first
            async for piece in pieces:
                yield piece

    return all_pieces()
