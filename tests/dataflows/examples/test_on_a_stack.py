"""All examples at once, as they stand, on a real stack; the queries of their pages find what they made."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import psycopg
import pytest

from smolhog.embedded.postgres_cluster import Cluster
from tests.dataflows.examples.history import History, json_of
from tests.dataflows.kit.receiver import SECRET, Receiver, running_receiver
from tests.dataflows.running_flow import wait_until
from tests.whole_stack import WholeStack, whole_stack

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "dataflows" / "examples"
PAGES = ROOT / "docs" / "flows"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if (folder / f"{folder.name}.py").exists())
PARTITIONS = 2


@dataclass
class Ran:
    """A stack on which all examples have seen the history."""

    stack: WholeStack
    history: History
    alerts: Receiver
    carts: Receiver

    def clickhouse(self, query: str) -> list[tuple[Any, ...]]:
        """Rows that ClickHouse answers."""
        port = int(self.stack.environment["SMOLHOG_CLICKHOUSE_PORT"])
        with clickhouse_connect.get_client(host="127.0.0.1", port=port, database="smolhog") as client:
            return [tuple(row) for row in client.query(query).result_rows]

    def postgres(self, query: str) -> list[tuple[Any, ...]]:
        """Rows that PostgreSQL answers."""
        url = Cluster(Path(self.stack.environment["SMOLHOG_DATA"]) / "postgres").url()
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            return connection.execute(query.encode()).fetchall()

    def at(self, minutes: float) -> datetime:
        """A moment of the history."""
        return self.history.begin + timedelta(minutes=minutes)


def block(page: str, language: str) -> str:
    """The first block of code in a language on an example's page."""
    found = re.search(rf"```{language}\n(.*?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def written_history() -> History:
    """Three hours in a shop: people who buy and who do not, and sign-ups that suddenly cease."""
    history = History(PARTITIONS)
    steps = ("product_viewed", "added_to_cart", "checkout_started", "purchase")
    for person, reached in (("ann@example.org", 3), ("ben", 4), ("eve", 1), ("dan", 2)):
        for number, step in enumerate(steps[:reached]):
            more: dict[str, object] = {"price": 20} if step == "added_to_cart" else {}
            more |= {"amount": 7.5, "currency": "EUR"} if step == "purchase" else {}
            history.add(
                1 + number, step, person, session_id=f"session-{person}", email="x@example.org", **more
            )
    for minutes, visitor, page in ((0, "guest", "/"), (10, "guest", "/prices"), (3, "passer-by", "/")):
        history.add(minutes, "$pageview", visitor, **{"$current_url": page})
    for window, number in enumerate((40, 40, 40, 40, 40, 40, 5, 40)):
        for user in range(number):
            history.add(window * 5 + 0.01 * user, "signup", f"user-{user}", session_id="s")
    history.tell_time(43)
    history.tell_time(180)
    return history


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    """Start everything, wait until all flows read, and write the history."""
    with running_receiver(1, failing=0) as alerts, running_receiver(2, failing=0) as carts:
        settings = {
            "SMOLHOG_FLOWS": str(EXAMPLES),
            "SMOLHOG_FLOW_METRICS_PORT": "0",
            "SMOLHOG_PARTITIONS": str(PARTITIONS),
            "ALERT_WEBHOOK_URL": alerts.url,
            "ALERT_WEBHOOK_SECRET": SECRET,
            "CART_WEBHOOK_URL": carts.url,
            "CART_WEBHOOK_SECRET": SECRET,
        }
        with whole_stack(settings=settings) as stack:

            def all_run() -> bool:
                flows = json.loads(stack.smolhog("flow", "list", "--json").stdout)
                return sorted(flow["name"] for flow in flows if flow["state"] == "runs") == NAMES

            wait_until(all_run, "all flows running", stack.output)
            history = written_history()
            asyncio.run(history.append_to(f"sqlite:///{stack.environment['SMOLHOG_DATA']}/log"))
            yield Ran(stack, history, alerts, carts)


@pytest.mark.timeout(600)
def test_all_examples_run_on_a_stack_and_their_queries_have_answers(ran: Ran) -> None:
    """Each does what its page says, beside all others."""
    revenue_is_there_by_minute_and_currency(ran)
    sessions_were_found(ran)
    carts_that_were_left_are_told_of(ran)
    the_funnel_knows_who_got_how_far(ran)
    the_drop_was_told_and_its_end(ran)
    the_masked_stream_can_be_read_by_another_flow(ran)
    assert ran.alerts.wrong == ran.carts.wrong == []


def revenue_is_there_by_minute_and_currency(ran: Ran) -> None:
    """One purchase."""
    expected = [(ran.at(4), "EUR", 1, 7.5)]
    query = block("revenue", "sql")
    wait_until(lambda: zoned(ran.clickhouse(query)) == expected, "the revenue", ran.stack.output)


def sessions_were_found(ran: Ran) -> None:
    """Two of events without session ids: ten minutes with two pages, and one that bounced."""
    query = block("sessions", "sql")
    expected = [(ran.at(0), 2, 0.5, 300.0)]
    wait_until(lambda: zoned(ran.clickhouse(query)) == expected, "the sessions", ran.stack.output)


def carts_that_were_left_are_told_of(ran: Ran) -> None:
    """Two of the three; the mailer is called with what the table has."""
    query = block("abandoned_carts", "sql")
    expected = {("ann@example.org", ran.at(2), 1, 20.0), ("dan", ran.at(2), 1, 20.0)}
    wait_until(lambda: set(ran.postgres(query)) == expected, "the carts", ran.stack.output)
    wait_until(lambda: len(ran.carts.bodies) == 2, "calls of the mailer", ran.stack.output)
    assert {call["distinct_id"] for call in json_of(ran.carts.bodies.values())} == {"ann@example.org", "dan"}


def the_funnel_knows_who_got_how_far(ran: Ran) -> None:
    """Four looked, three took something, two went to the checkout, one bought."""
    query = block("funnel", "sql")
    expected = [(1, 4), (2, 3), (3, 2), (4, 1)]
    wait_until(lambda: ran.postgres(query) == expected, "the funnel", ran.stack.output)


def the_drop_was_told_and_its_end(ran: Ran) -> None:
    """Two calls, as the page shows them; nothing was given up."""
    wait_until(lambda: len(ran.alerts.bodies) >= 2, "calls about the drop", ran.stack.output)
    raised, cleared = json_of(ran.alerts.bodies.values())[:2]
    assert (raised["state"], raised["value"], raised["before"]) == ("raised", 5.0, [40.0] * 6)
    assert (cleared["state"], cleared["alert_id"]) == ("cleared", raised["alert_id"])
    assert raised.keys() == json.loads(block("sudden_change", "json")).keys()
    assert ran.postgres(block("sudden_change", "sql")) == []


def the_masked_stream_can_be_read_by_another_flow(ran: Ran) -> None:
    """The flow of the page, by hand: every event, and nobody's name."""
    folder = Path(ran.stack.environment["SMOLHOG_DATA"]).parent
    (folder / "reader.py").write_text(block("masking", "python"))
    output = folder / "reader.jsonl"
    with output.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "smolhog", "flow", "run", str(folder / "reader.py")],
            env=ran.stack.environment,
            stdout=lines,
            stderr=subprocess.DEVNULL,
        )
    total = ran.postgres("SELECT count(*) FROM events")
    try:
        wait_until(lambda: output.read_text().count("\n") == 298, f"298 lines of {total}", output)
    finally:
        process.kill()
        process.wait()
    text = output.read_text()
    assert "example.org" not in text
    assert len({json.loads(line)["id"] for line in text.splitlines()}) == 298


def zoned(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Give ClickHouse's times, which are UTC and do not say so, their zone."""
    return [
        tuple(
            cell.replace(tzinfo=UTC) if isinstance(cell, datetime) and cell.tzinfo is None else cell
            for cell in row
        )
        for row in rows
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_has_a_test_and_a_page(name: str) -> None:
    """Less than sixty lines, as its page says; the table of pages names it."""
    assert len((EXAMPLES / name / f"{name}.py").read_text().splitlines()) < 60
    assert (EXAMPLES / name / f"test_{name}.py").exists()
    assert f"dataflows/examples/{name}/{name}.py" in (PAGES / f"{name}.md").read_text()
    assert f"]({name}.md)" in (PAGES / "README.md").read_text()
