"""The application: routes, middleware, what starts and ends with it. ``service.app`` makes it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api_schemas import VERSION
from service import logs
from service.rest import (
    activity,
    answers,
    artifacts,
    health,
    jobs,
    keys,
    openapi,
    operations,
    pages,
    problems,
    schedule_observations,
    schedule_runs,
    schedules,
    studies,
    study_analyses,
    study_comparisons,
    study_imports,
    study_trials,
    tenants,
    webhooks,
)
from service.rest.dashboard import Dashboard
from service.rest.middleware import Around
from service.rest.state import State, running
from service.settings import Settings
from service.telemetry import serve as telemetry
from service.telemetry import tracing

DASHBOARD = Path(__file__).parents[1] / "_dashboard"
"""The built dashboard, if this installation has it."""


def create_app(settings: Settings | None = None, *, dashboard: Path = DASHBOARD) -> FastAPI:
    """The application.

    Args:
        settings: by default from the environment.

    Raises:
        service.settings.SettingsError: a setting is missing or does not fit.
    """
    configured = settings or Settings.load()
    _ = configured.pepper  # missing, it would else be found by the first request
    logs.configure(configured.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(telemetry.serve, configured)
        await asyncio.to_thread(tracing.start, "api")
        async with running(configured) as state:
            app.state.kantor = state
            _end_long_replies_on_signals(state)
            yield
        await asyncio.to_thread(tracing.stop)

    app = FastAPI(
        title="Kantor",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False},
    )
    for module in (
        jobs,
        answers,
        activity,
        artifacts,
        study_analyses,
        studies,
        study_trials,
        study_comparisons,
        study_imports,
        schedules,
        schedule_observations,
        schedule_runs,
        operations,
        keys,
        tenants,
        webhooks,
        health,
        pages,
    ):
        app.router.routes.extend(module.router.routes)
    if (dashboard / "index.html").is_file():
        app.router.routes.append(Dashboard(dashboard))
    else:
        app.router.routes.extend(pages.home.routes)
    problems.install(app)
    openapi.install(app)
    origins = [origin.strip() for origin in configured.cors_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "X-API-Key",
                "Content-Type",
                "Idempotency-Key",
                "Prefer",
                "Last-Event-ID",
                "traceparent",
            ],
            expose_headers=[
                "Location",
                "X-Request-Id",
                "Idempotency-Replayed",
                "Preference-Applied",
                "ETag",
                "Retry-After",
            ],
        )
    app.add_middleware(Around, cors=bool(origins))
    return app


def _end_long_replies_on_signals(state: State) -> None:
    """Event streams and long polls must hear of the end at once: uvicorn waits for them before it ends the lifespan."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def handle(caught: int, frame: FrameType | None, before: object = before) -> None:
            loop.call_soon_threadsafe(state.stopping.set)
            if callable(before):
                before(caught, frame)

        signal.signal(number, handle)
