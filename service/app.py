"""The API: ``uvicorn service.app:create_app --factory``. Stateless; run as many as you like."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from service.settings import Settings


def preload() -> None:
    """Import the application, without looking for garbage meanwhile: there is none, and the search takes a fifth of the
    time."""
    gc.disable()
    try:
        import service.rest.application  # noqa: F401
    finally:
        gc.enable()
        gc.freeze()


def create_app(settings: Settings | None = None, **given: Any) -> FastAPI:
    """The application: see ``service.rest.application.create_app``."""
    preload()
    from service.rest.application import create_app as create

    return create(settings, **given)
