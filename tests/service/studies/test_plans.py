"""What an ask and a tell read does not grow with the study."""

from __future__ import annotations

from api_schemas.study_imports import ImportRequest
from service.studies import imports, points
from tests.service.studies.desk import StudyDesk


def rows_read(desk: StudyDesk) -> int:
    """Rows of the table of trials that were fetched so far."""
    desk.conn.execute("SELECT pg_stat_force_next_flush()")
    found = desk.conn.execute(
        "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_user_tables WHERE relname = 'trial'"
    ).fetchone()
    assert found is not None
    return int(found[0])


def test_plans_of_a_small_study_are_not_kept_for_a_large_one(desk: StudyDesk) -> None:
    def cycle() -> None:
        (trial,) = desk.ask(client_id="one")
        desk.report(trial, 1, 0.5)
        desk.tell(trial)

    for _ in range(8):
        cycle()  # so that statements are prepared
    fresh = points.sequence(desk.study.request, 7, 0)
    items = [{"params": next(fresh), "values": {"loss": 1.0}} for _ in range(1000)]
    imports.bring_in(desk.conn, desk.project, desk.study.id, ImportRequest.model_validate({"trials": items}))
    before = rows_read(desk)

    for _ in range(10):
        cycle()

    assert rows_read(desk) - before < 10 * 100
