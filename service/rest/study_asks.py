"""Asking, with patience: what is ready at once, else what a worker makes within the time that the asker grants."""

from __future__ import annotations

import time
from collections import Counter
from uuid import UUID

from api_schemas.errors import KantorError
from api_schemas.studies import AskRequest
from service import studies
from service.rest.state import State
from service.store.connect import Database
from service.studies import Asked, StudyRow, pool
from service.studies.pool import Pending

_LOOK_SECONDS = 0.5
_BLIND_LOOK_SECONDS = 0.1
"""Without hints of the broker."""
_FIRST_EVENTS = 2
"""Queued and started: of no interest."""

_lacking: Counter[UUID] = Counter()
"""How many trials those who wait in this process still lack, for each study: so many are made at once."""


async def ask(state: State, project_id: UUID, study_id: UUID, request: AskRequest) -> Asked:
    """Trials for an evaluator.

    Raises:
        KantorError: as ``studies.ask``.
    """
    asked = await state.database(
        studies.ask, project_id, study_id, request, stale=request.wait <= 0, waiting=_lacking[study_id]
    )
    why = ""
    if _short(asked, request) and request.wait > 0:
        asked, why = await _patiently(state, asked, request)
    if _short(asked, request):
        asked = await state.database(studies.ask, project_id, study_id, request, got=asked.trials, stale=True)
    if _short(asked, request):
        words = f"quasi-random: {why or 'no suggestion was ready'}"
        await state.database(studies.fall_back, asked, request, words)
    if asked.low and not asked.done:
        await prepare(state, asked.study, 1)
    return asked


async def prepare(state: State, study: StudyRow, count: int) -> None:
    """See that suggestions are made, if that can be, and ring for the job."""
    pending = await state.database(pool.prepare, study, count=count, settings=state.settings)
    if pending is not None and pending.submitted is not None:
        state.writer.ring(pending.submitted)


async def _patiently(state: State, asked: Asked, request: AskRequest) -> tuple[Asked, str]:
    """Wait for jobs that make suggestions, and why there are still too few."""
    study, end = asked.study, time.monotonic() + request.wait
    unserved = await state.database(pool.unserved, study.definition["engine"], state.settings)
    if unserved:
        return asked, unserved
    lacks = _short(asked, request)
    _lacking[study.id] += lacks
    try:
        pending: Pending | None = None
        while time.monotonic() < end and not state.stopping.is_set():
            if pending is None:
                try:
                    pending = await _make(state, study, request, lacks)
                except KantorError as error:
                    if error.code != "quota-exceeded":
                        raise
                    return asked, error.detail
                heard = _FIRST_EVENTS
            look = _LOOK_SECONDS if state.hub.connected else _BLIND_LOOK_SECONDS
            left = max(0.0, end - time.monotonic())
            heard = await state.hub.wait(pending.job_id, heard, min(look, left)) or heard
            over = await state.database(_state, pending.job_id)
            if over in ("queued", "running"):
                continue
            asked = await state.database(
                studies.ask,
                study.project_id,
                study.id,
                request,
                got=asked.trials,
                stale=bool(request.fixed),
                waiting=_lacking[study.id],
            )
            if not _short(asked, request):
                return asked, ""
            if over != "succeeded" or request.fixed or asked.study.problem:
                return asked, asked.study.problem or f"the job that should suggest {over}"
            pending = None
        return asked, f"no suggestion was ready within {request.wait:g} s"
    finally:
        _lacking[study.id] -= lacks
        if not _lacking[study.id]:
            del _lacking[study.id]


async def _make(state: State, study: StudyRow, request: AskRequest, lacks: int) -> Pending:
    if request.fixed:
        pending: Pending = await state.database(
            studies.suggest_with, study, request.fixed, count=lacks, settings=state.settings
        )
    else:
        count = min(256, max(lacks, _lacking[study.id]))
        pending = await state.database(studies.refill, study, count=count, settings=state.settings)
    if pending.submitted is not None:
        state.writer.ring(pending.submitted)
    return pending


def _short(asked: Asked, request: AskRequest) -> int:
    return 0 if asked.done else max(0, request.count - len(asked.trials))


def _state(conn: Database, job_id: UUID) -> str:
    row = conn.execute("SELECT state FROM job WHERE id = %s", (job_id,), prepare=True).fetchone()
    return "is gone" if row is None else str(row[0])
