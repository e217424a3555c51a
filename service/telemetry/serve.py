"""``/metrics`` of this process."""

from __future__ import annotations

import structlog
from prometheus_client import REGISTRY, start_http_server

from service.settings import Settings
from service.telemetry.fleet import Fleet

log = structlog.get_logger("kantor.telemetry")


def serve(settings: Settings, *, fleet: bool = False) -> int | None:
    """Serve the metrics of this process at ``settings.metrics_address`` in a thread; the port, None if it is off.

    Args:
        fleet: those of the whole installation too.
    """
    if not settings.metrics_address:
        return None
    host, _, port = settings.metrics_address.rpartition(":")
    if fleet:
        REGISTRY.register(Fleet(settings))
    try:
        server, _thread = start_http_server(int(port), addr=host.strip("[]") or "0.0.0.0")  # noqa: S104
    except OSError as error:
        # Several processes of one machine with one setting: the work goes on without their metrics.
        log.warning("metrics_not_served", address=settings.metrics_address, error=str(error))
        return None
    bound: int = server.server_port
    log.info("metrics_served", port=bound)
    return bound
