"""Evaluations that were made elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from api_schemas.errors import KantorError
from api_schemas.study_imports import ImportRequest
from service.settings import Settings
from service.store.connect import Database, connect
from service.studies import imports
from tests.service.studies.desk import StudyDesk, point
from tests.service.work import together


def bring_in(desk: StudyDesk, *trials: dict[str, Any], conn: Database | None = None) -> tuple[int, int]:
    request = ImportRequest.model_validate({"trials": list(trials)})
    return imports.bring_in(conn or desk.conn, desk.project, desk.study.id, request)


def test_they_count_as_results_and_are_what_engines_learn_from(desk: StudyDesk) -> None:
    first = desk.one()
    found = bring_in(
        desk,
        {"params": point(0.01), "values": {"loss": 0.5}},
        {"params": point(0.02), "state": "failed", "reason": "out of memory"},
        {"params": point(0.03), "values": {"loss": "NaN"}},
    )

    assert found == (3, 0)
    assert (desk.row.asked, desk.row.told, desk.row.watermark) == (4, 3, 4)
    assert [desk.trial(k).state for k in (1, 2, 3, 4)] == ["running", "completed", "failed", "failed"]
    assert desk.trial(4).reason == "loss is not a number"
    assert desk.changes(2) == ["completed"]
    trials = desk.load(desk.claim())
    assert b"out of memory" in trials
    assert first.number == 1


def test_a_key_is_brought_in_once_also_by_many_at_once(desk: StudyDesk, settings: Settings) -> None:
    items = [{"params": point(0.001 * k), "values": {"loss": k}, "key": f"run {k}"} for k in range(1, 21)]

    def send(_: int) -> int:
        with connect(settings) as conn:
            return bring_in(desk, *items, conn=conn)[0]

    assert sum(together(6, send)) == 20
    assert bring_in(desk, *items, {"params": point(0.09), "values": {"loss": 1}, "key": "run 21"}) == (1, 20)
    assert desk.counts["completed"] == 21


def test_if_one_does_not_fit_none_is_stored_and_its_place_is_named(desk: StudyDesk) -> None:
    good = {"params": point(0.01), "values": {"loss": 0.5}}
    for bad, pointer in (
        ({"params": point(7.0), "values": {"loss": 1}}, "/trials/1/params/lr"),
        ({"params": point(0.02), "values": {"los": 1}}, "/trials/1/values/loss"),
        ({"params": point(0.02)}, "/trials/1/values/loss"),
    ):
        with pytest.raises(KantorError) as refused:
            bring_in(desk, good, bad)
        assert [error.pointer for error in refused.value.errors] == [pointer]
    assert desk.row.asked == 0
    desk.conn.execute("UPDATE study SET state = 'archived' WHERE id = %s", (desk.study.id,))
    with pytest.raises(KantorError, match="archived"):
        bring_in(desk, good)
