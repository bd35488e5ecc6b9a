"""One batch followed through every hop, as a collector sees it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from smolhog_client import Client
from tests.dataflows.running_flow import wait_until
from tests.otlp_collector import Collector, Span, otlp_collector
from tests.whole_stack import WholeStack, whole_stack

TRACE = f"{uuid4().hex}"
CALLER = "00f067aa0ba902b7"
HOPS = {
    "gateway",
    "event log",
    "dataflow",
    "decode",
    "deduplicate",
    "enrich, count and format",
    "write postgres",
    "write clickhouse",
}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector on this machine."""
    with otlp_collector() as running:
        yield running


@pytest.fixture(scope="module")
def stack(collector: Collector) -> Iterator[WholeStack]:
    """A stack that traces everything."""
    settings = {"SMOLHOG_OTLP_URL": collector.url, "SMOLHOG_TRACE_RATIO": "1"}
    with whole_stack(settings=settings) as running:
        yield running


def _send(stack: WholeStack, headers: dict[str, str]) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{stack.gateway_port}/v1/batch",
        json={"events": [{"event": "paid", "distinct_id": "u1"}, {"event": "paid", "distinct_id": "u2"}]},
        headers={"Authorization": f"Bearer {stack.write_key}", **headers},
        timeout=30,
    )
    assert answer.json() == {"accepted": 2}


def _by_name(spans: list[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_one_batch_is_followed_through_every_hop(stack: WholeStack, collector: Collector) -> None:
    """Gateway, event log, steps of the dataflow and both stores are one trace, below the caller's span."""
    _send(stack, {"traceparent": f"00-{TRACE}-{CALLER}-01"})
    wait_until(
        lambda: {span.name for span in collector.spans(TRACE)} >= HOPS, "all hops in the trace", stack.output
    )
    spans = collector.spans(TRACE)
    by_id = {span.span_id: span for span in spans}
    named = _by_name(spans)
    assert named["gateway"].parent_id == CALLER
    assert named["gateway"].service == "smolhog-gateway"
    assert named["gateway"].attributes["smolhog.events"] == 2
    flows = [span for span in spans if span.name == "dataflow"]
    assert sum(span.attributes["smolhog.events"] for span in flows) == 2
    assert {by_id[span.parent_id].name for span in flows} == {"gateway"}
    for step in ("decode", "deduplicate", "enrich, count and format", "write postgres", "write clickhouse"):
        assert by_id[named[step].parent_id].name == "dataflow", step
    assert {span.service for span in spans} == {"smolhog-gateway", "smolhog-dataflow-0"}
    now = datetime.now(UTC).timestamp() * 1e9
    assert all(0 < span.began <= span.ended <= now for span in spans)
    assert not any(span.is_error for span in spans)


def test_a_question_continues_the_trace_of_who_asks(stack: WholeStack, collector: Collector) -> None:
    """The query API's span and those of its statements are in the caller's trace."""
    trace = uuid4().hex
    httpx.get(
        f"http://127.0.0.1:{stack.query_port}/analytics/stats",
        headers={"Authorization": f"Bearer {stack.read_key}", "traceparent": f"00-{trace}-{CALLER}-01"},
        timeout=30,
    ).raise_for_status()
    wait_until(
        lambda: any(span.name.startswith("question") for span in collector.spans(trace)),
        "the question's span",
        stack.output,
    )
    spans = collector.spans(trace)
    question = next(span for span in spans if span.name == "question /analytics/stats")
    assert question.parent_id == CALLER
    assert question.attributes["http.response.status_code"] == 200
    statements = [span for span in spans if span.name == "ask clickhouse"]
    assert statements
    assert {span.parent_id for span in statements} == {question.span_id}


def test_every_batch_of_a_websocket_connection_is_a_trace_of_its_own(
    stack: WholeStack, collector: Collector
) -> None:
    """A connection lives for hours; its batches have nothing else in common."""
    before = {span.trace_id for span in collector.spans()}

    async def send() -> None:
        async with Client(stack.stream_url, write_key=stack.write_key) as client:
            for number in range(3):
                await client.track("seen", f"user-{number}")
                await client.flush()

    asyncio.run(send())
    wait_until(
        lambda: len({span.trace_id for span in collector.spans() if span.name == "gateway"} - before) >= 3,
        "a trace for each batch",
        stack.output,
    )
