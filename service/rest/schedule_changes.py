"""Changes of schedules and their runs, with the jobs that they begin: the same for REST and gRPC."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from api_schemas.errors import KantorError, Problem
from api_schemas.schedules import FinishRequest, ObservationBatch, RefineRequest, RunRequest
from service import jobs, schedules
from service.rest.state import State
from service.schedules import RunRow
from service.settings import Settings
from service.store.connect import Database


async def refine(
    state: State, project_id: UUID, schedule_id: UUID, wanted: RefineRequest, wait: float
) -> tuple[Any, UUID]:
    """The new version's row, None if a worker is still at it after ``wait`` seconds (at most 60); and the job.

    Raises:
        KantorError: what the job failed with.
    """
    submitted = await state.database(schedules.refine, project_id, schedule_id, wanted, state.settings)
    state.writer.ring(submitted)
    end, heard = time.monotonic() + min(wait, 60.0), 2
    while time.monotonic() < end and not state.stopping.is_set():
        left = max(0.0, end - time.monotonic())
        heard = await state.hub.wait(submitted.job_id, heard, min(left, 0.5 if state.hub.connected else 0.1)) or heard
        row = await state.database(jobs.get, project_id, submitted.job_id)
        if row.final:
            break
    else:
        return None, submitted.job_id
    if row.error is not None:
        problem = Problem.model_validate(row.error)
        raise KantorError(problem.code, problem.detail, errors=problem.errors)
    return await state.database(_of_job, project_id, schedule_id, submitted.job_id), submitted.job_id


async def start(state: State, project_id: UUID, schedule_id: UUID, wanted: RunRequest) -> tuple[RunRow, int]:
    """The run, and the schedule's horizon."""
    return await state.database(_start, project_id, schedule_id, wanted)


async def observe(
    state: State, project_id: UUID, schedule_id: UUID, number: int, wanted: ObservationBatch
) -> tuple[RunRow, int]:
    """The run, and how many observations were new."""
    row, stored, submitted = await state.database(_observe, project_id, schedule_id, number, wanted, state.settings)
    if submitted is not None:
        state.writer.ring(submitted)
    return row, stored


async def finish(
    state: State, project_id: UUID, schedule_id: UUID, number: int, wanted: FinishRequest
) -> tuple[RunRow, int]:
    """The run, and the schedule's horizon."""
    row, horizon, submitted = await state.database(_finish, project_id, schedule_id, number, wanted, state.settings)
    if submitted is not None:
        state.writer.ring(submitted)
    return row, horizon


def listed(conn: Database, project_id: UUID, schedule_id: UUID) -> tuple[list[RunRow], int]:
    """The newest runs, and the schedule's horizon."""
    return schedules.runs(conn, project_id, schedule_id), schedules.get(conn, project_id, schedule_id).horizon


def found(conn: Database, project_id: UUID, schedule_id: UUID, number: int) -> tuple[RunRow, int]:
    """A run, and the schedule's horizon."""
    return schedules.run(conn, project_id, schedule_id, number), schedules.get(conn, project_id, schedule_id).horizon


def _of_job(conn: Database, project_id: UUID, schedule_id: UUID, job_id: UUID) -> Any:
    rows = schedules.versions(conn, project_id, schedule_id)
    made = next((row for row in reversed(rows) if row[2].get("job") == job_id.hex), None)
    if made is None:
        raise KantorError("engine-failure", "The job was ended before it had made a version.")
    return made


def _start(conn: Database, project_id: UUID, schedule_id: UUID, wanted: RunRequest) -> tuple[RunRow, int]:
    row = schedules.start(conn, project_id, schedule_id, wanted)
    return row, schedules.get(conn, project_id, schedule_id).horizon


def _observe(
    conn: Database, project_id: UUID, schedule_id: UUID, number: int, wanted: ObservationBatch, settings: Settings
) -> tuple[RunRow, int, Any]:
    row, stored = schedules.observe(conn, project_id, schedule_id, number, wanted.observations)
    return row, stored, schedules.advise(conn, project_id, schedule_id, settings) if stored else None


def _finish(
    conn: Database, project_id: UUID, schedule_id: UUID, number: int, wanted: FinishRequest, settings: Settings
) -> tuple[RunRow, int, Any]:
    row = schedules.finish(conn, project_id, schedule_id, number, wanted)
    horizon = schedules.get(conn, project_id, schedule_id).horizon
    return row, horizon, schedules.advise(conn, project_id, schedule_id, settings)
