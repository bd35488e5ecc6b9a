"""Three vendors' SDKs through everything: gateway, log, dataflow, both stores, and the numbers that come out."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.dataflows.running_flow import wait_until
from tests.tcp_proxy import TcpProxy
from tests.vendors.running import node
from tests.whole_stack import WholeStack, whole_stack

SCRIPTS = {"posthog_node.mjs": 15, "segment_node.mjs": 17, "mixpanel_node.mjs": 19}
"""What apps do, and how many events that is; the last one sends twelve of them three times."""

_STORED = """
import json, psycopg
from sinks.clickhouse.connect import connect
from smolhog.settings import Settings
settings = Settings()
with psycopg.connect(settings.postgres_dsn) as postgres:
    rows = postgres.execute("SELECT event, distinct_id, source, properties::text, event_id::text FROM events").fetchall()
with connect(settings.clickhouse_dsn) as clickhouse:
    copied = clickhouse.query("SELECT count() FROM events FINAL").result_rows[0][0]
print(json.dumps([copied, rows]))
"""


@pytest.fixture
def stack() -> Iterator[WholeStack]:
    """Everything that `smolhog up` starts."""
    with whole_stack() as running:
        yield running


def test_each_event_of_each_sdk_is_counted_once(stack: WholeStack) -> None:
    """Connections are cut after the commit, SDKs send again, and every event is in both stores once."""

    async def use(script: str) -> None:
        with TcpProxy(stack.gateway_port) as proxy:
            address = f"http://127.0.0.1:{proxy.port}"
            # Mixpanel's SDK sends nothing again by itself.
            cut = script != "mixpanel_node.mjs"
            if cut:
                proxy.cut_after_bytes(0, answers_only=True)
            telling = asyncio.create_task(node(script, address, SMOLHOG_KEY=stack.write_key))
            if cut:
                await asyncio.to_thread(proxy.wait_until_cut)
                proxy.restore()
            assert [] in (await telling).values()

    async def use_all() -> None:
        await asyncio.gather(*map(use, SCRIPTS))

    asyncio.run(use_all())
    expected = sum(SCRIPTS.values())
    wait_until(
        lambda: stack.analytics("stats")["total_events"] >= expected,
        "the events in the rollups",
        stack.output,
    )
    top = {entry["event"]: entry["count"] for entry in stack.analytics("stats")["top_events"]}
    assert top["bought"] == 36
    stack.assert_verified()
    stored = subprocess.run(
        [sys.executable, "-c", _STORED],
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    copied, rows = json.loads(stored.stdout)
    assert copied == len(rows) == len({row[4] for row in rows}) == expected
    assert Counter(row[2] for row in rows) == {
        "http.posthog": 15,
        "http.segment": 17,
        "http.mixpanel": 19,
    }
    assert {row[1] for row in rows if row[0] in {"$identify", "bought"}} == {"ada"}
    identified = {json.loads(row[3])["$anon_distinct_id"] for row in rows if row[0] == "$identify"}
    assert identified == {"anonymous-1"}
    assert stack.analytics("rejected")["rejected"] == []
