"""Jobs that make suggestions: only where somebody would do them, not for ever, and gone with their study."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from service import jobs, studies
from service.settings import Settings
from service.store.connect import Database
from service.studies import analysis, pool
from tests.service.studies.desk import StudyDesk, point


def _states(desk: StudyDesk) -> list[str]:
    rows = desk.conn.execute("SELECT state FROM job WHERE project_id = %s ORDER BY id", (desk.project,)).fetchall()
    return [row[0] for row in rows]


def test_no_job_is_made_that_no_worker_would_do(
    suggester: None, conn: Database, project: UUID, settings: Settings
) -> None:
    desk = StudyDesk(conn, project, settings, engine="botorch")

    assert pool.prepare(conn, desk.row, settings=settings) is None
    assert _states(desk) == []
    elastic = settings.model_copy(update={"elastic_pools": "gpu, botorch"})
    assert pool.prepare(conn, desk.row, settings=elastic) is not None, "the job brings a worker"


def test_a_job_of_a_study_is_made_for_who_is_there_and_ends_in_time(
    suggester: None, desk: StudyDesk, project: UUID
) -> None:
    pending = pool.prepare(desk.conn, desk.row, settings=desk.settings)

    assert pending is not None
    row = jobs.get(desk.conn, project, pending.job_id)
    assert row.deadline_at == row.created_at + timedelta(seconds=pool.DEADLINE_SECONDS)
    again = pool.prepare(desk.conn, desk.row, settings=desk.settings)
    assert again is not None
    assert again.job_id == pending.job_id


def test_what_works_on_a_study_is_cancelled_with_it(desk: StudyDesk, project: UUID, settings: Settings) -> None:
    for k in range(analysis.FEWEST):
        desk.add(point(lr=0.01 + k / 100), values={"loss": float(k)})
    claim = desk.claim()
    analysis.look(desk.conn, project, desk.study.id, {"work": "importance"}, settings)
    other = StudyDesk(desk.conn, project, settings)
    studies.refill(desk.conn, other.row, settings=settings)
    studies.set_state(desk.conn, project, desk.study.id, "archived")

    studies.delete(desk.conn, project, desk.study.id)

    assert _states(desk) == ["running", "cancelled", "queued"]
    assert jobs.extend(desk.conn, [(claim.job_id, claim.attempt)], 30.0) == {claim.job_id: "cancel"}
