"""People of two companies, and one of none, whose every number can be counted by hand."""

from datetime import datetime, timedelta

from smolhog_client import Event

PLANS = {"acme": "pro", "globex": "free"}
MEMBERS = {"acme": 4, "globex": 2}
REPORTERS = {"acme": 3, "globex": 1}

# Besides, somebody of no company opens it.
OPENED = sum(MEMBERS.values()) + 1
EVENTS = len(PLANS) + OPENED + sum(REPORTERS.values())


def events(now: datetime) -> list[Event]:
    """Each member opens the app, some of each company make a report two minutes later; the plans are said before."""
    start = now - timedelta(minutes=10)
    made = [
        Event(
            event="$groupidentify",
            distinct_id="billing",
            properties={"$group_type": "company", "$group_key": company, "$group_set": {"plan": plan}},
            timestamp=start,
        )
        for company, plan in PLANS.items()
    ]
    for company, members in MEMBERS.items():
        groups = {"$groups": {"company": company}, "plan": "of the event"}
        for number in range(members):
            who = f"{company}-{number}"
            made.append(Event("open", who, groups, start + timedelta(minutes=2)))
            if number < REPORTERS[company]:
                made.append(Event("report", who, groups, start + timedelta(minutes=4)))
    return [*made, Event("open", "nobody", {"plan": "of the event"}, start)]
