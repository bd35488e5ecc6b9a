"""From an event's sending to its being in the query API's answers, measured on single events under load.

Probes are events of a project of their own, an event name for each partition of the log. All probes of
one partition come from one person, so they keep their order, and when an answer counts n of them the
n-th has become visible. What is measured is at most one poll too long, and never too short.
"""

import asyncio
import time
from datetime import UTC, datetime
from itertools import count
from threading import Event as Flag
from threading import Lock, Thread

from benchmarks.latency import Latencies
from benchmarks.queries import QueryClient
from benchmarks.stack import ProjectKeys
from benchmarks.wire_client import WireConnection, client_frame
from schemas.envelope import partition_of
from smolhog_client import Event
from smolhog_client.event import encode_event
from smolhog_client.frames import encode_batch

_POLL_SECONDS = 0.04
_PATIENCE_SECONDS = 30.0


class Probes:
    """Sends probes at a steady rate and watches for them.

    Args:
        url: of the gateway.
        query_port: of the query API.
        project: the probes' own, empty.
        partitions: of the event log; at most ten, of which an answer tells all names.
    """

    def __init__(self, url: str, query_port: int, project: ProjectKeys, partitions: int) -> None:
        self._url = url
        self._query_port = query_port
        self._project = project
        self._people = [
            _person_in(project.project_id, partition, partitions) for partition in range(partitions)
        ]
        self._sent: list[list[float]] = [[] for _ in range(partitions)]
        self._seen = [0] * partitions
        self._lock = Lock()
        self.latencies = Latencies()

    @property
    def sent(self) -> int:
        """Probes sent so far."""
        with self._lock:
            return sum(map(len, self._sent))

    @property
    def seen(self) -> int:
        """Probes that answers have counted so far."""
        return sum(self._seen)

    async def run(self, seconds: float, a_second: float) -> None:
        """Send probes for so long, and wait until all are visible or no more come.

        Args:
            seconds: how long.
            a_second: how many a second, over all partitions.
        """
        stop = Flag()
        watching = Thread(target=self._watch, args=(stop,), name="probes")
        watching.start()
        try:
            await self._send(seconds, a_second)
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while self.seen < self.sent and time.monotonic() < deadline:  # noqa: ASYNC110 - counted by a thread
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            stop.set()
            await asyncio.to_thread(watching.join)

    async def _send(self, seconds: float, a_second: float) -> None:
        connection = await WireConnection.open(self._url, self._project.write, lambda _: None)
        began = time.monotonic()
        for number in count():
            due = began + number / a_second
            if due - began >= seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            partition = number % len(self._people)
            event = Event(f"probe_{partition}", self._people[partition], timestamp=datetime.now(UTC))
            frame = encode_batch(str(number), datetime.now(UTC), [encode_event(event)])
            with self._lock:
                self._sent[partition].append(time.monotonic())
            connection.send_raw(client_frame(frame))
        # Closed by whoever is done waiting: the last acks may be under way.
        asyncio.get_running_loop().call_later(_PATIENCE_SECONDS / 10, connection.close)

    def _watch(self, stop: Flag) -> None:
        client = QueryClient(self._query_port, self._project.read)
        try:
            while not stop.wait(_POLL_SECONDS):
                answer = client.ask("stats", {})
                now = time.monotonic()
                for counted in answer["top_events"]:
                    self._count(int(counted["event"].removeprefix("probe_")), int(counted["count"]), now)
        finally:
            client.close()

    def _count(self, partition: int, total: int, now: float) -> None:
        with self._lock:
            sent = self._sent[partition]
        for number in range(self._seen[partition], total):
            self.latencies.record(now - sent[number])
        self._seen[partition] = total


def _person_in(project_id: int, partition: int, partitions: int) -> str:
    """Return an id that lies in a partition."""
    return next(
        name
        for number in count()
        if partition_of(project_id, name := f"prober_{number}", partitions) == partition
    )
