"""The steps whose cost is measured one by one, each wired as a flow would wire it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from dataflows import kit
from dataflows.kit.batch import Column

USERS = 5_000
"""So many have a plan: in memory, and in the table `plans`."""

_MINUTE = timedelta(minutes=1)
_QUERY = "SELECT id, plan FROM plans WHERE id = ANY(%s)"


class Case(NamedTuple):
    """A step, and how much of the events should come out of it."""

    name: str
    title: str
    wire: Callable[[kit.Events], Any]
    share: float = 1.0
    """Events that come out, or are counted by what does, for each that goes in; below 0 if only some do."""


def cases() -> list[Case]:
    """Return all steps that are measured."""
    return [*_cases_of_events(), *_cases_of_windows(), *_cases_of_totals()]


def _cases_of_events() -> list[Case]:
    return [
        Case("pass", "Passing through, nothing done", _pass_through),
        Case("filter-names", "`filter_events`, half of the names", _filter_names, -1),
        Case("filter-where", "`filter_events(where=…)`, an event at a time", _filter_where),
        Case("map-events", "`map_events`, a row for each event", _map_events),
        Case("enrich", "`enrich`, a table in memory", _enrich),
        Case("join", "`join_table`, 5,000 rows of PostgreSQL", _join),
        Case("drop-repeats", "`drop_repeats`, an index on disk", _drop_repeats),
    ]


def _cases_of_windows() -> list[Case]:
    return [
        Case("tumbling", "`tumbling_windows` of a minute, `count` by event", _minutes()),
        Case(
            "tumbling-sum",
            "… `count` and `sum_of`, by event and a property",
            _minutes(
                by={"platform": kit.prop("platform")}, values={"revenue": kit.sum_of(kit.prop("price"))}
            ),
        ),
        Case(
            "tumbling-distinct",
            "… `count` and `distinct_of` people, by event",
            _minutes(values={"people": kit.distinct_of("distinct_id")}),
        ),
        Case(
            "tumbling-top",
            "… `count` and `top_of` 10 of 500 pages, by event",
            _minutes(values={"pages": kit.top_of(kit.prop("$current_url"), 10)}),
        ),
        Case("sliding", "`sliding_windows` of five minutes, one each minute", _sliding, 5),
        Case("sessions", "`session_windows` of 5,000 people", _sessions),
        Case("partials", "`window_partials`, by event", _partials),
    ]


def _cases_of_totals() -> list[Case]:
    return [
        Case("closed", "`tumbling_windows` and `closed_windows`", _closed),
        Case("totals", "… and `total_windows` over four partitions", _totals),
        Case("top-k", "… and `top_k` of the totals", _top_k, -1),
        Case("alert", "… and `alert` on the totals", _alert, -1),
    ]


def _pass_through(up: kit.Events) -> Any:
    return kit.map_batches("step", up, lambda batch: batch)


def _filter_names(up: kit.Events) -> Any:
    return kit.filter_events("step", up, names={"home", "catalog", "checkout"})


def _filter_where(up: kit.Events) -> Any:
    return kit.filter_events("step", up, where=lambda event: event.properties["quantity"] > 0)


def _map_events(up: kit.Events) -> Any:
    def row(event: kit.Event) -> dict[str, Any]:
        return {"id": event.event_id, "at": event.timestamp, "price": event.properties["price"]}

    return kit.map_events("step", up, row)


def _enrich(up: kit.Events) -> Any:
    table = {f"user_{user}": "pro" for user in range(USERS)}
    return kit.enrich("step", up, on="distinct_id", lookup=table, name="plan")


def _join(up: kit.Events) -> Any:
    return kit.join_table("step", up, on="distinct_id", query=_QUERY, columns=["plan"])


def _drop_repeats(up: kit.Events) -> Any:
    return kit.drop_repeats("step", up, key="event_id")


def _minutes(
    *, by: dict[str, Column | str] | None = None, values: dict[str, kit.Aggregate] | None = None
) -> Callable[[kit.Events], Any]:
    """Make the wiring of windows of a minute: events counted by name, and whatever else is asked for."""

    def wire(up: kit.Events) -> Any:
        return kit.tumbling_windows(
            "step",
            up,
            length=_MINUTE,
            by={"event": "event"} | (by or {}),
            values={"n": kit.count()} | (values or {}),
        )

    return wire


def _sliding(up: kit.Events) -> Any:
    return kit.sliding_windows(
        "step", up, length=5 * _MINUTE, every=_MINUTE, by={"event": "event"}, values={"n": kit.count()}
    )


def _sessions(up: kit.Events) -> Any:
    return kit.session_windows("step", up, gap=30 * _MINUTE, values={"n": kit.count()})


def _partials(up: kit.Events) -> Any:
    return kit.window_partials("step", up, length=_MINUTE, by={"event": "event"}, values={"n": kit.count()})


def _closed(up: kit.Events) -> Any:
    return kit.closed_windows("closed", _minutes()(up))


def _totals(up: kit.Events) -> Any:
    return kit.total_windows("totals", _minutes()(up))


def _top_k(up: kit.Events) -> Any:
    return kit.top_k("top", _totals(up), by="n", k=3)


def _alert(up: kit.Events) -> Any:
    return kit.alert(
        "alerts",
        _totals(up),
        value="n",
        raise_when=lambda n, before: bool(before) and n < before[-1] / 2,
        clear_when=lambda n, before: n >= before[-1],
    )
