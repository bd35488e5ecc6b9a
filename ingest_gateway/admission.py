"""Who may send events over HTTP, and whether now: the checks that native and vendors' requests share."""

from dataclasses import dataclass
from math import ceil

from starlette.requests import Request

from ingest_gateway.errors import PAUSED, Refusal
from ingest_gateway.gather import Gatherer
from ingest_gateway.rate import KeyRates
from projects.keys import Key, KeyKind, KeyRing
from smolhog import metrics

RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not taken."""

    status: int
    code: str
    message: str
    headers: dict[str, str] | None = None


class Admission:
    """Lets requests in.

    Args:
        keys: finds the project behind a write key.
        rates: how many events a second a key may send.
        gatherer: says when the gateway is full.
    """

    def __init__(self, keys: KeyRing, rates: KeyRates, gatherer: Gatherer) -> None:
        self._keys = keys
        self._rates = rates
        self._gatherer = gatherer

    def is_known(self, secret: str) -> bool:
        """Whether a write key is live."""
        return self._keys.find(secret, KeyKind.WRITE) is not None

    def admit(self, request: Request, source: str, secret: str | None) -> Key | Refused:
        """Return the key of a request, or why it is not taken now.

        Never 429 for too much: SDKs throw events away on it.
        """
        key = None if secret is None else self._keys.find(secret, KeyKind.WRITE)
        if key is None:
            message = "no such write key, or it was revoked"
            return Refused(401, Refusal.UNAUTHORISED, message, {"WWW-Authenticate": "Bearer"})
        if not key.allows(request.headers.get("origin")):
            return Refused(403, Refusal.ORIGIN_REFUSED, "this write key is for pages of other origins")
        if key.is_paused:
            return Refused(503, Refusal.PAUSED, PAUSED, {"Retry-After": "30"})
        wait = self._rates.wait(key.key_id)
        if wait > 0:
            metrics.SLOW_DOWNS.labels(source).inc()
            message = "this write key has sent its share for now; send the events again"
            return Refused(503, Refusal.OVERLOADED, message, {"Retry-After": str(ceil(wait))})
        return self.fullness(source) or key

    def fullness(self, source: str) -> Refused | None:
        """Say that the gateway is full, if it is."""
        if not self._gatherer.is_full:
            return None
        metrics.SLOW_DOWNS.labels(source).inc()
        return Refused(503, Refusal.OVERLOADED, "the gateway is full", RETRY_AFTER)

    def count(self, key: Key, events: int) -> None:
        """Count the events of a request that was let in."""
        self._rates.take(key.key_id, events)
