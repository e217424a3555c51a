"""Handing out trials: prepared ones, returned ones, sticky ones, quasi-random ones."""

from __future__ import annotations

from uuid import UUID

import pytest

from api_schemas.errors import KantorError
from api_schemas.study_spaces import point_fault
from service import projects, studies
from service.settings import Settings
from service.store.connect import Database
from tests.service.studies.desk import StudyDesk, point


def test_a_prepared_point_is_handed_out_once_with_where_it_comes_from(desk: StudyDesk) -> None:
    desk.prepare(point(0.01), point(0.02))

    first, second, third = desk.one(), desk.one(), desk.one()

    assert [first.params["lr"], second.params["lr"]] == [0.01, 0.02]
    assert (first.origin, second.origin, third.origin) == ("engine", "engine", "quasi-random")
    assert [trial.number for trial in (first, second, third)] == [1, 2, 3]
    assert first.made["engine"] == "test"
    assert (second.made["place"], second.made["seed"]) == (1, desk.row.seed)
    assert first.state == "running"
    assert first.attempt == 1


def test_who_asks_again_gets_what_it_still_holds(desk: StudyDesk) -> None:
    desk.prepare(point(0.01), point(0.02), point(0.03))
    held = desk.ask(2, client_id="gpu-1")

    again = desk.ask(3, client_id="gpu-1")
    other = desk.ask(1, client_id="gpu-2")

    assert [trial.number for trial in again] == [1, 2, 3]
    assert [trial.attempt for trial in again[:2]] == [trial.attempt for trial in held]
    assert other[0].number == 4
    desk.tell(held[0])
    assert [trial.number for trial in desk.ask(2, client_id="gpu-1")] == [2, 3]


def test_a_returned_trial_goes_to_the_next_one_who_asks(desk: StudyDesk) -> None:
    first = desk.one()
    desk.release(first)

    again = desk.one(client_id="other")

    assert (again.number, again.attempt, again.params) == (first.number, 2, first.params)
    assert desk.changes(1) == ["asked", "returned", "asked"]


def test_a_guess_is_tried_first(conn: Database, project: UUID, settings: Settings) -> None:
    desk = StudyDesk(conn, project, settings, guesses=[point(0.05)])
    desk.prepare(point(0.01))

    assert desk.one().params == point(0.05)
    assert desk.one().params == point(0.01)


def test_fixed_values_are_never_served_from_points_made_without_them(desk: StudyDesk) -> None:
    desk.prepare(point(0.01), point(0.02))
    returned = desk.one()
    desk.release(returned)

    trial = desk.one(fixed={"layers": 7})
    same = desk.one(fixed={"layers": 2, "lr": 0.01})

    assert trial.params["layers"] == 7
    assert trial.origin == "quasi-random"
    assert same.number == returned.number, "a returned trial that has these values fits"


def test_points_that_miss_newer_results_wait_for_those_who_are_patient(desk: StudyDesk) -> None:
    trial = desk.one()
    desk.prepare(point(0.01))
    desk.tell(trial)

    assert desk.try_ask(stale=False).trials == []
    assert len(desk.try_ask(stale=True).trials) == 1


def test_with_many_evaluators_at_work_points_may_miss_as_many_results_as_came_in_meanwhile(desk: StudyDesk) -> None:
    trials = desk.ask(6)
    desk.prepare(point(0.01), point(0.02))
    for trial in trials[:2]:
        desk.tell(trial)

    assert len(desk.try_ask(stale=False).trials) == 1, "4 are at work: 2 results may be missing"
    for trial in trials[2:4]:
        desk.tell(trial)
    assert desk.try_ask(stale=False).trials == [], "3 are at work, but 4 results are missing"


def test_evaluators_who_wait_count_as_at_work(desk: StudyDesk) -> None:
    """Else many evaluators of something quick, of whom none is ever at work for long, would wait for each other."""
    trials = desk.ask(4)
    desk.prepare(point(0.01))
    for trial in trials:
        desk.tell(trial)

    assert desk.try_ask(stale=False, waiting=7).trials == [], "half of 7 is less than 4"
    assert len(desk.try_ask(stale=False, waiting=8).trials) == 1


def test_quasi_random_points_fit_the_space_meet_the_constraints_and_differ(
    conn: Database, project: UUID, settings: Settings
) -> None:
    desk = StudyDesk(conn, project, settings, input_constraints=["lr * layers <= 0.1", "layers >= 2"])

    trials = desk.ask(100)

    points = [trial.params for trial in trials]
    assert all(point_fault(desk.study.request.space, params) == ("", "") for params in points)
    assert all(params["lr"] * params["layers"] <= 0.1 and params["layers"] >= 2 for params in points)
    assert len({str(sorted(params.items())) for params in points}) == 100
    assert {params["optimizer"] for params in points} == {"adam", "sgd"}


def test_a_small_space_ends_when_all_was_tried(conn: Database, project: UUID, settings: Settings) -> None:
    desk = StudyDesk(conn, project, settings, space={"a": {"type": "ordinal", "choices": [1, 2, 3]}})
    assert sorted(trial.params["a"] for trial in desk.ask(3)) == [1, 2, 3]

    asked = desk.try_ask()
    from api_schemas.studies import AskRequest

    studies.fall_back(conn, asked, AskRequest(), "for a test")

    assert asked.trials == []
    assert asked.done


def test_a_budget_ends_the_asking_but_not_what_was_lost(conn: Database, project: UUID, settings: Settings) -> None:
    desk = StudyDesk(conn, project, settings, budget=3)
    desk.prepare(point(0.01), point(0.02))
    trials = desk.ask(5)
    assert [trial.number for trial in trials] == [1, 2, 3]
    assert desk.ask(1) == []

    desk.release(trials[1])

    assert [trial.number for trial in desk.ask(2)] == [2]
    assert desk.add(point(0.07)).number == 4, "points of the user's own are not bounded"


def test_a_paused_study_hands_out_nothing_but_takes_results(desk: StudyDesk) -> None:
    trial = desk.one()
    studies.set_state(desk.conn, desk.project, desk.study.id, "paused")

    with pytest.raises(KantorError, match="paused") as refused:
        desk.one()
    assert refused.value.code == "conflict"
    assert desk.tell(trial).state == "completed"


def test_an_archived_study_takes_nothing_and_tells_its_evaluators_to_stop(desk: StudyDesk) -> None:
    trial = desk.one()
    studies.set_state(desk.conn, desk.project, desk.study.id, "archived")

    assert desk.beat(trial)[1] is True
    with pytest.raises(KantorError, match="archived"):
        desk.tell(trial)
    studies.set_state(desk.conn, desk.project, desk.study.id, "active")
    assert desk.tell(trial).state == "completed"


def test_wrong_fixed_values_are_named(desk: StudyDesk) -> None:
    for fixed, pointer in (
        ({"lr": 5.0}, "/fixed/lr"),
        ({"lrr": 0.1}, "/fixed/lrr"),
        ({"layers": 1.5}, "/fixed/layers"),
        ({"optimizer": "adam", "momentum": 0.5}, "/fixed/momentum"),
    ):
        with pytest.raises(KantorError) as refused:
            desk.ask(fixed=fixed)
        assert refused.value.code == "invalid-request"
        assert refused.value.errors[0].pointer == pointer


def test_another_projects_study_does_not_exist(desk: StudyDesk) -> None:
    stranger = projects.ensure(desk.conn, "stranger")
    trial = desk.one()
    desk.project = stranger

    for act in (
        lambda: desk.one(),
        lambda: desk.tell(trial),
        lambda: desk.beat(trial),
        lambda: desk.report(trial, 1, 1.0),
        lambda: desk.release(trial),
        lambda: desk.add(point()),
        lambda: desk.edit(trial, 1.0),
        lambda: desk.trial(1),
        lambda: desk.row,
        lambda: studies.best(desk.conn, stranger, desk.study.id),
        lambda: studies.pareto(desk.conn, stranger, desk.study.id),
        lambda: studies.trials(desk.conn, stranger, desk.study.id),
        lambda: studies.set_state(desk.conn, stranger, desk.study.id, "paused"),
        lambda: studies.delete(desk.conn, stranger, desk.study.id),
    ):
        with pytest.raises(KantorError) as refused:
            act()
        assert refused.value.code == "not-found"


def test_where_next_to_nothing_is_allowed_points_near_known_ones_are_handed_out(
    conn: Database, project: UUID, settings: Settings
) -> None:
    cube = {name: {"type": "float", "low": 0, "high": 1} for name in "abcdef"}
    thin = StudyDesk(conn, project, settings, space=cube, input_constraints=["a + b + c + d + e + f <= 0.01"])
    thin.add(dict.fromkeys("abcdef", 0.001), values={"loss": 1.0})

    trials = thin.ask(6)

    assert len({str(trial.params) for trial in trials}) == 6
    assert all(0 <= sum(trial.params.values()) <= 0.01 + 1e-9 for trial in trials)
