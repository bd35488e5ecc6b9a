"""Reading files row by row, good ones and broken ones."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolhog.import_files import LARGEST_ROW, InputFile, Row

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def rows_of(content: bytes, name: str = "events.csv") -> list[Row]:
    """Read ``content`` as a file of that name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with InputFile(path) as file:
            return list(file.rows())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=15), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_whatever_a_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str, str]],
    ending: str,
    packed: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Commas, quotes and line breaks in cells come back, plain and packed, with a byte order mark."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    content = text.getvalue().encode("utf-8-sig")
    found = rows_of(gzip.compress(content) if packed else content, "e.csv.gz" if packed else "e.csv")
    assert [row.values for row in found] == [dict(zip("abc", row, strict=True)) for row in rows]
    assert [row.number for row in found] == list(range(1, len(rows) + 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=10), st.booleans())
def test_whatever_json_writes_is_read_back(
    rows: list[dict[str, Any]],
    ascii_only: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Objects, one a line, come back with their line numbers; blank lines are no rows."""
    content = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n\n" for row in rows).encode()
    found = rows_of(content, "events.ndjson")
    assert [row.values for row in found] == rows
    assert [row.line for row in found] == [1 + 2 * place for place in range(len(rows))]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["events.csv", "events.jsonl"]))
def test_any_bytes_are_rows_or_faults(content: bytes, name: str) -> None:
    """Nothing that a file may hold raises, and every fault says something."""
    found = rows_of(b"a,b\n" + content, name)
    assert [row.number for row in found] == sorted({row.number for row in found})
    assert all(row.values is not None or row.fault for row in found)
    json.dumps([row.raw for row in found], ensure_ascii=False).encode()


def test_a_quote_that_is_never_closed_costs_its_own_row_only() -> None:
    """Also when the file is larger than a row may be, and a later quote seems to close it."""
    many = LARGEST_ROW // 4 + 10
    found = rows_of(
        b'a,b\nx,"never closed\ny,"quoted"\n' + b"z,1\n" * many + b'x,"never closed\n' + b"z,1\n" * many
    )
    faulty = [row for row in found if row.values is None]
    assert [row.line for row in faulty] == [2, 4 + many]
    assert all("quotes" in row.fault for row in faulty)
    assert found[1].values == {"a": "y", "b": "quoted"}
    assert len(found) == 3 + 2 * many


@pytest.mark.parametrize("name", ["events.csv", "events.jsonl"])
def test_a_row_beyond_all_measure_is_passed_over(name: str) -> None:
    """A line of megabytes is one fault, its text is cut, and the next line is read."""
    good = b"1,2\n" if name == "events.csv" else b'{"a": 1}\n'
    head = b"a,b\n" if name == "events.csv" else b""
    found = rows_of(head + good + b"x" * (3 * LARGEST_ROW) + b"\n" + good, name)
    assert [row.values is None for row in found] == [False, True, False]
    assert len(found[1].raw) < 10_000
    assert found[2].line == found[1].line + 1


def test_columns_without_a_name_are_numbered() -> None:
    """An index column, as table programs write it, gets a name that can be a property's."""
    assert rows_of(b",b\n0,x\n")[0].values == {"column_1": "0", "b": "x"}
