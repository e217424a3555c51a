"""The quotas of a project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """None: unlimited. The fields are columns of the table project, in the order of ``COLUMNS``.

    Attributes:
        max_running: jobs at once, in all pools (the claim sees to it).
        max_queued: jobs that wait.
        max_solver_seconds: of workers' time in a calendar month (UTC); a job that has begun is not stopped by it.
        max_bytes: of artifacts, uploads and answers together (small arrays of answers are none).
        max_requests: in a minute.
    """

    max_running: int | None = None
    max_queued: int | None = None
    max_solver_seconds: float | None = None
    max_bytes: int | None = None
    max_requests: int | None = None


COLUMNS = ", ".join(f"project.{name}" for name in Limits.__slots__)
"""Select list of ``Limits``."""
