"""A shop that does not exist: who visits it, and what they do there. Pure, and the same for a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

_SITE = "https://shop.example"

DAILY_RHYTHM = (
    0.35, 0.22, 0.15, 0.11, 0.10, 0.14, 0.30, 0.55, 0.80, 0.95, 1.05, 1.15,
    1.25, 1.20, 1.10, 1.05, 1.10, 1.25, 1.50, 1.80, 2.00, 1.85, 1.40, 0.75,
)  # fmt: skip
"""Traffic of each hour of the day (UTC) by the day's mean: low before dawn, high in the evening."""

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1"
_DEVICES = (
    # weight, platform, user agent
    (30, "web", f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36"),
    (12, "web", f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Safari/605.1.15"),
    (6, "web", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"),
    (
        17,
        "web",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
    ),
    (15, "web", f"Mozilla/5.0 (Linux; Android 15; Pixel 8) {_CHROME} Mobile Safari/537.36"),
    (11, "ios", "ShopApp/4.2.0 (iPhone; iOS 18.1)"),
    (9, "android", "ShopApp/4.2.0 (Linux; Android 15; Pixel 8)"),
)
_PLANS = ((70, "free"), (22, "plus"), (8, "pro"))
_CURRENCIES = ((45, "EUR", "de-DE"), (35, "USD", "en-US"), (20, "GBP", "en-GB"))
_SOURCES: tuple[tuple[int, str, dict[str, str]], ...] = (
    # weight, referrer, campaign
    (36, "", {}),
    (28, "https://www.google.com/", {}),
    (12, "https://www.google.com/", {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand"}),
    (10, "https://www.instagram.com/", {"utm_source": "instagram", "utm_medium": "social", "utm_campaign": "spring"}),
    (8, "", {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "weekly"}),
    (6, "https://news.ycombinator.com/", {}),
)  # fmt: skip
_SOURCE_WEIGHTS = [source[0] for source in _SOURCES]
_PRODUCTS = tuple(
    (f"{kind}-{number:02d}", category, price)
    for kind, category, price in (
        ("mug", "kitchen", 14.9),
        ("lamp", "living", 59.0),
        ("desk", "office", 249.0),
        ("chair", "office", 179.0),
        ("rug", "living", 89.5),
        ("pan", "kitchen", 39.9),
    )
    for number in range(1, 9)
)
_QUERIES = ("desk lamp", "mug", "gift", "office chair", "rug grey", "pan induction")

_MOST_CACHED = 50_000


class Step(NamedTuple):
    """One thing that a visitor does."""

    pause: float
    """Seconds since the step before."""
    event: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visitor:
    """One simulated person with one device."""

    distinct_id: str
    platform: str
    user_agent: str
    plan: str
    currency: str
    locale: str


class Shop:
    """Draws visitors, and plays their visits.

    Args:
        seed: the same seed gives the same visitors and visits.
        people: how many different visitors there are; some come far more often than others.
    """

    def __init__(self, seed: int, people: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a simulation
        self._seed = seed
        self._people = min(people, _MOST_CACHED)
        self._known: dict[int, Visitor] = {}

    def visitor(self) -> Visitor:
        """Draw somebody: regulars often, most others now and then."""
        number = int(self._people * self.random.random() ** 2)
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = _visitor(self._seed, number)
        return known

    def visit(self, visitor: Visitor) -> Iterator[Step]:
        """Play one visit, from landing to leaving; most leave before they buy."""
        random = self.random
        page = _PageViews(visitor, _source(random))
        yield page.view(0.0, "/")
        while random.random() < 0.55:
            if random.random() < 0.25:
                query = random.choice(_QUERIES)
                yield page.step(
                    _pause(random, 6), "search_performed", query=query, results=random.randrange(40)
                )
            product, category, price = random.choice(_PRODUCTS)
            facts: dict[str, Any] = {"product": product, "category": category, "price": price}
            yield page.view(_pause(random, 8), f"/products/{product}")
            yield page.step(0.4, "product_viewed", **facts)
            if random.random() < 0.30:
                quantity = random.choice((1, 1, 1, 2, 3))
                yield page.step(_pause(random, 15), "product_added", **facts, quantity=quantity)
                yield from self._checkout(page, visitor, price * quantity)
                return

    def _checkout(self, page: "_PageViews", visitor: Visitor, amount: float) -> Iterator[Step]:
        random = self.random
        money = {"amount": round(amount, 2), "currency": visitor.currency}
        if random.random() < 0.35:
            return
        yield page.view(_pause(random, 10), "/checkout")
        yield page.step(0.4, "checkout_started", **money)
        if random.random() < 0.06:
            yield page.step(_pause(random, 20), "payment_failed", **money, reason="card_declined")
        if random.random() < 0.30:
            return
        yield page.step(
            _pause(random, 30), "order_completed", **money, order=f"o-{random.getrandbits(40):010x}"
        )
        if visitor.plan == "free" and random.random() < 0.05:
            yield page.step(
                _pause(random, 12), "plan_upgraded", to="plus", amount=4.9, currency=visitor.currency
            )


class _PageViews:
    """Where a visitor is, and what every event of the visit carries."""

    def __init__(self, visitor: Visitor, source: tuple[str, dict[str, str]]) -> None:
        self._common = {
            "platform": visitor.platform,
            "plan": visitor.plan,
            "locale": visitor.locale,
            "$user_agent": visitor.user_agent,
        }
        self._web = visitor.platform == "web"
        self._referrer, campaign = source if self._web else ("", {})
        self._landing = f"?{urlencode(campaign)}" if campaign else ""

    def view(self, pause: float, path: str) -> Step:
        """Go to a page of the site, or a screen of the app."""
        if not self._web:
            self._common["screen"] = path
            return self.step(pause, "$screen")
        if self._referrer:
            self._common["$referrer"] = self._referrer
        url = f"{_SITE}{path}{self._landing}"
        self._common["$current_url"] = url
        viewed = self.step(pause, "$pageview")
        # From here on, pages are reached from this one, without the campaign of the landing page.
        self._referrer, self._landing = url, ""
        return viewed

    def step(self, pause: float, event: str, **properties: Any) -> Step:
        """Do something there."""
        return Step(pause, event, {**self._common, **properties})


def _visitor(seed: int, number: int) -> Visitor:
    random = Random(f"{seed}:{number}")  # noqa: S311 - a simulation
    _, platform, user_agent = random.choices(_DEVICES, [device[0] for device in _DEVICES])[0]
    _, plan = random.choices(_PLANS, [plan[0] for plan in _PLANS])[0]
    _, currency, locale = random.choices(_CURRENCIES, [currency[0] for currency in _CURRENCIES])[0]
    return Visitor(f"user-{number:05d}", platform, user_agent, plan, currency, locale)


def _source(random: Random) -> tuple[str, dict[str, str]]:
    _, referrer, campaign = random.choices(_SOURCES, _SOURCE_WEIGHTS)[0]
    return referrer, campaign


def _pause(random: Random, mean: float) -> float:
    """Seconds that somebody thinks: mostly short, sometimes long, never nothing."""
    return 0.5 + random.expovariate(1 / mean)
