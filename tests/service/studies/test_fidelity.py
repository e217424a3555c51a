"""Trials at low fidelity are no results."""

from __future__ import annotations

from uuid import UUID

from service import studies
from service.settings import Settings
from service.store.connect import Database
from tests.service.studies.desk import StudyDesk

SPACE = {
    "x": {"type": "float", "low": 0, "high": 1},
    "epochs": {"type": "fidelity", "low": 1, "high": 10, "step": 4, "whole": True},
}


def test_the_best_and_the_front_are_of_full_trials(conn: Database, project: UUID, settings: Settings) -> None:
    objectives = {"loss": "min", "size": "min"}
    desk = StudyDesk(conn, project, settings, space=SPACE, objectives=objectives)
    desk.add({"x": 0.1, "epochs": 1}, values={"loss": 0.0, "size": 0.0})
    assert studies.best(conn, project, desk.study.id) is None
    assert studies.pareto(conn, project, desk.study.id)[0] == []
    full = desk.add({"x": 0.2, "epochs": 9}, values={"loss": 2.0, "size": 1.0})
    desk.add({"x": 0.2, "epochs": 5}, values={"loss": 1.0, "size": 0.5})

    best = studies.best(conn, project, desk.study.id)

    assert best is not None
    assert best.number == full.number, "9 is the highest that the step reaches"
    assert [trial.number for trial in studies.pareto(conn, project, desk.study.id)[0]] == [full.number]
    assert {trial.params["epochs"] for trial in desk.ask(3)} == {9}, "what nobody suggested is evaluated in full"
