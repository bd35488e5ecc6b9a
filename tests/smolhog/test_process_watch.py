"""What the query API sees of the processes beside it."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil

from smolhog import process_watch
from smolhog.process_watch import ProcessWatch, Sight
from smolhog.status_samples import Address
from tests.dataflows.running_flow import wait_until
from tests.http_server import Quiet, running_server
from tests.smolhog.commands import run_smolhog, stack_settings, started

PAGE = """process_start_time_seconds 5
smolhog_events_acked_total{source="ws.v1"} %d
smolhog_spool_messages 3
smolhog_spool_bytes{partition="0"} 40
smolhog_log_end_offset{log="1",partition="0"} 77
smolhog_lag_messages{partition="0"} 4
smolhog_lag_seconds{partition="0"} 1.5
"""


@contextmanager
def metrics_page(said: list[str]) -> Iterator[int]:
    """Serve the last of some texts at /metrics; returns the port."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = said[-1].encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with running_server(Handler) as url:
        yield int(url.rpartition(":")[2])


async def test_what_processes_say_is_put_together(monkeypatch: Any) -> None:
    """Rates are what grew between two looks; what does not answer is named."""
    monkeypatch.setattr(process_watch, "_FRESH_SECONDS", 0.0)
    said = [PAGE % 100]
    with metrics_page(said) as port:
        watch = ProcessWatch([Address("gateway", "127.0.0.1", port), Address("dataflow-0", "127.0.0.1", 1)])
        first = await watch.look()
        assert (first.acknowledged_per_second, first.silent) == (None, ("dataflow-0",))
        assert (first.spool_messages, first.spool_bytes, first.log_ends) == (3, 40, {0: 77})
        said.append(PAGE % 400)
        began = time.monotonic()
        second = await watch.look()
        assert second.acknowledged_per_second is not None
        assert second.acknowledged_per_second > 300 / (time.monotonic() - began + 5)
        flow = ProcessWatch([Address("gateway", "127.0.0.1", 1), Address("dataflow-0", "127.0.0.1", port)])
        seen = await flow.look()
        assert (seen.lags, seen.silent, seen.spool_messages) == ({0: (4, 1.5)}, ("gateway",), None)


async def test_on_machines_of_their_own_nothing_is_seen_and_nothing_is_claimed() -> None:
    """Then nobody is asked."""
    assert await ProcessWatch([]).look() == Sight()


def test_the_pipeline_says_that_a_dataflow_is_gone(tmp_path: Path) -> None:
    """What waits for it, and for how long, though it cannot say so itself any more."""
    settings = stack_settings(tmp_path / "data")
    with started(tmp_path, "up", settings=settings, until="Ready") as (process, _):
        keys = {
            kind: run_smolhog(
                tmp_path, "keys", "create", "default", "--kind", kind, settings=settings
            ).stdout.strip()
            for kind in ("write", "read")
        }

        def ask(port: str, path: str, key: str, body: Any = None) -> Any:
            request = urllib.request.Request(
                f"http://127.0.0.1:{settings[port]}{path}",
                headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
                data=None if body is None else json.dumps(body).encode(),
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        def send() -> None:
            body = {"events": [{"event": "e", "distinct_id": f"u{n}"} for n in range(20)]}
            assert ask("SMOLHOG_GATEWAY_PORT", "/v1/batch", keys["write"], body)["accepted"] == 20

        def pipeline() -> Any:
            return ask("SMOLHOG_QUERY_PORT", "/analytics/pipeline", keys["read"])

        send()
        wait_until(
            lambda: (
                pipeline()["events_today"] == 20
                and all(partition["lag_messages"] == 0 for partition in pipeline()["partitions"])
            ),
            "everything stored and nothing behind",
        )
        well = pipeline()
        assert well["silent"] == []
        assert well["spool"] == {"messages": 0, "bytes": 0}
        children = psutil.Process(process.pid).children(recursive=True)
        next(child for child in children if "dataflow" in child.cmdline()).suspend()
        send()

        def is_told() -> bool:
            ill = pipeline()
            lags = [partition["lag_messages"] for partition in ill["partitions"]]
            return ill["silent"] == ["dataflow-0"] and any(lag for lag in lags)

        wait_until(is_told, "the lag in the answer")
