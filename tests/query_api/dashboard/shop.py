"""A handful of people whose every number can be counted by hand."""

from datetime import datetime, timedelta

from smolhog_client import Client, Event

PEOPLE = 10
BUYERS = 3
SIGNED_UP = 6
RETURNED = 5
AMOUNTS = (10.0, 20.0, 30.0)

# Ten visits today, six signups, three purchases; five of the ten came yesterday, too.
VISITS = PEOPLE + RETURNED
EVENTS = VISITS + SIGNED_UP + BUYERS


def events(now: datetime) -> list[Event]:
    """The events of the shop, the last of them a minute ago.

    Each of the ten visits `/`; the first six sign up two minutes later; of these the first three buy a
    minute after that. The first four are on the plan `pro`. The first five also came a day before.
    """
    start = now - timedelta(minutes=4)
    made = []
    for number in range(PEOPLE):
        if number < RETURNED:
            made.append(_event(number, "visit", start - timedelta(days=1), "yesterday"))
        made.append(_event(number, "visit", start))
        if number < SIGNED_UP:
            made.append(_event(number, "signup", start + timedelta(minutes=2)))
        if number < BUYERS:
            bought = start + timedelta(minutes=3)
            made.append(_event(number, "purchase", bought, amount=AMOUNTS[number]))
    return made


def _event(number: int, name: str, when: datetime, visit: str = "today", **properties: object) -> Event:
    who = f"person-{number}"
    plan = "pro" if number < 4 else "free"
    return Event(
        event=name,
        distinct_id=who,
        properties={"plan": plan, "$current_url": "https://shop.example/", **properties},
        timestamp=when,
        session_id=f"{who}-{visit}",
    )


async def send(stream_url: str, write_key: str, batch: list[Event]) -> None:
    """Send events and wait until they are durable."""
    async with Client(stream_url, write_key=write_key) as client:
        result = await client.send_batch(batch)
    assert result.accepted == len(batch)
