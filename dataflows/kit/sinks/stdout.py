"""Rows as lines of JSON on standard output, for pipes and for looking."""

import sys
from dataclasses import dataclass

import msgspec

from dataflows.kit.sink import Item, ItemWriter, SinkContext
from dataflows.kit.sinks.row_columns import columns_of, rows_of

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True)
class Stdout:
    """Standard output: a line for each row. After a crash lines may come again, with the same ``id``."""

    def describe(self) -> str:
        """Say it in a few words."""
        return "standard output"

    def open(self, context: SinkContext) -> ItemWriter:
        """Return what writes there."""
        return _Writer(context)


def row_id(context: SinkContext, item: Item, index: int) -> str:
    """Return what tells a row from all others, and is the same after a replay."""
    return f"{context.stream}/{context.log_id}/{item.partition}/{item.offset}/{index}"


class _Writer:
    def __init__(self, context: SinkContext) -> None:
        self._context = context

    def write(self, items: list[Item]) -> None:
        lines = [
            _encode({"id": row_id(self._context, item, index), **columns_of(row)}) + b"\n"
            for item in items
            for index, row in enumerate(rows_of(item))
        ]
        sys.stdout.buffer.write(b"".join(lines))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Standard output is not this writer's to close."""
