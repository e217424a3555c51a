"""What some kinds of jobs do beside the job itself: read data when they begin, store results when they end.

A hook is a module with ``load`` and ``on_finish``. Workers call it; the document that a runner gets is what ``load``
returns, while the row keeps what was submitted.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast
from uuid import UUID

from api_schemas.errors import Problem
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database

#: kind to module; only kinds with data of their own in the database have one.
MODULES: dict[str, str] = {
    "study": "service.studies.work",
    "schedule": "service.schedules.work",
}


@dataclass(frozen=True, slots=True)
class Finish:
    """How a job ended: its final state, the answer's JSON and the error, if there are such."""

    state: str
    answer: bytes | None = None
    error: Problem | None = None


class Hook(Protocol):
    """A module of ``MODULES``."""

    def load(self, conn: Database, claim: Claim) -> bytes:
        """The document for the runner.

        Raises:
            KantorError: the job cannot be done; it fails with this error.
        """
        ...

    def on_finish(self, conn: Database, claim: Claim, finished: Finish, settings: Settings) -> UUID | None:
        """Called in the transaction that finishes the job, once, with the claim as it was submitted. A job that it
        submits to follow is returned, to be rung for in the same pool."""
        ...


def of(kind: str) -> Hook | None:
    """The hook of a kind, if it has one."""
    module = MODULES.get(kind)
    return None if module is None else cast(Hook, importlib.import_module(module))
