"""What evaluators say: results, signs of life, intermediate values; and who may say it."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import psycopg
import pytest

from api_schemas.errors import KantorError
from service import studies
from service.settings import Settings
from service.store.connect import Database
from service.studies import curves, leases, work
from solvers.studies.stopping import trials
from tests.service.studies.desk import StudyDesk, point


def refused(act: object, code: str) -> KantorError:
    with pytest.raises(KantorError) as caught:
        act()  # type: ignore[operator]
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_result_is_kept_and_telling_it_again_changes_nothing(desk: StudyDesk) -> None:
    trial = desk.one()
    told = desk.tell(trial, 0.5)
    before = desk.row

    again = desk.tell(trial, 0.5)

    assert (told.state, told.values, told.feasible) == ("completed", {"loss": 0.5}, True)
    assert again == told
    assert (desk.row.watermark, desk.row.told) == (before.watermark, before.told) == (2, 1)
    assert "PATCH" in refused(lambda: desk.tell(trial, 0.6), "conflict").detail
    assert desk.trial(1).values == {"loss": 0.5}


def test_nan_is_kept_as_a_failure_with_the_reason(desk: StudyDesk) -> None:
    first, second = desk.ask(2)

    failed, infinite = desk.tell(first, float("nan")), desk.tell(second, float("inf"))

    assert (failed.state, failed.reason, failed.values) == ("failed", "loss is not a number", {"loss": "NaN"})
    assert (infinite.state, infinite.reason) == ("failed", "loss is infinite")
    assert desk.tell(first, float("nan")) == failed


def test_a_missing_value_is_named(conn: Database, project: UUID, settings: Settings) -> None:
    goals = {"loss": "min", "speed": "max"}
    desk = StudyDesk(conn, project, settings, objectives=goals, constraints={"memory": "<= 16"})
    trial = desk.one()

    error = refused(lambda: desk.tell(trial, 0.5), "invalid-request")

    assert [fault.pointer for fault in error.errors] == ["/values/speed", "/values/memory"]
    assert desk.tell(trial, values={"loss": 0.5, "speed": 2, "memory": 17}).feasible is False


def test_failed_and_infeasible_trials_are_kept_for_the_engines(desk: StudyDesk) -> None:
    first, second = desk.ask(2)

    desk.tell(first, None, state="failed", reason="out of memory")
    desk.tell(second, None, state="infeasible")

    assert [(t.state, t.reason) for t in studies.trials(desk.conn, desk.project, desk.study.id)] == [
        ("failed", "out of memory"),
        ("infeasible", "no reason was given"),
    ]
    assert [item["state"] for item in work.observations(desk.conn, desk.row, desk.row.watermark)] == [
        "failed",
        "infeasible",
    ]


def test_without_values_the_newest_report_counts(desk: StudyDesk) -> None:
    trial = desk.one()
    desk.report(trial, 1, 3.0)
    desk.report(trial, 2, 2.0)

    assert desk.tell(trial, None, state="stopped", reason="too slow").values == {"loss": 2.0}
    assert desk.tell(trial, None, state="stopped", reason="too slow").state == "stopped"


def test_a_lease_that_ran_out_returns_the_trial_and_its_holder_learns_it(desk: StudyDesk) -> None:
    trial = desk.one(client_id="lost")
    desk.lapse(trial)

    assert leases.reap(desk.conn) == 1
    waiting = desk.trial(1)
    assert (waiting.state, waiting.client_id, waiting.attempt) == ("waiting", "", 1)
    assert "ran out" in refused(lambda: desk.beat(trial), "stale-lease").detail

    again = desk.one(client_id="other")
    assert (again.number, again.attempt) == (1, 2)
    for act in (
        lambda: desk.beat(trial),
        lambda: desk.report(trial, 1, 1.0),
        lambda: desk.tell(trial, 0.1),
        lambda: desk.release(trial),
    ):
        assert "another evaluator" in refused(act, "stale-lease").detail
    assert desk.tell(again, 0.2).values == {"loss": 0.2}
    assert desk.changes(1) == ["asked", "returned", "asked", "completed"]


def test_a_late_result_counts_if_nobody_else_has_the_trial(desk: StudyDesk) -> None:
    trial = desk.one()
    desk.lapse(trial)
    leases.reap(desk.conn)

    assert desk.tell(trial, 0.3).state == "completed"


def test_a_sign_of_life_keeps_a_trial(desk: StudyDesk) -> None:
    trial = desk.one()
    desk.lapse(trial)
    desk.beat(trial)

    assert leases.reap(desk.conn) == 0
    assert desk.trial(1).state == "running"


def test_a_trial_whose_evaluators_are_always_lost_has_failed(conn: Database, project: UUID, settings: Settings) -> None:
    desk = StudyDesk(conn, project, settings, max_attempts=2)
    for _ in range(2):
        desk.lapse(desk.one())
        leases.reap(conn)

    assert (desk.trial(1).state, desk.trial(1).reason) == ("failed", "its evaluator was lost 2 times")
    assert desk.one().number == 2
    assert desk.row.told == 1


def test_an_edit_keeps_what_was_there_before(desk: StudyDesk) -> None:
    trial = desk.one()
    refused(lambda: desk.edit(trial, 0.1), "conflict")
    desk.tell(trial, 0.5)

    edited = desk.edit(trial, 0.7, reason="measured again")

    assert edited.values == {"loss": 0.7}
    change = studies.history(desk.conn, desk.project, desk.study.id, 1)[0][-1]
    assert change[2:] == (
        "edited",
        {"loss": 0.7},
        "measured again",
        {"state": "completed", "values": {"loss": 0.5}, "reason": ""},
        "me",
    )
    assert desk.row.told == 2, "engines see a new result"


def test_the_data_of_any_moment_can_be_had_again(desk: StudyDesk) -> None:
    first = desk.one()
    desk.tell(first, 0.5)
    then = desk.row.watermark
    before = work.observations(desk.conn, desk.row, then)
    desk.edit(first, 0.9)
    desk.tell(desk.one(), 0.1)

    assert work.observations(desk.conn, desk.row, then) == before
    now = work.observations(desk.conn, desk.row, desk.row.watermark)
    assert [item["values"] for item in now] == [{"loss": 0.9}, {"loss": 0.1}]


def test_a_point_of_the_users_own_must_fit(desk: StudyDesk) -> None:
    assert desk.add(point(0.01), values={"loss": 0.2}).state == "completed"
    for params, pointer in (
        (point(1.0), "/params/lr"),
        (point(momentum=0.5), "/params/momentum"),
        ({"lr": 0.01, "layers": 2}, "/params/optimizer"),
        (point(optimizer="sgd"), "/params/momentum"),
    ):
        assert refused(lambda params=params: desk.add(params), "invalid-request").errors[0].pointer == pointer


def test_the_median_rule_stops_who_is_worse_than_most(conn: Database, project: UUID, settings: Settings) -> None:
    rule = {"rule": "median", "startup": 3, "grace": 2}
    desk = StudyDesk(conn, project, settings, early_stopping=rule)
    *others, bad, good = desk.ask(5)
    for k, trial in enumerate(others):
        for step in (1, 2, 3):
            assert desk.report(trial, step, 1.0 + k) == (False, "")

    assert desk.report(bad, 1, 9.0) == (False, ""), "before the grace is over nobody is stopped"
    stop, why = desk.report(bad, 2, 9.0)
    assert stop
    assert "worse than the median of 3 other trials' means, 2" in why
    assert desk.report(good, 2, 1.5) == (False, "")


def test_asha_lets_the_best_third_of_each_rung_go_on(conn: Database, project: UUID, settings: Settings) -> None:
    rule = {"rule": "asha", "grace": 1, "reduction": 3}
    desk = StudyDesk(conn, project, settings, objectives={"score": "max"}, early_stopping=rule)
    from api_schemas.studies import ReportRequest

    def report(number: int, step: int, score: float) -> bool:
        request = ReportRequest(step=step, values={"score": score})
        return studies.report(conn, project, desk.study.id, number, request)[1]

    desk.ask(6)
    assert [report(k, 1, score) for k, score in ((1, 0.1), (2, 0.5), (3, 0.2))] == [False, False, True]
    assert report(4, 1, 0.9) is False
    assert report(5, 1, 0.3) is True
    assert report(4, 2, 0.1) is False, "between rungs nobody is judged"


def test_the_curve_rule_stops_whose_curve_will_not_reach_the_best(
    conn: Database, project: UUID, settings: Settings
) -> None:
    rule = {"rule": "curve", "horizon": 100, "startup": 1}
    desk = StudyDesk(conn, project, settings, early_stopping=rule)
    first, good, bad = desk.ask(3)
    for step in range(1, 8):
        assert desk.report(bad, step, 0.6 + step**-0.7) == (False, ""), "nothing is completed to compare with"
    desk.tell(first, 0.5)

    for step in range(8, 15):
        stop, why = desk.report(bad, step, 0.6 + step**-0.7)
    assert stop
    assert "is expected to be 0.6" in why
    assert not any(desk.report(good, step, 0.2 + step**-0.7)[0] for step in range(1, 20))


def test_the_end_of_a_curve_is_what_another_implementation_says() -> None:
    rng = np.random.default_rng(5)
    for count in (5, 20, 200):
        curve = [(k, 0.3 + 2.0 * k**-0.7 + 0.02 * float(rng.standard_normal())) for k in range(1, count + 1)]
        assert curves.extrapolate(curve, 400) == pytest.approx(trials.extrapolate(curve, 400), rel=1e-6)


def test_best_and_front_are_of_feasible_trials_only(conn: Database, project: UUID, settings: Settings) -> None:
    desk = StudyDesk(conn, project, settings, objectives={"a": "min", "b": "max"}, constraints={"c": ">= 0"})
    assert studies.best(conn, project, desk.study.id) is None
    for a, b, c in ((1, 1, 1), (2, 3, 1), (3, 2, 1), (0, 9, -1), (4, 4, 0)):
        desk.tell(desk.one(), values={"a": a, "b": b, "c": c})

    best = studies.best(conn, project, desk.study.id)
    rows, volume, reference = studies.pareto(conn, project, desk.study.id)

    assert best is not None
    assert best.number == 1
    assert [row.number for row in rows] == [1, 2, 5]
    assert reference == {"a": 4.0, "b": 1.0}
    assert volume == pytest.approx((4 - 2) * (3 - 1))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("state = 'running'", "trial_lease"),
        ("state = 'completed', finished_at = now()", "trial_feasible"),
        ("state = 'failed', finished_at = now()", "trial_reason"),
        ("attempt = attempt + 2", "trial_fence"),
        ("attempt = attempt - 1", "trial_fence"),
        ("params = '{}'", "trial_fixed"),
        ("state = 'odd'", "trial_state"),
    ],
)
def test_the_database_itself_holds_the_rules(desk: StudyDesk, change: str, rule: str) -> None:
    trial = desk.release(desk.one())

    with pytest.raises(psycopg.errors.CheckViolation) as broken:
        desk.conn.execute(f"UPDATE trial SET {change} WHERE id = %s", (trial.id,))  # type: ignore[arg-type]
    assert broken.value.diag.constraint_name == rule


def test_a_finished_trial_never_runs_again(desk: StudyDesk) -> None:
    trial = desk.tell(desk.one())

    with pytest.raises(psycopg.errors.CheckViolation, match="trial_transition"):
        desk.conn.execute(
            "UPDATE trial SET state = 'running', lease_until = now(), finished_at = NULL, feasible = NULL"
            " WHERE id = %s",
            (trial.id,),
        )
