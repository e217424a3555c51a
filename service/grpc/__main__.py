"""The gRPC server as a process: ``python -m service.grpc``. Stateless; run as many as you like."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

from service import logs
from service.grpc.server import Server
from service.rest.state import running
from service.settings import Settings, SettingsError
from service.telemetry import serve as telemetry
from service.telemetry import tracing

log = structlog.get_logger("kantor.grpc")


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with running(settings) as state:
        server = Server(state, settings)
        await server.start()
        log.info("started", port=server.port, tls=settings.grpc_certificate is not None)
        await asked.wait()
        state.stopping.set()
        await server.stop()
        log.info("stopped")


def main() -> int:
    """Run with the settings of the environment."""
    try:
        settings = Settings.load()
        _ = settings.pepper
        logs.configure(settings.log_level)
        telemetry.serve(settings)
        tracing.start("grpc")
        asyncio.run(serve(settings))
        tracing.stop()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
