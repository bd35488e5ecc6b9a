"""Flows over files: read once, to the end, whatever is killed."""

import contextlib
import csv
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dataflows.kit.errors import FlowFileUnreadable
from dataflows.kit.file_rows import ROWS, read_rows
from tests.dataflows.kit import oracles
from tests.dataflows.kit.crash_cases import BY_NAME
from tests.dataflows.kit.flow_stack import flow_stack
from tests.dataflows.kit.ledger import Ledger, make_ledger
from tests.fixtures_clickhouse import ClickHouseServer

CASE = BY_NAME["closed_windows"]
FLOW = """
from datetime import timedelta
from dataflows.kit import Events, FileSource, Flow
from tests.dataflows.kit.crash_cases import BY_NAME

flow = Flow("over_files", source=FileSource({paths!r}), epoch=timedelta(seconds=0.05))


@flow.steps
def steps(events: Events) -> None:
    BY_NAME["closed_windows"].wire(events)
"""


def _write(ledger: Ledger, folder: Path) -> list[Path]:
    """A third of the events in each kind of file; some of the first are in the second again."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [
        {
            "event": sent.name,
            "distinct_id": sent.user,
            "timestamp": sent.time.isoformat(),
            "event_id": sent.event_id,
            "properties": {"amount": sent.amount, "currency": sent.currency},
        }
        for sent in ledger.events
    ]
    third = len(rows) // 3
    lines, table, columnar = folder / "one.jsonl", folder / "two.csv", folder / "three.parquet"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows[:third]))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["event", "distinct_id", "timestamp", "event_id", "properties"])
        writer.writeheader()
        for row in rows[third - 10 : 2 * third]:
            writer.writerow({**row, "properties": json.dumps(row["properties"])})
    parquet.write_table(
        pa.Table.from_pylist(
            [{**row, "properties": json.dumps(row["properties"])} for row in rows[2 * third :]]
        ),
        columnar,
    )
    return [lines, table, columnar]


def test_a_flow_over_files_ends_with_them_and_counts_each_event_once(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """Killed on the way, it goes on; when it is through, it ends by itself, and windows are closed."""
    ledger = make_ledger(30_000, 3)
    flow = tmp_path / "over_files.py"
    flow.write_text(FLOW.format(paths=tuple(map(str, _write(ledger, tmp_path)))))
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
    ):
        with psycopg.connect(stack.postgres_dsn) as connection:
            connection.execute(CASE.postgres.encode())
        for _ in range(3):
            life = stack.start(flow)
            with contextlib.suppress(subprocess.TimeoutExpired):
                life.wait(timeout=1.2)  # somewhere on the way, or through already
            life.kill()
            life.wait()
        assert stack.start(flow).wait(timeout=90) == 0, stack.log_file.read_text()[-3000:]
        assert CASE.found(stack) == oracles.minute_sums(ledger)


def test_rows_are_cut_into_the_same_pieces_wherever_reading_begins(tmp_path: Path) -> None:
    """What comes of a row depends on its piece, so a restart must cut as before."""
    file = tmp_path / "events.jsonl"
    line = '{"event":"a","distinct_id":"u%d","timestamp":"2026-01-01T00:00:00Z"}\n'
    file.write_text("".join(line % number for number in range(2 * ROWS + 5)))
    whole = list(read_rows(file, 0))
    assert [len(piece) for piece in whole] == [ROWS, ROWS, 5]
    assert list(read_rows(file, ROWS)) == whole[1:]
    assert timedelta(0) == whole[0][0].timestamp.utcoffset()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.jsonl",
            '{"event":"a","distinct_id":"u","timestamp":"2026-01-01T00:00:00Z"}\n{"event":1}\n',
            "line 2",
        ),
        ("a.csv", "event,distinct_id\na,u\n", "row 1"),
        ("a.txt", "", "name it .jsonl, .csv or .parquet"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(name: str, text: str, said: str, tmp_path: Path) -> None:
    """The row, or what to name it."""
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(FlowFileUnreadable, match=said):
        list(read_rows(file, 0))
