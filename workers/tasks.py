"""The one task: the doorbell."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request
from kombu.asynchronous import get_event_loop

from service.bell import TASK
from workers import celery_app


class Ring(Request):  # type: ignore[misc]  # Celery has no types
    """A ring that was heard. Its message was gone with that: there is nothing to acknowledge."""

    def acknowledge(self) -> None:
        """Called last, in the slot's thread, when the slot is free: wakes Celery's loop, which else would sleep on for
        up to a second before it listens for the next ring.
        """
        self.acknowledged = True
        hub: Any = get_event_loop()
        if hub is not None:
            hub.call_soon(_nothing)


def _nothing() -> None:
    """To be called by the loop, which has to wake for it."""


def _run(job_id: str) -> None:
    """A job waits (perhaps this one): see ``workers.worker.Worker.answer``."""
    assert celery_app.worker is not None, "started by celeryd_after_setup"
    celery_app.worker.answer(job_id)


run = celery_app.app.task(name=TASK, ignore_result=True, Request="workers.tasks:Ring")(_run)
