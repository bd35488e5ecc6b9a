"""What the server reads out of SQL before the engine does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolhog.embedded.clickhouse_sql import DataInsert, Reading, describe, parse_insert, put_kill_target


@pytest.mark.parametrize(
    ("text", "statement", "form", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\x02", "INSERT INTO t ", "Native", b"\x01\x02"),
        (b"insert into db.t (a, `b c`) settings x = 'FORMAT' format CSV \r\n1,2", None, "CSV", b"1,2"),
        (b"INSERT INTO t (* EXCEPT(format)) FORMAT JSONEachRow {}", None, "JSONEachRow", b"{}"),
        (b"/* FORMAT */ INSERT INTO db.format -- x FORMAT y\n FORMAT TSV\n\n1", None, "TSV", b"\n1"),
        (b"INSERT INTO `values` FORMAT RowBinary\n", None, "RowBinary", b""),
        (b"INSERT INTO values FORMAT RowBinary\n'", None, "RowBinary", b"'"),
    ],
)
def test_finds_where_the_rows_begin(text: bytes, statement: str | None, form: str, data: bytes) -> None:
    """The format's name, one line break, then data, whatever names and strings look like keywords."""
    insert = parse_insert(text, whole=False)
    assert isinstance(insert, DataInsert)
    assert insert.format == form
    assert text[insert.data_start :] == data
    assert statement is None or insert.statement == statement


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1 FORMAT CSV\n",
        b"INSERT INTO t SELECT 1 FORMAT Null",
        b"INSERT INTO t (a) VALUES (1)",
        b"INSERT INTO t FORMAT Values (1)",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO FUNCTION null('x Int8') SELECT 1",
    ],
)
def test_other_queries_are_left_whole(text: bytes) -> None:
    """Everything that is not rows in a format of their own goes to the engine as one text."""
    assert parse_insert(text, whole=False) is Reading.QUERY


@given(st.integers(min_value=0, max_value=60))
def test_any_cut_is_undecided_or_right(cut: int) -> None:
    """However little of the text has arrived, the answer is never a wrong one."""
    text = b"INSERT INTO t (a, b) FORMAT JSONEachRow\n{}"
    insert = parse_insert(text, whole=True)
    early = parse_insert(text[:cut], whole=False)
    assert early is Reading.UNDECIDED or early == insert


@pytest.mark.parametrize(
    ("sql", "keyword", "form"),
    [
        (b"SELECT 1", "SELECT", None),
        (b"(select 1) union all select 2 format JSON;", "SELECT", "JSON"),
        (
            b"-- FORMAT CSV\nselect ' FORMAT TSV', (select 1 format) FORMAT Native SETTINGS a = 1",
            "SELECT",
            "Native",
        ),
        (b"  /* nothing */ ", "", None),
        (b"INSERT INTO t VALUES (1) FORMAT x", "INSERT", None),
    ],
)
def test_describes_a_statement(sql: bytes, keyword: str, form: str | None) -> None:
    """The first word and the named format."""
    statement = describe(sql)
    assert (statement.keyword, statement.format) == (keyword, form)


def test_sees_files() -> None:
    """Statements that would touch the server's files are known before they run."""
    assert describe(b"SELECT 1 INTO/**/OUTFILE 'x'").writes_outfile
    assert describe(b"INSERT INTO t FROM INFILE 'x' FORMAT CSV").reads_infile
    assert not describe(b"SELECT 'INTO OUTFILE'").writes_outfile


def test_kill_names_the_clients_id() -> None:
    """The engine makes its own query ids; the client's is the log comment."""
    text = b"KILL QUERY WHERE query_id = 'query_id' SYNC"
    assert put_kill_target(text) == b"KILL QUERY WHERE Settings['log_comment'] = 'query_id' SYNC"
