"""Turns what a flow emits into rows with named columns. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from dataflows.kit.rows import Rows, Window, WindowRows


def windows_of(item: WindowRows) -> Iterator[Window]:
    """Yield the windows of an item: those that were closed, then those that changed and are open."""
    for _, windows in item.closed:
        yield from windows
    yield from item.changed


def rows_of(item: Rows[Any] | WindowRows) -> Iterator[Any]:
    """Yield what an item holds."""
    if isinstance(item, WindowRows):
        yield from windows_of(item)
    else:
        yield from item.rows


def columns_of(row: Any) -> dict[str, Any]:
    """Return a row as column -> value. A window has its key, its start, and its numbers.

    Raises:
        TypeError: it is no mapping, dataclass, named tuple or window.
    """
    if isinstance(row, Window):
        start = datetime.fromtimestamp(row.start, UTC)
        return {"project_id": row.project_id, **row.by, "window_start": start, **row.values}
    if isinstance(row, Mapping):
        return dict(row)
    if is_dataclass(row) and not isinstance(row, type):
        return asdict(row)
    if isinstance(row, msgspec.Struct):
        return msgspec.structs.asdict(row)
    if isinstance(row, tuple) and hasattr(row, "_asdict"):
        return dict(row._asdict())
    raise TypeError(
        f"a row must be a mapping, a dataclass, a named tuple or a window, not {type(row).__name__}"
    )


def segment_columns(window: Window, log_id: int) -> dict[str, Any]:
    """Return the columns that tell a window's row from others of the same window, and its newest version."""
    return {
        "log_id": log_id,
        "log_partition": window.partition,
        "segment": window.segment,
        "version": window.version,
    }
