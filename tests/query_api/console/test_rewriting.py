"""What people's SQL may be, decided before the store sees it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.console.relations import RELATIONS
from query_api.console.rewriting import rewrite
from query_api.console.words import check_words
from query_api.errors import InvalidParameter


def shown(query: str) -> str:
    """Rewrite, and put the names of the relations back."""
    text = rewrite(query).text
    for name, relation in RELATIONS.items():
        text = text.replace(relation, f"<{name}>")
    return text


@pytest.mark.parametrize(
    ("query", "statement"),
    [
        ("select event from events", 'SELECT "event" FROM <events> AS "events"'),
        ("FROM events SELECT *", 'SELECT * FROM <events> AS "events"'),
        (
            "select e.event, count() n from events e join people p using (person_id) group by all order by n limit 5",
            (
                'SELECT "e"."event", count() AS "n" FROM <events> AS "e" JOIN <people> AS "p" USING ("person_id") '
                'GROUP BY ALL ORDER BY "n" LIMIT 5'
            ),
        ),
        (
            "with t as (select 1 as a) select t.a from t",
            'WITH "smolhog_cte_t" AS (SELECT 1 AS "a") SELECT "t"."a" FROM "smolhog_cte_t" AS "t"',
        ),
        ("select 'it''s', '\\\\', 'a\\nb'", "SELECT {s0:String}, {s1:String}, {s2:String}"),
        ("select now() - interval 7 day", "SELECT now() - INTERVAL 7 DAY"),
        ("select 1 in (select 1) -- gone /* too", "SELECT 1 IN (SELECT 1)"),
        (
            "select quantile(0.9)(toFloat64OrNull(JSONExtractString(properties, 'a b'))) from events",
            (
                'SELECT quantile(0.9)(toFloat64OrNull(JSONExtractString("properties", {s0:String}))) '
                'FROM <events> AS "events"'
            ),
        ),
        (
            (
                "select sum(total) over (partition by event order by bucket rows between 1 preceding and current row) "
                "from rollup_hour"
            ),
            (
                'SELECT sum("total") OVER (PARTITION BY "event" ORDER BY "bucket" rows BETWEEN 1 preceding AND '
                'CURRENT ROW) FROM <rollup_hour> AS "rollup_hour"'
            ),
        ),
    ],
)
def test_queries_are_written_anew(query: str, statement: str) -> None:
    """Tables become filtered subqueries, names are quoted, strings bound, comments gone."""
    assert shown(query) == statement


def test_strings_are_bound_as_they_were_meant() -> None:
    """Escapes are read as ClickHouse reads them, and no text of a string is in the statement."""
    part = rewrite(r"select 'a''b', 'c\'d', 'e\\', '\') or 1 -- '")
    assert list(part.parameters.values()) == ["a'b", "c'd", "e\\", "') or 1 -- "]
    assert "or 1" not in part.text


REFUSED = [
    # Other tables, by any name.
    "select * from system.tables", "select * from `system`.`users`", "select * from smolhog.events",
    "select * from person_facts", "select * from identity_links", "select * from schema_migrations", "select * from Events",
    "select * from events, system.one", "select * from events join system.parts on 1 = 1",
    "select (select count() from identity_links)", "select * from (select * from rollup_positions)",
    "select 1 union all select count() from system.query_log", "select 1 except select project_id from people_feed",
    "with (select count() from system.tables) as n select n", "with x as (select * from system.tables) select * from x",
    "select exists(select 1 from identity_links)", "select quantile(0.5)((select max(x) from system.numbers))",
    "select arrayMap(x -> (select max(number) from system.numbers), [1])", "select 1 order by (select 1 from system.one)",
    "select * from events limit (select 1 from system.one)", "select case when 1 then (select 1 from system.one) end",
    "select count() filter (where (select 1 from system.one)) from events", "select 1 where 1 in (select 1 from system.one)",
    "select sum(1) over (order by (select 1 from system.one))", "select [ (select 1 from system.one) ]",
    "select {'a': (select 1 from system.one)}", "select (1, (select 1 from system.one)).2",
    # WITH that gives names of tables away, or takes them.
    "with events as (select 1) select * from events", "with people as (select 1) select * from people",
    "with identity_links as (select 1) select * from system.identity_links",
    "with recursive t as (select 1 union all select * from t) select * from t",
    # A name on the right of IN is a table.
    "select 1 in events", "select 1 in (events)", "select 1 in ((identity_links))", "select 1 in system.one",
    "select 1 in (system.one)", "select 1 where 1 not in identity_links", "select 1 in (identity_links as x)",
    "select 1 global in (select 1)", "select in(1, events)", "select notIn(1, identity_links)", "select globalIn(1, system.one)",
    "select nullIn(1, identity_links)", "select inIgnoreSet(1, identity_links)",
    # Functions that are tables.
    "select * from url('http://127.0.0.1/', CSV)", "select * from file('/etc/passwd', 'LineAsString')",
    "select * from remote('127.0.0.1', system.one)", "select * from remote('127.0.0.1', smolhog, events)",
    "select * from cluster('default', system.one)", "select * from executable('id', TSV, 'a String')",
    "select * from numbers(10)", "select * from merge('.*')", "select * from merge(currentDatabase(), '.*')",
    "select * from view(select * from system.one)", "select * from viewExplain('EXPLAIN', '', (select 1))",
    "select * from input('a String')", "select * from s3('http://x')", "select * from postgresql('h', 'd', 't', 'u', 'p')",
    "select * from mysql('h', 'd', 't', 'u', 'p')", "select * from generateRandom('a UInt8')", "select * from values('a UInt8', 1)",
    "select * from dictionary('d')", "select * from loop(events)", "select * from mergeTreeIndex(currentDatabase(), events)",
    "select * from null('a UInt8')", "select * from fuzzJSON('x')", "select * from azureBlobStorage('x')", "select * from hdfs('x')",
    "select * from jdbc('x', 'y')", "select * from odbc('x', 'y')", "select * from sqlite('x', 'y')", "select * from python('x')",
    # Functions that read elsewhere, wait, or tell about the server.
    "select file('/etc/passwd')", "select dictGet('d', 'a', 1)", "select dictHas('d', 1)", "select joinGet('j', 'a', 1)",
    "select sleep(3)", "select sleepEachRow(1) from events", "select getSetting('max_threads')", "select getServerSetting('x')",
    "select currentUser()", "select hostName()", "select version()", "select serverUUID()", "select currentDatabase()",
    "select getMacro('x')", "select throwIf(1)", "select hasColumnInTable('system', 'one', 'dummy')", "select uptime()",
    "select addressToLine(1)", "select demangle('x')", "select filesystemAvailable()", "select evalMLMethod(1, 2)",
    "select initializeAggregation('count', 1)", "select arrayReduce('count', [1])", "select catboostEvaluate('x', 1)",
    "select generateRandomStructure()", "select aiGenerate('x')", "select query_id()", "select getClientHTTPHeader('x')",
    "select encrypt('aes-128-ecb', 'a', 'b')", "select meiliMatch('x')", "select `file`('/etc/passwd')", 'select "sleep"(3)',
    "select countState(1)", "select finalizeAggregation(1)", "select runningAccumulate(1)", "select FILE('/etc/passwd')",
    # Other statements, and more than one.
    "insert into events select 1", "drop table events", "alter table events delete where 1", "truncate table events",
    "create table x (a UInt8) engine = Memory", "create view v as select 1", "system shutdown", "kill query where 1",
    "set max_threads = 1", "show tables", "describe table events", "explain select 1", "use system", "grant all on *.* to x",
    "optimize table events", "rename table events to x", "attach table x", "detach table events", "exchange tables a and b",
    "select 1; select 2", "select 1; drop table events", "check table events", "backup table events to File('x')", "values (1)",
    "with x as (select 1) insert into events select * from x", "select 1 into outfile 'x'", "select * into x from events",
    "begin transaction", "execute immediate 'select 1'", "watch x", "exists table events", "undrop table x", "describe (select 1)",
    # Additions that change what is read or how.
    "select * from events settings readonly = 0", "select 1 settings max_memory_usage = 0", "select 1 format Native",
    "select * from (select 1 settings max_threads = 9)", "select * from events final", "select * from events sample 0.1",
    "select * from events prewhere 1", "select columns('.*') from events", "select * apply(sum) from events",
    "select {x:String}", "select {events:Identifier}", "select * from {t:Identifier}",
    "select @@version", "select ?", "select $1", "select * from events as of timestamp '2020-01-01'", "select * from events tablesample (1)",
    # Text that the two readers could understand in different ways.
    "select `a``b`", 'select "a""b"', 'select "a\\"b"', "select `a\\`b`", 'select 1 as `x"y`', "select 1 as `x'y`", "select 1 as `{y}`",
    "select 1 as smolhog_relation_events", "select * from smolhog_relation_events", "select * from smolhog_cte_x",
    "select 1 as `smolhog_relation_events`", "select $$abc$$ || x'41'", "select 0x1F", "select 1 as `a\nb`", "", ";", "--", "/* */",
    "select 'unterminated", "select (1", "select ))", "select \x00", "select 1 \u2028 from events where", "\ufeffdrop table events",
]  # fmt: skip


@pytest.mark.parametrize("query", REFUSED)
def test_everything_else_is_refused(query: str) -> None:
    """With a typed error that names the field, and never another exception."""
    with pytest.raises(InvalidParameter) as caught:
        # Where reading it was possible, no table but the relations may be left.
        shown(query)
    assert caught.value.field == "query"


@pytest.mark.parametrize(
    "query",
    ["(" * 2000 + "1" + ")" * 2000, "select " + "-" * 1500 + "1", "select " + "not " * 3000 + "1", "select 1" + " union all select 1" * 1000,
     "select " + "1+" * 5000 + "1", "select " + "a." * 3000 + "a", "select " + "case when 1 then " * 800 + "1" + " end" * 800,
     "select " + "x -> " * 2000 + "1", "select 1" + "::Int8" * 2000, "select " + "[" * 30 + "]" * 30, "with " + ",".join(f"a{n} as (select 1)" for n in range(900)) + " select 1"],
)  # fmt: skip
def test_deep_queries_end_soon(query: str) -> None:
    """However deep a query nests, it is answered or refused, and nothing breaks."""
    text = None
    with suppress(InvalidParameter):
        text = shown(query)
    assert text is None or text.casefold().startswith(("select", "with"))


_PIECES = ["select", "from", "events", "people", "where", "in", "(", ")", ",", "*", "system.one", "'x'", "union all", "with", "as", "1",
           "url('http://x')", "identity_links", "`", '"', "\\", "'", "--", "/*", "*/", ";", "settings", "readonly=0", "format", "join", "on",
           "x", "->", "[", "]", "{", "}", ":String", "array join", "final", "distinct", "case", "when", "then", "end", "any", "left"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map(" ".join))
def test_nothing_but_relations_is_ever_read(query: str) -> None:
    """Whatever is let through reads relations, names of its own WITH, or nothing."""
    try:
        text = shown(f"select {query}")
    except InvalidParameter:
        return
    check_words(text.translate(str.maketrans("<>", "  ")))
    for word in ("system", "identity_links", "url", "settings", "readonly"):
        assert f"FROM {word}" not in text
        assert f'FROM "{word}' not in text
        assert f'JOIN "{word}' not in text
