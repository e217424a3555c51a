"""Spans to a collector by OTLP over HTTP, if the standard variables ask for them; else nothing, at no cost.

On: ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` is set, and ``OTEL_SDK_DISABLED`` is not
"true". Sampling, headers, timeouts, batches: the variables of OpenTelemetry's SDK. Needs the extra ``telemetry``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import structlog

from api_schemas import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

Kind = Literal["server", "consumer", "producer", "internal"]
_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LAST_SECONDS = 3.0

log = structlog.get_logger("kantor.telemetry")
_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def start(role: str) -> bool:
    """Begin to export spans of this process, if that is wanted; whether it is.

    Args:
        role: api, grpc, dispatcher or worker: ``service.name`` is "kantor-" and this, unless ``OTEL_SERVICE_NAME`` says
            otherwise.
    """
    global _tracer, _provider
    wanted = any(os.environ.get(name) for name in _VARIABLES)
    if _tracer is not None or not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return _tracer is not None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("no_traces", reason=f"{error}; install kantor-server[telemetry]")
        return False
    name = os.environ.get("OTEL_SERVICE_NAME") or f"kantor-{role}"
    resource = Resource.create({"service.name": name, "service.version": VERSION, "kantor.role": role})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("kantor", VERSION)
    return True


def stop() -> None:
    """Send what waits, for a few seconds at most."""
    global _tracer, _provider
    if _provider is not None:
        _provider.force_flush(int(_LAST_SECONDS * 1000))
        _provider.shutdown()
    _tracer = _provider = None


def on() -> bool:
    """Whether spans are wanted."""
    return _tracer is not None


def begin(
    name: str,
    parent: str | None,
    *,
    kind: Kind = "internal",
    start_ns: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """A span below the ``traceparent`` of another; the caller ends it. None if spans are not wanted."""
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    return _tracer.start_span(
        name,
        context=_context(parent),
        kind=SpanKind[kind.upper()],
        start_time=start_ns,
        attributes=dict(attributes or {}),
    )


def record(
    name: str,
    parent: str | None,
    start_ns: int,
    end_ns: int,
    *,
    kind: Kind = "internal",
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """A span that is over already; times in nanoseconds since 1970."""
    span = begin(name, parent, kind=kind, start_ns=start_ns, attributes=attributes)
    if span is not None:
        span.end(max(start_ns, end_ns))


def fail(span: Any, words: str) -> None:
    """Mark a span as failed."""
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, words[:500]))


def traceparent(span: Any) -> str:
    """By which others refer to a span."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _context(parent: str | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if parent is None:
        return Context()
    _, trace, span, flags = parent.split("-")
    known = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(known), Context())
