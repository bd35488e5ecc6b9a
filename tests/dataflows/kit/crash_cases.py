"""The cases of the crash suite: each a flow over one step and one sink, and an oracle that counts by hand.

An oracle sees the events that were sent, and nothing of the kit.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dataflows.kit import (
    ClickHouseTable,
    Events,
    PostgresTable,
    count,
    filter_events,
    prop,
    sum_of,
    tumbling_windows,
    window_partials,
    write,
)
from tests.dataflows.kit.flow_stack import FlowStack
from tests.dataflows.kit.ledger import Ledger

MINUTE = timedelta(minutes=1)
Effect = Counter[Any]


@dataclass(frozen=True)
class Case:
    """One flow, and what it must have done in the end.

    Attributes:
        step: what it is about, for the table.
        sink: likewise.
        wire: wires the flow.
        found: reads its effect.
        expected: the effect that brute force says.
        postgres: makes its table there.
        clickhouse: likewise.
    """

    step: str
    sink: str
    wire: Callable[[Events], None]
    found: Callable[[FlowStack], Effect]
    expected: Callable[[Ledger], Effect]
    postgres: str = ""
    clickhouse: str = ""

    @property
    def name(self) -> str:
        """Of the case."""
        return f"{self.step}-{self.sink}".replace(" ", "_")


_BY = {"currency": prop("currency")}
_VALUES = {"orders": count(), "amount": sum_of(prop("amount"))}


def _purchases(events: Events) -> Events:
    return filter_events("purchases", events, names={"purchase"})


def _minute_sums(ledger: Ledger) -> Effect:
    sums: Effect = Counter()
    for sent in ledger.events:
        if sent.name == "purchase":
            minute = sent.time.replace(second=0)
            sums[minute.strftime("%H:%M"), sent.currency, "orders"] += 1
            sums[minute.strftime("%H:%M"), sent.currency, "amount"] += sent.amount
    return sums


def _as_sums(rows: list[dict[str, Any]]) -> Effect:
    sums: Effect = Counter()
    for row in rows:
        for value in ("orders", "amount"):
            sums[row["minute"], row["currency"], value] += int(row[value])
    return sums


def _tumbling(events: Events) -> None:
    minutes = tumbling_windows("minutes", _purchases(events), length=MINUTE, by=_BY, values=_VALUES)
    write("out", minutes, ClickHouseTable("minutes"))


def _partials(events: Events) -> None:
    minutes = window_partials("minutes", _purchases(events), length=MINUTE, by=_BY, values=_VALUES)
    write("out", minutes, PostgresTable("minutes", ("project_id", "currency", "window_start"), "add"))


CASES = [
    Case(
        "tumbling windows",
        "ClickHouse table",
        _tumbling,
        lambda stack: _as_sums(
            stack.clickhouse(
                "SELECT formatDateTime(window_start, '%H:%i') AS minute, currency, sum(orders) AS orders, "
                "sum(amount) AS amount FROM minutes FINAL GROUP BY minute, currency"
            )
        ),
        _minute_sums,
        clickhouse="""CREATE TABLE IF NOT EXISTS minutes (
            project_id UInt32, currency String, window_start DateTime('UTC'), orders UInt64, amount Float64,
            log_id Int64, log_partition String, segment Int64, version Int64
        ) ENGINE = ReplacingMergeTree(version)
        ORDER BY (project_id, currency, window_start, log_id, log_partition, segment)""",
    ),
    Case(
        "partial windows",
        "PostgreSQL table (add)",
        _partials,
        lambda stack: _as_sums(
            stack.postgres(
                "SELECT to_char(window_start, 'HH24:MI') AS minute, currency, orders, amount FROM minutes"
            )
        ),
        _minute_sums,
        postgres="""CREATE TABLE minutes (
            project_id integer, currency text, window_start timestamptz, orders bigint, amount double precision,
            PRIMARY KEY (project_id, currency, window_start)
        )""",
    ),
]

BY_NAME = {case.name: case for case in CASES}
