"""Calls a webhook when an event suddenly comes much less often than before, or much more often."""

import os
from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean

from dataflows.kit import (
    Events,
    Flow,
    LogSource,
    Webhook,
    alert,
    count,
    filter_events,
    total_windows,
    tumbling_windows,
    write,
)

WATCHED = {"purchase", "signup"}

flow = Flow(
    "sudden_change",
    # An alert about last week would help nobody.
    source=LogSource(start="end"),
    description="Alerts on drops and spikes",
)


@flow.steps
def steps(events: Events) -> None:
    """Totals of five minutes over all partitions, each compared with those of the hour before."""
    watched = filter_events("watched", events, names=WATCHED)
    counts = tumbling_windows(
        "counts", watched, length=timedelta(minutes=5), by={"event": "event"}, values={"events": count()}
    )
    alerts = alert(
        "alerts",
        total_windows("totals", counts),
        value="events",
        history=12,
        raise_when=lambda events, before: _is_far(events, before, drop=0.5, spike=3.0),
        # Closer to the usual than what raises it, so that it does not flap.
        clear_when=lambda events, before: not _is_far(events, before, drop=0.7, spike=2.0),
    )
    url = os.environ.get("ALERT_WEBHOOK_URL", "http://127.0.0.1:9000/alerts")
    write("webhook", alerts, Webhook(url, secret=os.environ.get("ALERT_WEBHOOK_SECRET")))


def _is_far(events: float, before: Sequence[float], *, drop: float, spike: float) -> bool:
    usual = fmean(before) if len(before) >= 6 else 0
    # Of a few events nothing can be said.
    return usual >= 20 and not usual * drop <= events <= usual * spike
