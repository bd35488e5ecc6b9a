"""Joins with a table: keys are chosen by whoever sends events, and no key stops a flow."""

from collections.abc import Hashable
from threading import Thread
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from dataflows.kit import Events, Stdout, drop_repeats, join_table, map_events, prop, write
from dataflows.kit.errors import LookupRefused
from dataflows.kit.lookups import PostgresLookup
from dataflows.kit.testing import FlowTest, event
from tests.dataflows.kit.test_steps import flow_of
from tests.dataflows.running_flow import wait_until
from tests.fixtures_postgres import PostgresServer
from tests.tcp_proxy import TcpProxy

KEYS: list[Hashable] = ["ann", 7, 7.5, True, 2**40, 10**30, "a\0b", "", str(UUID(int=7)), (1, 2)]
TABLE = """
CREATE TABLE plans (name text, number bigint, id uuid, plan text);
INSERT INTO plans VALUES ('ann', 7, '00000000-0000-0000-0000-000000000007', 'pro')
"""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT name, plan FROM plans WHERE name = ANY(%s)", "ann"),
        ("SELECT number, plan FROM plans WHERE number = ANY(%s)", 7),
        ("SELECT id::text, plan FROM plans WHERE id = ANY(%s::uuid[])", str(UUID(int=7))),
    ],
)
def test_keys_that_the_table_cannot_have_have_no_row(
    postgres_database: str, query: str, found: Hashable
) -> None:
    """Together with others and alone, whatever the type of the column."""
    with psycopg.connect(postgres_database) as connection:
        connection.execute(TABLE.encode())
    for keys in [KEYS, *([key] for key in KEYS)]:
        lookup = PostgresLookup(postgres_database, query, refresh=60, most=100)
        assert lookup.ask(keys) == {key: ["pro"] if key == found else None for key in keys}
        lookup.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT nothing FROM plans WHERE name = ANY(%s)",
        "SELECT name, 1 / 0 FROM plans WHERE name = ANY(%s) OR true",
        "SELECT name FROM plans WHERE name = nonsense(%s)",
    ],
)
def test_a_query_that_no_key_can_help_is_refused(postgres_database: str, query: str) -> None:
    """Rather than taken for a table without rows."""
    with psycopg.connect(postgres_database) as connection:
        connection.execute(TABLE.encode())
    lookup = PostgresLookup(postgres_database, query, refresh=60, most=100)
    with pytest.raises(LookupRefused):
        lookup.ask(["ann", 7])
    lookup.close()


def test_a_join_that_waits_for_postgres_logs_nobodys_id(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    """The key of a row is mostly a person's."""
    with psycopg.connect(postgres_database) as connection:
        connection.execute(TABLE.encode())
    database = psycopg.conninfo.conninfo_to_dict(postgres_database)["dbname"]
    tcp = postgres_server.url(str(database), tcp=True)
    with TcpProxy(postgres_server.port) as proxy, capture_logs() as logs:
        proxy.cut()
        dsn = make_conninfo(tcp, host=proxy.host, port=proxy.port)
        lookup = PostgresLookup(
            dsn, "SELECT name, plan FROM plans WHERE name = ANY(%s)", refresh=60, most=100
        )
        asking = Thread(target=lookup.ask, args=[["ann"]])
        asking.start()
        wait_until(lambda: "retry" in str(logs), "a second try")
        proxy.restore()
        asking.join()
        lookup.close()
    assert "ann" not in str(logs)


def test_steps_take_keys_of_any_size() -> None:
    """JSON has integers of any size; those beyond 64 bits are looked up, and told apart, as text."""

    def wire(events: Events) -> None:
        first = drop_repeats("first", events, key=prop("x"))
        joined = join_table("plans", first, on=prop("x"), query="…", columns=["plan"])
        write(
            "out",
            map_events("rows", joined, lambda e: {"plan": e.properties["plan"], "id": e.name}),
            Stdout(),
        )

    test = FlowTest(flow_of(wire))
    test.table("plans", {str(10**30): {"plan": "pro"}, 5: {"plan": "free"}})
    for name, value in (
        ("a", 10**30),
        ("b", 10**30),
        ("c", 10**31),
        ("d", 5),
        ("e", [10**30]),
        ("f", [10**30]),
    ):
        test.feed(event(name, distinct_id="ann", x=value))
    assert {row["id"]: row["plan"] for row in test.rows("out")} == {
        "a": "pro",
        "c": None,
        "d": "free",
        "e": None,
    }
