"""Who gets how far on the way to a purchase: told as it happens, and kept for questions."""

from typing import Any

from dataflows.kit import (
    Event,
    EventBatch,
    Events,
    EventStream,
    Flow,
    LogSource,
    PostgresTable,
    drop_repeats,
    filter_events,
    map_events,
    write,
)

STEPS = ("product_viewed", "added_to_cart", "checkout_started", "purchase")

flow = Flow(
    "funnel",
    source=LogSource(start="beginning"),
    migrations="tables",
    description="Each person's first time at each step",
)


@flow.steps
def steps(events: Events) -> None:
    """The first time that a person comes to a step in thirty days: as an event of its own, and as a row."""
    at_steps = filter_events("at_steps", events, names=STEPS)
    first = drop_repeats("first", at_steps, key=_person_and_step, days=30)
    write("live", map_events("progress", first, _progress), EventStream("funnel"))
    write(
        "table",
        map_events("rows", first, _row),
        PostgresTable("funnel_steps", key=("project_id", "distinct_id", "step")),
    )


def _person_and_step(batch: EventBatch) -> list[tuple[str, str]]:
    return list(zip(batch.distinct_ids, batch.names, strict=True))


def _progress(event: Event) -> Event:
    step = {"step": STEPS.index(event.name) + 1, "of": len(STEPS), "name": event.name}
    # Without an id it is given one, the same at each replay.
    return event._replace(name="funnel_step_reached", event_id="", properties=step)


def _row(event: Event) -> dict[str, Any]:
    step = STEPS.index(event.name) + 1
    return {
        "project_id": event.project_id,
        "distinct_id": event.distinct_id,
        "step": step,
        "reached_at": event.timestamp,
    }
