"""Somebody's server that a webhook calls: unreliable, and strict about what it is told."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from dataflows.kit import is_signed
from tests.http_server import Quiet, running_server

SECRET = "between us"


class Receiver:
    """What was called.

    Attributes:
        bodies: by ``Idempotency-Key``.
        calls: how many came.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: dict[str, bytes] = {}
        self.calls = 0
        self.wrong: list[str] = []

    def take(self, key: str, body: bytes, signature: str) -> None:
        """Take a call; the same key must always come with the same body."""
        self.calls += 1
        if not is_signed(SECRET, body, signature, int(time.time())):
            self.wrong.append(f"{key}: wrong signature")
        if self.bodies.setdefault(key, body) != body:
            self.wrong.append(f"{key}: {body!r} after {self.bodies[key]!r}")


@contextmanager
def running_receiver(seed: int, failing: float = 0.3) -> Iterator[Receiver]:
    """Run a server that fails part of the calls: before it took them, after, or without an answer."""
    chance = random.Random(seed)

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # Who called was killed in the middle of it: that is no call.
                self.close_connection = True
                return
            mood = chance.random() / failing if failing else 1.0
            if mood > 0.33:
                receiver.take(self.headers["Idempotency-Key"], body, self.headers["SmolHog-Signature"])
            if 0.66 < mood < 1:
                self.close_connection = True  # taken, and never answered
                return
            self.send_response(200 if mood >= 1 else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with running_server(Handler) as url:
        receiver = Receiver(f"{url}/")
        yield receiver
