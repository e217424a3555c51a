"""``validate_only``: contract and catalogue were checked already; here a worker reads the problem, if one is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from pydantic import ValidationError
from starlette.responses import Response

from api_schemas.errors import CODES, FieldError, KantorError
from api_schemas.jobs import Inspection, Validation
from service import jobs, registry
from service.jobs import JobRow
from service.keys import Principal
from service.rest import submissions, views, waiting
from service.rest.catalogue import DEFAULT_POOL
from service.rest.state import State
from service.rest.submissions import Draft
from service.settings import Settings
from service.store.connect import Database

LABEL = "kantor.dry-run"
PATIENCE = 20.0
"""Seconds that a worker has for reading the problem."""

log = structlog.get_logger("kantor.api")


async def reply(
    state: State,
    principal: Principal,
    draft: Draft,
    pool: str,
    warnings: list[str],
    require_key: Callable[[], Awaitable[None]],
) -> Response:
    """The ``Validation`` of a request.

    Args:
        warnings: that are known already.

    Raises:
        KantorError: what a submit would be refused with, or what its job would fail with on reading the problem.
    """
    await submissions.require_artifacts(state, principal.project_id, draft)
    inspection, unread = await _inspect(state, principal, draft, require_key)
    request = draft.request
    validation = Validation(
        kind=request.problem.kind, engine=request.engine, pool=pool, inspection=inspection, warnings=warnings + unread
    )
    return views.json_response(validation.model_dump_json().encode())


async def _inspect(
    state: State, principal: Principal, draft: Draft, require_key: Callable[[], Awaitable[None]]
) -> tuple[Inspection | None, list[str]]:
    pool = await state.database(_reading_pool, state.settings, draft.request.problem.kind)
    if pool is None:
        return None, ["No worker is there now: only the form of the request was checked, not the problem itself."]
    request = draft.request.model_copy(
        update={
            "task": "inspect",
            "engine": "auto",
            "labels": {LABEL: "true"},
            "priority": 100,
            "deadline": PATIENCE,
            "max_attempts": 1,
            "retention": 60.0,
        }
    )
    inspected = Draft(request, draft.document, draft.references)
    submitted = await submissions.store(state, principal, inspected, pool=pool, idempotency_key=None)
    try:
        done = await waiting.until_finished(
            state,
            principal.project_id,
            submitted.job_id,
            PATIENCE,
            after_seq=submitted.job.last_seq,
            require_key=require_key,
        )
    finally:
        await state.database(_forget, principal.project_id, submitted.job_id)
    if done is None or done[0].state in {"expired", "cancelled"}:
        return None, [
            f"No worker read the problem within {PATIENCE:g} seconds: only the form of the request was checked."
        ]
    return _outcome(*done)


def _outcome(row: JobRow, answer: bytes | None) -> tuple[Inspection | None, list[str]]:
    if row.state == "succeeded" and answer is not None:
        try:
            return Inspection.model_validate_json(answer), []
        except ValidationError:
            log.exception("inspection_unreadable")
            return None, [
                "The worker's report on the problem could not be read: only the form of the request was checked."
            ]
    error = row.error or {}
    code = str(error.get("code", "internal"))
    detail = str(error.get("detail", "the problem could not be read"))
    if code in CODES and CODES[code].status < 500:
        raise KantorError(code, detail, errors=[FieldError.model_validate(entry) for entry in error.get("errors", [])])
    return None, [f"Reading the problem failed ({code}): {detail}"]


def _reading_pool(conn: Database, settings: Settings, kind: str) -> str | None:
    """A pool whose workers know this kind of problem, whichever engine was asked for; the usual one if possible."""
    pools = {engine.pool for engine in registry.engines(conn, settings) if engine.family == kind}
    return DEFAULT_POOL if DEFAULT_POOL in pools else min(pools, default=None)


def _forget(conn: Database, project_id: UUID, job_id: UUID) -> None:
    """Delete the job; one that still runs is cancelled, and goes with the retention a minute after it ends."""
    jobs.cancel(conn, project_id, job_id)
    try:
        jobs.delete(conn, project_id, job_id)
    except KantorError as error:
        if error.code != "conflict":
            raise
