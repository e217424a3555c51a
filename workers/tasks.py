"""The one task: the doorbell."""

from __future__ import annotations

from service.bell import TASK
from workers import celery_app


def _run(job_id: str) -> None:
    """A job waits (perhaps this one): see ``workers.worker.Worker.answer``."""
    assert celery_app.worker is not None, "started by celeryd_after_setup"
    celery_app.worker.answer(job_id)


run = celery_app.app.task(name=TASK, ignore_result=True)(_run)
