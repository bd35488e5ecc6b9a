"""What brute force says of a ledger. Nothing here knows the kit."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from tests.dataflows.kit.ledger import Ledger, Sent

Effect = Counter[Any]
MINUTE = timedelta(minutes=1)


def _minute(sent: Sent) -> datetime:
    return sent.time.replace(second=0, microsecond=0)


def minute_sums(ledger: Ledger) -> Effect:
    """Purchases and their amounts, by minute and currency."""
    sums: Effect = Counter()
    for sent in ledger.events:
        if sent.name == "purchase":
            sums[f"{_minute(sent):%H:%M}", sent.currency, "orders"] += 1
            sums[f"{_minute(sent):%H:%M}", sent.currency, "amount"] += sent.amount
    return sums


def sliding_sums(ledger: Ledger) -> Effect:
    """The same, in windows of five minutes, one each minute."""
    sums: Effect = Counter()
    for (minute, currency, value), number in minute_sums(ledger).items():
        start = datetime.strptime(minute, "%H:%M")  # noqa: DTZ007 - a time of the day
        for back in range(5):
            sums[f"{start - back * MINUTE:%H:%M}", currency, value] += number
    return sums


def events_of_users(ledger: Ledger) -> Effect:
    """Events of each person."""
    return Counter(sent.user for sent in ledger.events)


def each_event(ledger: Ledger) -> Effect:
    """Every event once."""
    return Counter(sent.event_id for sent in ledger.events)


def each_purchase(ledger: Ledger) -> Effect:
    """Every purchase once, with its amount in euros."""
    rates = {"EUR": 1.0, "USD": 0.5}
    return Counter(
        (sent.event_id, sent.amount * rates[sent.currency])
        for sent in ledger.events
        if sent.name == "purchase"
    )


def first_of_each_amount(ledger: Ledger) -> Effect:
    """The first event with each amount, in each partition."""
    first: dict[tuple[int, int], str] = {}
    for sent in ledger.events:
        first.setdefault((sent.partition, sent.amount), sent.event_id)
    return Counter(first.values())


def totals(ledger: Ledger) -> dict[datetime, Counter[str]]:
    """Purchases by minute and person, of those that came in time; a minute between without any is there, too."""
    found: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for sent in ledger.events:
        if sent.name == "purchase" and ledger.on_time(sent):
            found[_minute(sent)][sent.user] += 1
    minute, last = min(found), max(found)
    while minute <= last:
        found[minute].update(())
        minute += MINUTE
    return dict(sorted(found.items()))


def top_of_minutes(ledger: Ledger) -> Effect:
    """The three people with most purchases in each minute."""
    return Counter(
        (f"{minute:%H:%M}", rank, user, number)
        for minute, users in totals(ledger).items()
        for rank, (user, number) in enumerate(
            sorted(users.items(), key=lambda pair: (-pair[1], pair[0]))[:3], 1
        )
    )


def alerts(ledger: Ledger) -> Effect:
    """Minutes above what was usual, and back below: once raised, once cleared.

    Ten minutes of silence after the last purchase count as such: they clear what is raised.
    """
    found: Effect = Counter()
    before: list[int] = []
    raised = False
    minutes = {minute: users.total() for minute, users in totals(ledger).items()}
    last = max(minutes)
    for minute, number in {**minutes, **{last + silent * MINUTE: 0 for silent in range(1, 11)}}.items():
        usual = sum(before[-5:]) / max(1, len(before[-5:]))
        if len(before) >= 3 and (number < usual if raised else number > usual):
            raised = not raised
            found[f"{minute:%H:%M}", "raised" if raised else "cleared", number] += 1
        before.append(number)
    return found
