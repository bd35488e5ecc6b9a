"""Carts that somebody filled and left: into a table, and to whoever writes to their owners."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from dataflows.kit import (
    Events,
    Flow,
    LogSource,
    PostgresTable,
    Webhook,
    Window,
    count_of,
    filter_events,
    map_rows,
    named,
    prop,
    session_windows,
    sum_of,
    write,
)

PUT, BUY = "added_to_cart", "purchase"
# From now on: nobody wants a letter about a cart of last month.
flow = Flow("abandoned_carts", source=LogSource(start="end"), migrations="tables", description="Carts left")


@flow.steps
def steps(events: Events) -> None:
    """A cart is what a person puts in without a pause of half an hour; it is left if no purchase came by then."""
    touched = filter_events("touched", events, names={PUT, BUY})
    carts = session_windows(
        "carts",
        touched,
        gap=timedelta(minutes=30),
        values={
            "items": count_of(named(PUT)),
            "worth": sum_of(prop("price")),
            "bought": count_of(named(BUY)),
        },
    )
    left = map_rows("left", carts, _row)
    write("table", left, PostgresTable("abandoned_carts", key=("project_id", "distinct_id", "left_at")))
    url = os.environ.get("CART_WEBHOOK_URL", "http://127.0.0.1:9000/carts")
    write("webhook", left, Webhook(url, secret=os.environ.get("CART_WEBHOOK_SECRET")))


def _row(cart: Window) -> dict[str, Any] | None:
    if cart.values["bought"]:
        return None
    return {
        "project_id": cart.project_id,
        **cart.by,
        "left_at": datetime.fromtimestamp(cart.end, UTC),
        "items": cart.values["items"],
        "worth": cart.values["worth"],
    }
