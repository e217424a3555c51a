from dataclasses import replace

import numpy as np
import pytest

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify, settle
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named, diet, failed_names


def primal(program, x, **options):
    return check_named(certify(program, ProgramAnswer("feasible", x=np.asarray(x)), options), "primal-feasibility")


def test_a_right_answer_passes_every_check_and_nothing_rests_on_the_engine():
    certificate = certify(*diet())
    assert certificate.proved
    assert {check.name for check in certificate.checks} == {
        "primal-feasibility",
        "objective",
        "row-activity",
        "dual-feasibility",
        "complementary-slackness",
        "reduced-costs",
        "dual-bound",
        "gap",
    }


def test_a_violated_row_is_named_with_its_absolute_and_relative_violation():
    program, answer = diet()
    check = check_named(certify(program, replace(answer, x=np.array([3.0, 0.99]))), "primal-feasibility")
    assert check.outcome == "failed"
    assert "'protein'" in check.text
    assert "0.03" in check.text
    assert "0.005" in check.text
    assert check.value == pytest.approx(0.03)
    assert check.tolerance == pytest.approx(6e-6)


def test_a_violated_bound_is_named():
    check = primal(diet()[0], [3.6, 1.0])
    assert check.outcome == "failed"
    assert "'apples'" in check.text


@pytest.mark.parametrize(("side", "violation", "outcome"), [(1.0, 0.9e-6, "passed"), (1.0, 1.1e-6, "failed")])
def test_a_small_side_may_be_violated_by_the_tolerance(side, violation, outcome):
    program = Program.build(c=[1.0], A=np.array([[1.0]]), row_upper=[side], lower=-np.inf)
    assert primal(program, [side + violation]).outcome == outcome


@pytest.mark.parametrize(("violation", "outcome"), [(0.9, "passed"), (1.1, "failed")])
def test_a_large_side_may_be_violated_in_proportion(violation, outcome):
    program = Program.build(c=[1.0], A=np.array([[1.0]]), row_upper=[1e6], lower=-np.inf)
    assert primal(program, [1e6 + violation]).outcome == outcome


def test_large_terms_do_not_excuse_a_violation_of_a_side_that_is_zero():
    program = Program.build(c=[0.0, 0.0], A=np.array([[1e6, -1e6]]), row_lower=[0.0], row_upper=[0.0], lower=-np.inf)
    assert primal(program, [1.0 + 1e-9, 1.0]).outcome == "failed"


def test_the_tolerance_asked_for_is_the_one_applied():
    program = Program.build(c=[1.0], A=np.array([[1.0]]), row_upper=[1.0], lower=-np.inf)
    assert primal(program, [1.00005], primal_tolerance=1e-4).outcome == "passed"
    assert primal(program, [1 + 1e-8], primal_tolerance=1e-9).outcome == "failed"


def test_exact_arithmetic_decides_where_doubles_see_a_row_hold_that_is_violated_by_one():
    program = Program.build(c=[0.0] * 3, A=np.array([[1.0, 1.0, -1.0]]), row_upper=[0.0], lower=-np.inf)
    x = np.array([1e16, 1.0, 1e16])
    assert float(program.A.toarray()[0] @ x) == 0.0
    check = primal(program, x)
    assert (check.outcome, check.arithmetic, check.value) == ("failed", "exact", 1.0)


def test_exact_arithmetic_decides_where_doubles_see_a_violation_that_is_none():
    program = Program.build(c=[0.0] * 4, A=np.array([[1.0, 1.0, 1.0, -1.0]]), row_lower=[2.0], lower=-np.inf)
    x = np.array([1e16, 1.0, 1.0, 1e16])
    assert (x[0] + x[1]) + x[2] - x[3] < 2.0
    check = primal(program, x)
    assert (check.outcome, check.arithmetic, check.value) == ("passed", "exact", 0.0)


def test_products_that_overflow_are_decided_exactly():
    program = Program.build(
        c=[0.0, 0.0], A=np.array([[1e300, -1e300]]), row_lower=[0.0], row_upper=[0.0], lower=-np.inf
    )
    assert primal(program, [1e10, 1e10]).outcome == "passed"
    assert primal(program, [2e10, 1e10]).outcome == "failed"


def test_the_worst_of_several_violations_is_shown_and_the_others_counted():
    program = Program.build(c=[0.0] * 3, upper=[1.0, 2.0, 3.0], lower=-np.inf)
    check = primal(program, [1.1, 2.9, 3.2])
    assert "'x1'" in check.text
    assert "2 more" in check.text


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (None, "no point was given"),
        (np.zeros(3), "shape"),
        (np.array([np.nan, 1.0]), "nan"),
        (np.array([np.inf, 1.0]), "inf"),
        (np.array(["three", "one"]), "not an array of numbers"),
    ],
)
def test_an_unusable_point_fails_with_words_and_leaves_no_solution(x, words):
    program, answer = diet()
    wrong = replace(answer, x=x)
    certificate = certify(program, wrong)
    check = check_named(certificate, "primal-feasibility")
    assert check.outcome == "failed"
    assert words in check.text
    settled = settle(wrong, certificate)
    assert (settled.status, settled.x) == ("no-solution", None)


def test_a_wrong_objective_is_corrected_in_words():
    program, answer = diet()
    wrong = replace(answer, objective=8.9)
    certificate = certify(program, wrong)
    assert "objective" in failed_names(certificate)
    assert "is 9, not 8.9" in check_named(certificate, "objective").text
    assert settle(wrong, certificate).status == "imprecise"


def test_the_objective_is_recomputed_exactly_where_doubles_cancel():
    program = Program.build(c=[1.0, 1.0, -1.0], lower=-np.inf)
    answer = ProgramAnswer("feasible", objective=0.0, x=np.array([1e16, 1.0, 1e16]))
    check = check_named(certify(program, answer), "objective")
    assert (check.outcome, check.arithmetic) == ("failed", "exact")
    assert check_named(certify(program, replace(answer, objective=1.0)), "objective").outcome == "passed"


@pytest.mark.parametrize(("difference", "outcome"), [(8e-9, "passed"), (1e-8, "failed")])
def test_a_claimed_objective_is_right_to_nine_digits(difference, outcome):
    program, answer = diet()
    check = check_named(certify(program, replace(answer, objective=9.0 + difference)), "objective")
    assert check.outcome == outcome


def test_quadratic_terms_that_cancel_are_summed_exactly():
    program = Program.build(c=[0.0, 0.0], Q=np.diag([1.0, -1.0]), lower=-np.inf)
    answer = ProgramAnswer("feasible", objective=1e8 + 0.5, x=np.array([1e8 + 1, 1e8]))
    check = check_named(certify(program, answer), "objective")
    assert (check.outcome, check.arithmetic) == ("passed", "exact")
    assert check_named(certify(program, replace(answer, objective=1e8)), "objective").outcome == "failed"


def test_offset_quadratic_part_and_sense_belong_to_the_objective():
    program = Program.build(c=[1.0, 0.0], Q=np.array([[-2.0, 1.0], [1.0, -4.0]]), offset=10.0, sense="max", lower=-5.0)
    x = np.array([1.0, 2.0])
    answer = ProgramAnswer("feasible", objective=10.0 + 1.0 + 0.5 * float(x @ np.array([[-2, 1], [1, -4]]) @ x), x=x)
    assert check_named(certify(program, answer), "objective").outcome == "passed"


def test_claimed_activities_are_compared():
    program, answer = diet()
    check = check_named(certify(program, replace(answer, row_activity=np.array([4.0, 6.1]))), "row-activity")
    assert check.outcome == "failed"
    assert "'protein'" in check.text


def test_a_program_without_rows_or_with_empty_columns_is_checked():
    program = Program.build(c=[1.0, 0.0], upper=[1.0, np.inf])
    answer = ProgramAnswer("optimal", objective=0.0, x=np.zeros(2), row_duals=np.zeros(0), reduced_costs=program.c)
    assert certify(program, answer).proved
