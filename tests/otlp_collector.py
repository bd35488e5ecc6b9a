"""A collector that takes OTLP over HTTP, as Jaeger does, and keeps the spans."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.http_server import Quiet, running_server


@dataclass(frozen=True)
class Span:
    """One span as it came."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    attributes: dict[str, Any]
    is_error: bool


class Collector:
    """What has come in so far."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        """Keep the spans of one request."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource in request.resource_spans:
                service = next(
                    item.value.string_value
                    for item in resource.resource.attributes
                    if item.key == "service.name"
                )
                for scope in resource.scope_spans:
                    self._spans.extend(_span(service, span) for span in scope.spans)

    def spans(self, trace_id: str | None = None) -> list[Span]:
        """Return the spans of a trace, or of all, by when they began."""
        with self._lock:
            found = [span for span in self._spans if trace_id in {None, span.trace_id}]
        return sorted(found, key=lambda span: span.began)


@contextmanager
def otlp_collector() -> Iterator[Collector]:
    """Run a collector on a free port."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    with running_server(Handler) as url:
        collector = Collector(url)
        yield collector


def _span(service: str, span: Any) -> Span:
    return Span(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        attributes={
            item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes
        },
        is_error=span.status.code == 2,
    )
