"""The load generator's parts: what it sends is what it says, and what it measures is what there was."""

import json
import random
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import SERVER
from websockets.server import ServerProtocol

from benchmarks.latency import Latencies
from benchmarks.queries import QueryClient
from benchmarks.traffic import Shape, batch_frames
from benchmarks.wire_client import client_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_frames_are_what_a_websocket_server_reads(size: int) -> None:
    """Another implementation of the protocol reads our frames of every length, mask and all."""
    payload = random.Random(size).randbytes(size)
    server = ServerProtocol(max_size=None)
    assert server.side is SERVER
    server.state = server.state.OPEN
    server.parser = server.parse()
    next(server.parser)
    server.receive_data(client_frame(payload))
    (frame,) = server.events_received()
    assert frame.opcode is Opcode.TEXT  # type: ignore[union-attr] # a frame: the handshake is over
    assert bytes(frame.data) == payload  # type: ignore[union-attr] # likewise


class _Forgetful(BaseHTTPRequestHandler):
    """Answers, and closes the connection without saying so, as a server does with one that nobody used."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        """Say nothing."""


def test_a_question_is_asked_again_where_the_connection_was_closed_meanwhile() -> None:
    """Long questions over other connections come between two of the quick ones."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Forgetful) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        client = QueryClient(server.server_port, "key")
        try:
            assert [client.ask("stats", {}) for _ in range(3)] == [{}, {}, {}]
        finally:
            client.close()
            server.shutdown()
            serving.join()


@given(st.integers(1, 400), st.integers(1, 150), st.sampled_from([0.0, 0.3, 1.0]))
def test_frames_hold_what_they_are_said_to(events: int, batch: int, repeated: float) -> None:
    """Sizes, the number of events, and that of different ones are those of the JSON."""
    made = batch_frames(events, batch, 1, Shape(repeated=repeated))
    held = [json.loads(frame)["events"] for frame in made.frames]
    assert made.events == events == sum(map(len, held))
    assert made.sizes == [len(each) for each in held]
    assert all(size == batch for size in made.sizes[:-1])
    assert made.distinct == len({event["event_id"] for each in held for event in each})


def test_traffic_has_the_shape_that_was_asked_for() -> None:
    """Few users, one hot, some late: so it is in the events."""
    made = batch_frames(2_000, 100, 1, Shape(users=5, products=3, late=0.25, hot=0.5))
    events = [event for frame in made.frames for event in json.loads(frame)["events"]]
    people = [event["distinct_id"] for event in events]
    assert set(people) == {f"user_{number}" for number in range(5)}
    # Half of all, and a fifth of the rest.
    assert 1_100 < people.count("user_0") < 1_300
    assert len({event["properties"]["$current_url"] for event in events}) == 3
    newest = max(event["timestamp"] for event in events)
    late = sum(event["timestamp"][:13] < newest[:13] for event in events)
    assert late > 400


@given(st.lists(st.floats(0.00001, 100), min_size=1, max_size=200))
def test_percentiles_are_those_of_the_sorted_list(seconds: list[float]) -> None:
    """To three digits: the histogram keeps no more."""
    latencies = Latencies()
    for each in seconds:
        latencies.record(each)
    ordered = sorted(seconds)
    summary = latencies.summary()
    assert summary.count == len(seconds)
    assert summary.largest == pytest.approx(ordered[-1] * 1000, rel=0.002, abs=0.002)
    median = ordered[max(0, -(-len(ordered) // 2) - 1)]
    assert summary.p50 == pytest.approx(median * 1000, rel=0.002, abs=0.002)


def test_histograms_of_two_processes_add_up() -> None:
    """What a load generator collected travels as text."""
    ours, theirs = Latencies(), Latencies()
    ours.record(0.001)
    theirs.record(0.003)
    ours.add(theirs.encoded)
    summary = ours.summary()
    assert summary.count == 2
    assert summary.largest == pytest.approx(3.0, rel=0.002)
