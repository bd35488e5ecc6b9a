"""The cases of the crash suite: each a flow over one step and one sink, and an oracle that counts by hand.

Every step and every sink of the kit is in some case; a test sees to that.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dataflows.kit import (
    Alert,
    ClickHouseTable,
    Event,
    Events,
    EventStream,
    PostgresTable,
    Stdout,
    Webhook,
    alert,
    closed_windows,
    count,
    drop_repeats,
    enrich,
    filter_events,
    join_table,
    map_batches,
    map_events,
    map_rows,
    prop,
    session_windows,
    sliding_windows,
    sum_of,
    top_k,
    total_windows,
    tumbling_windows,
    window_partials,
    write,
)
from tests.dataflows.kit import oracles
from tests.dataflows.kit.flow_stack import FlowStack
from tests.dataflows.kit.ledger import Ledger
from tests.dataflows.kit.oracles import Effect
from tests.dataflows.kit.receiver import SECRET

MINUTE = timedelta(minutes=1)


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
        return self.step


_BY = {"currency": prop("currency")}
_VALUES = {"orders": count(), "amount": sum_of(prop("amount"))}
_WINDOWS = """CREATE TABLE IF NOT EXISTS out (
    project_id UInt32, currency String, window_start DateTime('UTC'), orders UInt64, amount Float64,
    log_id Int64, log_partition String, segment Int64, version Int64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, currency, window_start, log_id, log_partition, segment)"""


def _purchases(events: Events) -> Events:
    return filter_events("purchases", events, names={"purchase"})


def _sums(rows: list[dict[str, Any]]) -> Effect:
    sums: Effect = Counter()
    for row in rows:
        for value in ("orders", "amount"):
            sums[row["minute"], row["currency"], value] += int(row[value])
    return sums


def _clickhouse_sums(stack: FlowStack) -> Effect:
    return _sums(
        stack.clickhouse(
            "SELECT formatDateTime(window_start, '%H:%i') AS minute, currency, sum(orders) AS orders, "
            "sum(amount) AS amount FROM out FINAL GROUP BY minute, currency"
        )
    )


def _postgres_sums(stack: FlowStack) -> Effect:
    return _sums(
        stack.postgres("SELECT to_char(window_start, 'HH24:MI') AS minute, currency, orders, amount FROM out")
    )


def _ids(stack: FlowStack) -> Effect:
    return Counter(str(row["event_id"]) for row in stack.postgres("SELECT event_id FROM out"))


def _tumbling(events: Events) -> None:
    windows = tumbling_windows("w", _purchases(events), length=MINUTE, by=_BY, values=_VALUES)
    write("out", windows, ClickHouseTable("out"))


def _tumbling_upserted(events: Events) -> None:
    windows = tumbling_windows("w", _purchases(events), length=MINUTE, by=_BY, values=_VALUES)
    key = ("project_id", "currency", "window_start", "log_id", "log_partition", "segment")
    write("out", windows, PostgresTable("out", key))


def _sliding(events: Events) -> None:
    windows = sliding_windows(
        "w", _purchases(events), length=5 * MINUTE, every=MINUTE, by=_BY, values=_VALUES
    )
    write("out", windows, ClickHouseTable("out"))


def _closed(events: Events) -> None:
    windows = tumbling_windows("w", _purchases(events), length=MINUTE, by=_BY, values=_VALUES)
    write("out", closed_windows("closed", windows), PostgresTable("out", mode="insert"))


def _partials(events: Events) -> None:
    windows = window_partials("w", _purchases(events), length=MINUTE, by=_BY, values=_VALUES)
    write("out", windows, PostgresTable("out", ("project_id", "currency", "window_start"), "add"))


def _sessions(events: Events) -> None:
    sessions = session_windows("sessions", events, gap=2 * MINUTE, values={"events": count()})
    rows = map_rows("rows", sessions, lambda window: {**window.by, "start": window.start, **window.values})
    write("out", rows, PostgresTable("out", mode="insert"))


def _top(events: Events) -> None:
    windows = tumbling_windows(
        "w", _purchases(events), length=MINUTE, by={"person": "distinct_id"}, values={"orders": count()}
    )
    top = top_k("top", total_windows("all", windows, zeros=0), by="orders", k=3)
    write("out", top, PostgresTable("out", ("project_id", "window_start", "rank")))


def _alerts(events: Events) -> None:
    windows = tumbling_windows("w", _purchases(events), length=MINUTE, by={}, values={"orders": count()})
    alerts = alert(
        "unusual",
        total_windows("all", windows),
        value="orders",
        raise_when=lambda orders, before: len(before) >= 3 and orders > sum(before) / len(before),
        clear_when=lambda orders, before: orders < sum(before) / len(before),
        history=5,
    )
    write("out", alerts, Webhook(os.environ["RECEIVER"], SECRET, body=_said))


def _said(raised: Alert) -> dict[str, Any]:
    return {"minute": f"{raised.window_start:%H:%M}", "state": raised.state, "orders": int(raised.value)}


def _called(stack: FlowStack) -> Effect:
    assert not stack.receiver.wrong, stack.receiver.wrong
    assert not stack.postgres("SELECT * FROM flow_failed_deliveries")
    bodies = [json.loads(body) for body in list(stack.receiver.bodies.values())]
    return Counter((body["minute"], body["state"], body["orders"]) for body in bodies)


def _masked(events: Events) -> None:
    def mask(event: Event) -> Event:
        return event._replace(properties={**event.properties, "email": "hidden"})

    write("out", map_events("mask", events, mask), EventStream("masked"))


def _streamed(stack: FlowStack) -> Effect:
    """Events of the stream as any reader sees them: each id once."""
    events = stack.stream("masked")
    assert all(b'"email":"hidden"' in bytes(event.properties) for event in events)
    return Counter({event.event_id for event in events})


def _printed(events: Events) -> None:
    write("out", map_events("rows", events, lambda event: {"event_id": event.event_id}), Stdout())


def _lines(stack: FlowStack) -> Effect:
    """Lines as a reader sees them who knows repeats by their ``id``."""
    if not stack.log_file.exists():
        return Counter()
    lines: dict[str, str] = {}
    for line in stack.log_file.read_text().splitlines():
        # A kill may cut a line; it comes again whole.
        if line.startswith('{"id"') and line.endswith("}"):
            row = json.loads(line)
            assert lines.setdefault(row["id"], row["event_id"]) == row["event_id"]
    return Counter(lines.values())


def _enriched(events: Events) -> None:
    rates = enrich(
        "rates", _purchases(events), on=prop("currency"), lookup={"EUR": 1.0, "USD": 0.5}, name="rate"
    )
    euros = map_batches(
        "euros",
        rates,
        lambda b: b.with_properties("euros", [p["amount"] * p["rate"] for p in b.properties]),
    )
    rows = map_events("rows", euros, lambda e: {"event_id": e.event_id, "euros": e.properties["euros"]})
    write("out", rows, ClickHouseTable("out"))


def _in_euros(stack: FlowStack) -> Effect:
    rows = stack.clickhouse("SELECT event_id, euros FROM out FINAL")
    return Counter((row["event_id"], row["euros"]) for row in rows)


def _first(events: Events) -> None:
    first = drop_repeats("amounts", events, key=prop("amount"))
    rows = map_events("rows", first, lambda event: {"event_id": event.event_id})
    write("out", rows, PostgresTable("out", mode="insert"))


def _joined(events: Events) -> None:
    """Counted by an answer that changes all the time: if a replay were told another, an event would count twice."""
    query = "SELECT user_id, (random() * 1e9)::bigint::text FROM people WHERE user_id = ANY(%s)"
    joined = join_table(
        "people", events, on="distinct_id", query=query, columns=["mood"], refresh=timedelta(milliseconds=1)
    )
    windows = tumbling_windows(
        "w",
        joined,
        length=60 * MINUTE,
        by={"person": "distinct_id", "mood": prop("mood")},
        values={"n": count()},
        most_keys=1_000_000,
    )
    write("out", windows, ClickHouseTable("out"))


def _by_person(stack: FlowStack) -> Effect:
    rows = stack.clickhouse("SELECT person, sum(n) AS n FROM out FINAL WHERE mood != '' GROUP BY person")
    return Counter({row["person"]: int(str(row["n"])) for row in rows})


_EVENT_ID = "CREATE TABLE out (event_id text)"
_SUMS = "project_id integer, currency text, window_start timestamptz, orders bigint, amount double precision"

CASES = [
    Case(
        "tumbling_windows",
        "ClickHouseTable",
        _tumbling,
        _clickhouse_sums,
        oracles.minute_sums,
        clickhouse=_WINDOWS,
    ),
    Case(
        "tumbling_windows, upserted",
        "PostgresTable (upsert)",
        _tumbling_upserted,
        _postgres_sums,
        oracles.minute_sums,
        f"""CREATE TABLE out ({_SUMS}, log_id bigint, log_partition text, segment bigint, version bigint,
        PRIMARY KEY (project_id, currency, window_start, log_id, log_partition, segment))""",
    ),
    Case(
        "sliding_windows",
        "ClickHouseTable",
        _sliding,
        _clickhouse_sums,
        oracles.sliding_sums,
        clickhouse=_WINDOWS,
    ),
    Case(
        "closed_windows",
        "PostgresTable (insert)",
        _closed,
        _postgres_sums,
        oracles.minute_sums,
        f"CREATE TABLE out ({_SUMS})",
    ),
    Case(
        "window_partials",
        "PostgresTable (add)",
        _partials,
        _postgres_sums,
        oracles.minute_sums,
        f"CREATE TABLE out ({_SUMS}, PRIMARY KEY (project_id, currency, window_start))",
    ),
    Case(
        "session_windows, map_rows",
        "PostgresTable (insert)",
        _sessions,
        lambda stack: Counter(
            {
                row["distinct_id"]: int(str(row["n"]))
                for row in stack.postgres(
                    "SELECT distinct_id, sum(events) AS n FROM out GROUP BY distinct_id"
                )
            }
        ),
        oracles.events_of_users,
        "CREATE TABLE out (distinct_id text, start bigint, events bigint)",
    ),
    Case(
        "total_windows, top_k",
        "PostgresTable (upsert)",
        _top,
        lambda stack: Counter(
            (row["minute"], row["rank"], row["person"], row["orders"])
            for row in stack.postgres("SELECT to_char(window_start, 'HH24:MI') AS minute, * FROM out")
        ),
        oracles.top_of_minutes,
        """CREATE TABLE out (project_id integer, person text, window_start timestamptz, orders bigint, rank integer,
        PRIMARY KEY (project_id, window_start, rank))""",
    ),
    Case("total_windows, alert", "Webhook", _alerts, _called, oracles.alerts),
    Case("map_events", "EventStream", _masked, _streamed, oracles.each_event),
    Case("map_events, printed", "Stdout", _printed, _lines, oracles.each_event),
    Case(
        "filter_events, enrich, map_batches",
        "ClickHouseTable",
        _enriched,
        _in_euros,
        oracles.each_purchase,
        clickhouse="""CREATE TABLE IF NOT EXISTS out (
            event_id String, euros Float64, log_id Int64, log_partition String, log_offset Int64, log_index UInt32
        ) ENGINE = ReplacingMergeTree ORDER BY (log_id, log_partition, log_offset, log_index)""",
    ),
    Case("drop_repeats", "PostgresTable (insert)", _first, _ids, oracles.first_of_each_amount, _EVENT_ID),
    Case(
        "join_table",
        "ClickHouseTable",
        _joined,
        _by_person,
        oracles.events_of_users,
        "CREATE TABLE people AS SELECT 'user_' || n AS user_id FROM generate_series(0, 29) AS n",
        """CREATE TABLE IF NOT EXISTS out (
            project_id UInt32, person String, mood String, window_start DateTime('UTC'), n UInt64,
            log_id Int64, log_partition String, segment Int64, version Int64
        ) ENGINE = ReplacingMergeTree(version)
        ORDER BY (project_id, person, mood, window_start, log_id, log_partition, segment)""",
    ),
]

BY_NAME = {case.name: case for case in CASES}
