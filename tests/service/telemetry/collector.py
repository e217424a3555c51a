"""An OpenTelemetry collector as small as can be: takes OTLP over HTTP, keeps the spans."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span; times in seconds."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    begin: float
    end: float
    about: dict[str, Any]


class Collector:
    """``url`` is what ``OTEL_EXPORTER_OTLP_ENDPOINT`` takes."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._keep(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def wait(self, wanted: Callable[[list[Seen]], Any], seconds: float = 20.0) -> list[Seen]:
        """The spans, once they are as wanted."""
        end = time.monotonic() + seconds
        while not wanted(self.spans):
            assert time.monotonic() < end, [(span.service, span.name, span.trace[-4:]) for span in self.spans]
            time.sleep(0.1)
        return list(self.spans)

    def _keep(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(a.value.string_value for a in group.resource.attributes if a.key == "service.name")
            for span in (span for scope in group.scope_spans for span in scope.spans):
                about = {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in span.attributes}
                times = (span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9)
                names = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                self.spans.append(Seen(service, span.name, *names, *times, about))

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
