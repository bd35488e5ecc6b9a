"""Rows of files of events: JSON lines, CSV, Parquet."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from dataflows.kit.batch import EventColumns
from dataflows.kit.errors import FlowFileUnreadable
from schemas.wire import Instant

_FIELDS = frozenset({"event", "distinct_id", "timestamp", "event_id", "session_id", "properties"})
_decode_properties = msgspec.json.Decoder(dict[str, Any]).decode


class FileEvent(msgspec.Struct, gc=False):
    """A row of a file."""

    event: str
    distinct_id: str
    timestamp: Instant
    event_id: str | None = None
    session_id: str | None = None
    properties: dict[str, Any] = {}


_decode_event = msgspec.json.Decoder(FileEvent).decode
_decode_events = msgspec.json.Decoder(list[FileEvent]).decode

ROWS = 2_000
"""Of a piece, which counts as a message: what comes of it depends on how files are cut, so never change it."""


def read_rows(path: Path, skip: int) -> Iterator[list[FileEvent]]:
    """Yield the rows of a file in pieces, but for the first ``skip``.

    Raises:
        FlowFileUnreadable: it is missing, its name tells no format, or a row is no event.
    """
    reader = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _csv, ".parquet": _parquet}.get(
        path.suffix
    )
    if reader is None:
        raise FlowFileUnreadable(f"{path}: name it .jsonl, .csv or .parquet")
    if not path.is_file():
        raise FlowFileUnreadable(f"there is no file {path}")
    return reader(path, skip)


def _json_lines(path: Path, skip: int) -> Iterator[list[FileEvent]]:
    with path.open("rb") as file:
        lines = islice(file, skip, None)
        while piece := list(islice(lines, ROWS)):
            try:
                events = _decode_events(b"[%b]" % b",".join(piece))
            except (msgspec.DecodeError, UnicodeDecodeError):
                events = [_json_line(path, number, line) for number, line in enumerate(piece, skip)]
            skip += len(piece)
            yield events


def _json_line(path: Path, number: int, line: bytes) -> FileEvent:
    """Decode one line, to say which one is wrong."""
    try:
        return _decode_event(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FlowFileUnreadable(f"{path}, line {number + 1}: {error}") from error


def _csv(path: Path, skip: int) -> Iterator[list[FileEvent]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = islice(csv.DictReader(file), skip, None)
        while piece := list(islice(rows, ROWS)):
            told = [{name: value for name, value in row.items() if value not in ("", None)} for row in piece]
            yield [_event(path, number, row) for number, row in enumerate(told, skip)]
            skip += len(piece)


def _parquet(path: Path, skip: int) -> Iterator[list[FileEvent]]:
    try:
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - only who reads Parquet needs it
    except ImportError:
        raise FlowFileUnreadable(f"{path}: reading Parquet needs `pip install smolhog[parquet]`") from None
    with ParquetFile(path) as file:
        every = (row for batch in file.iter_batches(ROWS) for row in batch.to_pylist())
        rows = islice(every, skip, None)
        while piece := list(islice(rows, ROWS)):
            yield [_event(path, number, row) for number, row in enumerate(piece, skip)]
            skip += len(piece)


def _event(path: Path, number: int, row: dict[str, Any]) -> FileEvent:
    """Make an event of a row's columns: what is no field of an event is a property."""
    try:
        properties = row.get("properties") or {}
        if isinstance(properties, str):
            properties = _decode_properties(properties)
        timestamp = row["timestamp"]
        if isinstance(timestamp, str):
            timestamp = datetime.fromisoformat(timestamp)
        if timestamp.tzinfo is None:
            timestamp = timestamp.replace(tzinfo=UTC)
        return FileEvent(
            event=str(row["event"]),
            distinct_id=str(row["distinct_id"]),
            timestamp=timestamp,
            event_id=row.get("event_id"),
            session_id=row.get("session_id"),
            properties={**properties, **{name: value for name, value in row.items() if name not in _FIELDS}},
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise FlowFileUnreadable(f"{path}, row {number + 1}: {error!r}") from error


def columns_of_rows(path: Path, first: int, rows: list[FileEvent], project_id: int) -> EventColumns:
    """Turn rows into columns. Where there is no id, one is made of the file's name and the row's number."""
    timestamps = [row.timestamp.astimezone(UTC) for row in rows]
    return EventColumns(
        indexes=list(range(len(rows))),
        project_ids=[project_id] * len(rows),
        event_ids=[
            row.event_id or str(uuid5(NAMESPACE_URL, f"{path.name}#{number}"))
            for number, row in enumerate(rows, first)
        ],
        names=[row.event for row in rows],
        distinct_ids=[row.distinct_id for row in rows],
        timestamps=timestamps,
        received_ats=timestamps,
        session_ids=[row.session_id for row in rows],
        properties=[row.properties for row in rows],
    )
