"""Calls of a webhook: made again where that may help, given up where not, kept when given up."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import psycopg
import pytest

from dataflows.kit import Alert, Rows, Webhook, is_signed
from dataflows.kit.signatures import sign
from dataflows.kit.sink import SinkContext
from dataflows.kit.sinks.webhook import Caller
from sinks.postgres.migrate import migrate_postgres

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@contextmanager
def answering(*statuses: int, retry_after: str = "3") -> Iterator[tuple[str, list[str]]]:
    """A server that answers with these, then with 200; hands out its URL and the keys that came."""
    left = list(statuses)
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])
            self.send_response(left.pop(0) if left else 200)
            self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"no")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield url, keys


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server that answers as it is told; hands out its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept.append(seconds)
        self.now += seconds


def caller(url: str, clock: Clock) -> Caller:
    """A caller that never waits for real."""
    webhook = Webhook(url, give_up_after=30)
    return Caller(webhook, clock=lambda: clock.now, sleep=clock.sleep, chance=lambda: 1.0)


def test_what_may_pass_is_tried_again_and_waits_as_long_as_it_is_told() -> None:
    """With the same key."""
    clock = Clock()
    with answering(503, 429) as (url, keys):
        assert caller(url, clock).call("a", b"{}") is None
    assert keys == ["a", "a", "a"]
    assert clock.slept == [3.0, 3.0]


def test_what_is_refused_is_given_up_at_once() -> None:
    """With status and answer for a reason; the next call is made."""
    clock = Clock()
    with answering(410) as (url, keys):
        calls = caller(url, clock)
        failure = calls.call("a", b"{}")
        assert failure is not None
        assert (failure.status, failure.reason, failure.attempts) == (410, "HTTP 410: no", 1)
        assert calls.call("b", b"{}") is None
    assert keys == ["a", "b"]
    assert not clock.slept


def test_a_receiver_that_is_away_holds_up_the_first_call_only() -> None:
    """The others are tried once each, until one is answered."""
    clock = Clock()
    with answering() as (url, _):
        pass
    calls = caller(url, clock)
    first, second = calls.call("a", b"{}"), calls.call("b", b"{}")
    assert first is not None
    assert second is not None
    assert first.attempts > 3
    assert second.attempts == 1
    assert clock.now - 1_000 <= 30


@pytest.mark.parametrize("said", ["\u00b2", "9" * 400, "-1", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_receiver_that_says_nonsense_about_when_to_come_back_is_called_again(said: str) -> None:
    """As one that says nothing."""
    clock = Clock()
    with answering(503, retry_after=said) as (url, keys):
        assert caller(url, clock).call("a", b"{}") is None
    assert keys == ["a", "a"]
    assert clock.slept == [0.5]


def test_a_receiver_that_never_ends_its_answer_is_not_listened_to() -> None:
    """The call is made once it is accepted; what follows would fill the memory."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            with suppress(ConnectionError):
                while True:
                    self.wfile.write(b"x" * 65536)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        calls = caller(url, Clock())
        assert calls.call("a", b"{}") is None
        assert calls.call("b", b"{}") is None


def test_an_alert_reaches_its_receiver_whatever_its_window_was_counted_by(postgres_database: str) -> None:
    """Values come from whoever sends events; the key of a call is short ASCII, and another one for each alert."""
    migrate_postgres(postgres_database)
    values = [
        "Zürich",
        "東京",
        "a\nX-Injected: yes",
        "a\r\n b",
        "a%0A",
        "\u0001",
        "x" * 100_000,
        "x" * 100_001,
    ]
    alerts = [
        Alert(f"out.judge/1/{value}/60", "raised", 1, {"city": value}, NOW, NOW, 1.0, []) for value in values
    ]
    with answering() as (url, keys):

        async def no_log(name: str, partitions: int) -> Any:
            raise AssertionError(name, partitions)

        context = SinkContext("shop", 1, "out", 5, ("all",), postgres_database, "", no_log)
        writer = Webhook(url).open(context)
        writer.write([Rows("all", 7, 0.0, alerts)])
        writer.close()
    assert len(set(keys)) == len(values)
    assert keys[0] == "shop/out.judge/1/Z%C3%BCrich/60/raised"
    assert all(key.isascii() and key.isprintable() and len(key) <= 500 for key in keys)
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT count(*) FROM flow_failed_deliveries").fetchone() == (0,)


def test_signatures_are_of_body_and_time() -> None:
    """Neither may be another."""
    header = sign("secret", b"{}", 100)
    assert is_signed("secret", b"{}", header, 120)
    assert not is_signed("secret", b"[]", header, 120)
    assert not is_signed("other", b"{}", header, 120)
    assert not is_signed("secret", b"{}", header, 1_000)
    assert not is_signed("secret", b"{}", "nonsense", 120)


def test_a_refused_call_is_kept_and_made_only_once(postgres_database: str) -> None:
    """In PostgreSQL with the reason, in one transaction with the position that it reaches."""
    migrate_postgres(postgres_database)
    items: list[Any] = [Rows("0", 7, 0.0, [{"n": 1}, {"n": 2}])]
    with answering(400) as (url, keys):

        async def no_log(name: str, partitions: int) -> Any:
            raise AssertionError(name, partitions)

        context = SinkContext("shop", 1, "out", 5, ("0",), postgres_database, "", no_log)
        for _ in range(2):
            writer = Webhook(url).open(context)
            writer.write(items)
            writer.close()
    assert keys == ["shop.1.out/5/0/7/0", "shop.1.out/5/0/7/1"]
    with psycopg.connect(postgres_database) as connection:
        kept = connection.execute(
            "SELECT idempotency_key, body, status, attempts FROM flow_failed_deliveries"
        )
        assert kept.fetchall() == [("shop.1.out/5/0/7/0", '{"n":1}', 400, 1)]
