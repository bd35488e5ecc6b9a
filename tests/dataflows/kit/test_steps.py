"""Every step of the kit under the harness: the numbers of brute force, and crashes change none."""

from datetime import timedelta
from typing import Any

from dataflows.kit import (
    ClickHouseTable,
    Event,
    Events,
    EventStream,
    Flow,
    LogSource,
    PostgresTable,
    Stdout,
    Webhook,
    alert,
    count,
    count_of,
    distinct_of,
    drop_repeats,
    enrich,
    filter_events,
    join_table,
    map_batches,
    map_events,
    map_rows,
    max_of,
    mean_of,
    min_of,
    named,
    prop,
    session_windows,
    sliding_windows,
    sum_of,
    top_k,
    top_of,
    total_windows,
    tumbling_windows,
    write,
)
from dataflows.kit.testing import FlowTest, event

MINUTE = timedelta(minutes=1)
USERS = ("ann", "bob", "cid", "dan")


def flow_of(wire: Any) -> Flow:
    """A flow of some steps."""
    flow = Flow("tested", source=LogSource())
    flow.steps(wire)
    return flow


def test_sessions_end_by_their_gap_whatever_order_events_come_in() -> None:
    """Events between two sessions join them; one that comes after the end is a session of its own."""

    def wire(events: Events) -> None:
        sessions = session_windows(
            "sessions",
            events,
            gap=10 * MINUTE,
            grace=10 * MINUTE,
            values={"events": count(), "last": max_of(prop("n"))},
        )
        rows = map_rows("rows", sessions, lambda s: {**s.by, "seconds": s.end - s.start, **s.values})
        write("out", rows, PostgresTable("sessions", mode="insert"))

    test = FlowTest(flow_of(wire))
    test.feed(event("a", distinct_id="ann", at="12:00", n=1), event("a", distinct_id="bob", at="12:01", n=2))
    test.feed(event("a", distinct_id="ann", at="12:15", n=3))
    test.feed(event("a", distinct_id="ann", at="12:08", n=4))
    test.advance_to("12:22")
    test.feed(event("a", distinct_id="bob", at="12:02", n=5))
    test.advance_to("13:00")
    assert sorted(map(repr, test.rows("out"))) == sorted(
        map(
            repr,
            [
                {"distinct_id": "ann", "seconds": 900, "events": 3, "last": 4},
                {"distinct_id": "bob", "seconds": 0, "events": 1, "last": 2},
                {"distinct_id": "bob", "seconds": 0, "events": 1, "last": 5},
            ],
        )
    )
    assert test.assert_crash_safe() > 10


def test_sliding_windows_hold_what_brute_force_counts() -> None:
    """Three minutes long, one each minute."""

    def wire(events: Events) -> None:
        windows = sliding_windows("w", events, length=3 * MINUTE, every=MINUTE, by={}, values={"n": count()})
        write("out", windows, ClickHouseTable("w"))

    test = FlowTest(flow_of(wire))
    minutes = [3, 4, 4, 6, 9]
    for number, minute in enumerate(minutes):
        test.feed(event("a", distinct_id=USERS[number % 4], at=f"12:0{minute}:30"))
    test.feed(event("a", distinct_id="ann", at="12:05:59"))
    test.advance_to("12:30")
    found = {start.minute: n for (start,), n in test.totals("out", "n", ["window_start"]).items()}
    events = [*minutes, 5]
    expected = {s: n for s in range(10) if (n := sum(s <= minute < s + 3 for minute in events))}
    assert found == expected
    assert test.assert_crash_safe() > 10


def test_every_aggregate_says_what_brute_force_says() -> None:
    """Over both partitions."""

    def wire(events: Events) -> None:
        values = {
            "n": count(),
            "named": count_of(named("a")),
            "sum": sum_of(prop("x")),
            "min": min_of(prop("x")),
            "max": max_of(prop("x")),
            "mean": mean_of(prop("x")),
            "users": distinct_of("distinct_id"),
            "top": top_of(prop("x"), 2),
        }
        windows = tumbling_windows("w", events, length=MINUTE, by={"event": "event"}, values=values)
        write("out", total_windows("all", windows), Stdout())

    test = FlowTest(flow_of(wire))
    for x in (3, 1, 3, 8, 3, 8):
        test.feed(event("a", distinct_id=USERS[x % 4], at="12:00:20", x=x))
    test.feed(event("a", at="12:00:30", x="no number"))
    test.advance_to("12:05")
    (row,) = [row for row in test.rows("out") if row["n"]]
    assert {name: row[name] for name in ("n", "named", "sum", "min", "max", "users")} == {
        "n": 7,
        "named": 7,
        "sum": 26,
        "min": 1,
        "max": 8,
        "users": 3,
    }
    assert round(row["mean"], 6) == round(26 / 6, 6)
    assert row["top"] == [("3", 3), ("8", 2)]
    assert test.assert_crash_safe() > 10


def test_a_repeat_by_a_key_of_ones_own_is_dropped_after_a_crash_too() -> None:
    """The first of an order counts, and goes on counting when the log is read again."""

    def wire(events: Events) -> None:
        orders = drop_repeats("orders", events, key=prop("order"))
        write("out", map_events("rows", orders, lambda e: {"order": e.properties.get("order")}), Stdout())

    test = FlowTest(flow_of(wire))
    for order in (1, 2, 1, None, 3, 2, None):
        test.feed(event("order", distinct_id="ann", order=order))
    assert [row["order"] for row in test.rows("out")] == [1, 2, None, 3, None]
    assert test.assert_crash_safe() > 5


def test_enriching_mapping_and_filtering() -> None:
    """By batch and by event."""

    def wire(events: Events) -> None:
        euros = enrich("rates", events, on=prop("currency"), lookup={"USD": 0.5, "EUR": 1.0}, name="rate")
        paid = filter_events("paid", euros, projects={1}, where=lambda e: e.properties["rate"] is not None)
        upper = map_batches("upper", paid, lambda b: b.with_properties("name", [n.upper() for n in b.names]))
        rows = map_events(
            "rows",
            upper,
            lambda e: {"name": e.properties["name"], "euros": e.properties["x"] * e.properties["rate"]},
        )
        write("out", rows, ClickHouseTable("t"))

    test = FlowTest(flow_of(wire))
    test.feed(
        event("a", x=4, currency="USD"), event("b", x=3, currency="EUR"), event("c", x=1, currency="GBP")
    )
    test.feed(event("d", x=4, currency="USD", project_id=2))
    assert test.rows("out") == [{"name": "A", "euros": 2.0}, {"name": "B", "euros": 3.0}]


def test_a_join_puts_the_columns_of_a_row() -> None:
    """``None`` where there is none."""

    def wire(events: Events) -> None:
        joined = join_table("plans", events, on="distinct_id", query="…", columns=["plan"])
        write("out", map_events("rows", joined, lambda e: {"plan": e.properties["plan"]}), Stdout())

    test = FlowTest(flow_of(wire))
    test.table("plans", {"ann": {"plan": "pro"}})
    test.feed(event("a", distinct_id="ann"))
    test.feed(event("a", distinct_id="bob"))
    assert sorted(str(row["plan"]) for row in test.rows("out")) == ["None", "pro"]


def test_alerts_are_raised_once_and_cleared_once() -> None:
    """Also for a key that falls silent altogether; crashes raise none again."""

    def wire(events: Events) -> None:
        minutes = tumbling_windows("w", events, length=MINUTE, by={"event": "event"}, values={"n": count()})
        alerts = alert(
            "drop",
            total_windows("all", minutes),
            value="n",
            raise_when=lambda n, before: len(before) >= 3 and n < sum(before) / len(before) / 2,
            clear_when=lambda n, _: n >= 3,
        )
        write("out", alerts, Webhook("http://unused"))

    test = FlowTest(flow_of(wire))
    for minute, number in enumerate((4, 4, 4, 0, 0, 4, 4)):
        for index in range(number):
            test.feed(event("pay", distinct_id=USERS[index], at=f"12:{minute:02}:10"))
        test.feed(event("other", at=f"12:{minute:02}:20"))
    test.advance_to("12:09:01")
    found = [(row["state"], row["window_start"].minute, row["by"]) for row in test.rows("out")]
    assert found == [("raised", 3, {"event": "pay"}), ("cleared", 5, {"event": "pay"})]
    assert len({row["alert_id"] for row in test.rows("out")}) == 1
    assert test.assert_crash_safe() > 10


def test_the_largest_keys_over_all_partitions() -> None:
    """In order, ties by name."""

    def wire(events: Events) -> None:
        minutes = tumbling_windows(
            "w", events, length=MINUTE, by={"page": prop("page")}, values={"n": count()}
        )
        write("out", top_k("top", total_windows("all", minutes, zeros=0), by="n", k=2), Stdout())

    test = FlowTest(flow_of(wire), partitions=3)
    for number, page in enumerate("aabbbcdabcb"):
        test.feed(event("look", distinct_id=USERS[number % 4], at="12:00:01", page=page))
    test.advance_to("12:05")
    assert [(row["rank"], row["page"], row["n"]) for row in test.rows("out")] == [(1, "b", 5), (2, "a", 3)]
    assert test.assert_crash_safe() > 10


def test_events_go_into_another_stream() -> None:
    """Masked, under the same ids."""

    def mask(one: Event) -> Event:
        return one._replace(properties={"email": "hidden"})

    def wire(events: Events) -> None:
        write("out", map_events("mask", events, mask), EventStream("masked"))

    test = FlowTest(flow_of(wire))
    sent = event("a", email="ann@x.org")
    test.feed(sent)
    (row,) = test.rows("out")
    assert (row["event_id"], row["properties"]) == (sent.logged.event_id, {"email": "hidden"})
