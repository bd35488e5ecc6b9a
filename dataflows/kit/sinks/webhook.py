"""Rows as calls of somebody's server: each once in effect, none lost, none in the way for ever.

A call that fails for what may pass is made again, until it is accepted or its time is over. A call that is refused,
or whose time is over, is kept in ``flow_failed_deliveries`` with the reason, and the next one is made. A
call that was made before a crash may be made again; it has the same ``Idempotency-Key``.
"""

import random
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import psycopg
import structlog
import urllib3
from urllib3.exceptions import HTTPError

from dataflows.kit.signatures import HEADER, sign
from dataflows.kit.sink import Item, ItemWriter, SinkContext
from dataflows.kit.sinks.postgres_positions import PostgresPositions
from dataflows.kit.sinks.row_columns import columns_of, rows_of
from dataflows.kit.sinks.stdout import row_id
from smolhog.metrics import FLOW_DELIVERIES_FAILED

_KEEP = """
INSERT INTO flow_failed_deliveries (idempotency_key, flow, step, url, body, status, reason, attempts)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (idempotency_key) DO NOTHING
"""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 15.0
_KEPT_BODY = 100_000
_KEPT_ANSWER = 500
_READ_ANSWER = 16 * 1024
_LONGEST_KEY = 500
_IN_KEYS = "".join({*string.punctuation} - {"%"})
_DIGITS = 6
_log = structlog.get_logger()
_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True)
class Webhook:
    """A server that is called for each row: ``POST`` with JSON.

    Attributes:
        url: where.
        secret: signs the calls, see :func:`dataflows.kit.signatures.is_signed`; ``None`` signs nothing.
        body: makes the JSON of a row; by default its columns.
        give_up_after: seconds for which a call is tried.
        timeout: of one attempt, in seconds.
    """

    url: str
    secret: str | None = field(default=None, repr=False)
    body: Callable[[Any], Any] = columns_of
    give_up_after: float = 60.0
    timeout: float = 10.0

    def describe(self) -> str:
        """Say it in a few words."""
        return f"webhook {self.url}"

    def open(self, context: SinkContext) -> ItemWriter:
        """Return what calls it."""
        return _Writer(self, context)


class Failure(NamedTuple):
    """A call that was given up."""

    key: str
    body: bytes
    status: int | None
    reason: str
    attempts: int


class Caller:
    """Makes calls.

    Args:
        webhook: whom.
        clock: seconds, for signatures and for giving up.
        sleep: waits.
        chance: between 0 and 1, so that many senders do not come back at once.
    """

    def __init__(
        self,
        webhook: Webhook,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._webhook = webhook
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._pool = urllib3.PoolManager(retries=False, timeout=webhook.timeout)
        self._is_down = False

    def call(self, key: str, body: bytes) -> Failure | None:
        """Make one call, again and again if need be; returns why it was given up, or ``None``.

        While the receiver does not answer, a call is tried once only, so that many that wait do not wait in turn.
        """
        deadline = self._clock() + (0.0 if self._is_down else self._webhook.give_up_after)
        attempts = 0
        while True:
            attempts += 1
            status, reason, wait = self._attempt(key, body)
            if status is not None and status < 300:
                self._is_down = False
                return None
            if status is not None and status not in _PASSING:
                self._is_down = False
                return Failure(key, body, status, reason, attempts)
            pause = max(wait, min(_LONGEST_PAUSE, 0.25 * 2**attempts)) * (0.5 + self._chance() / 2)
            if self._clock() + pause >= deadline:
                self._is_down = True
                return Failure(key, body, status, reason, attempts)
            self._sleep(pause)

    def _attempt(self, key: str, body: bytes) -> tuple[int | None, str, float]:
        """Return status, reason, and how many seconds the receiver asks to wait."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "SmolHog"}
        if self._webhook.secret is not None:
            headers[HEADER] = sign(self._webhook.secret, body, int(self._clock()))
        try:
            answer = self._pool.request(
                "POST", self._webhook.url, body=body, headers=headers, redirect=False, preload_content=False
            )
            kept = answer.read(_KEPT_ANSWER)
            if answer.read(_READ_ANSWER):
                # Reading what nobody looks at could take for ever; the next call makes another connection.
                answer.close()
            answer.release_conn()
        except HTTPError as error:
            return None, f"{type(error).__name__}: {error}", 0.0
        said = answer.headers.get("Retry-After", "")
        text = kept.decode("utf-8", "replace")
        wait = float(said) if said.isascii() and said.isdigit() and len(said) <= _DIGITS else 0.0
        return answer.status, f"HTTP {answer.status}: {text}", wait


def header_text(key: str) -> str:
    """Return what stands for a key in a header: itself, if it is ASCII and short.

    What a window was counted by is part of an alert's key, and whoever sends events chooses it.
    """
    text = quote(key, safe=_IN_KEYS)
    if len(text) <= _LONGEST_KEY:
        return text
    return f"{text[: _LONGEST_KEY - 33]}~{blake2b(key.encode(), digest_size=16).hexdigest()}"


class _Writer:
    def __init__(self, webhook: Webhook, context: SinkContext) -> None:
        self._webhook = webhook
        self._context = context
        self._positions = PostgresPositions(context)
        self._caller = Caller(webhook)

    def write(self, items: list[Item]) -> None:
        for item in self._positions.unstored(items):
            failures = [
                failure
                for index, row in enumerate(rows_of(item))
                if (
                    failure := self._caller.call(
                        self._key(item, index, row), _encode(self._webhook.body(row))
                    )
                )
            ]
            self._positions.store([item], lambda cursor, kept=failures: self._keep(cursor, kept))  # type: ignore[misc]

    def close(self) -> None:
        self._positions.close()

    def _key(self, item: Item, index: int, row: Any) -> str:
        alert_id = getattr(row, "alert_id", None)
        if alert_id is None:
            return row_id(self._context, item, index)
        return header_text(f"{self._context.flow}/{alert_id}/{row.state}")

    def _keep(self, cursor: psycopg.Cursor[Any], failures: list[Failure]) -> None:
        for failure in failures:
            reason = "unreachable" if failure.status is None or failure.status in _PASSING else "refused"
            FLOW_DELIVERIES_FAILED.labels(self._context.flow, self._context.step, reason).inc()
            _log.error("webhook given up", step=self._context.stream, key=failure.key, reason=failure.reason)
            body = failure.body[:_KEPT_BODY].decode("utf-8", "replace").replace("\0", "")
            text = failure.reason.replace("\0", "")
            row = (failure.key, self._context.flow, self._context.step, self._webhook.url, body)
            cursor.execute(_KEEP, [*row, failure.status, text, failure.attempts])
