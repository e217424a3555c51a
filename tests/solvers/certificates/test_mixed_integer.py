from dataclasses import replace

import numpy as np
import pytest

from solvers.programs.answer import ProgramAnswer, Solution
from solvers.programs.certificates import certify, settle
from solvers.programs.certificates.lattice import next_below, objective_step, rounded_up
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named, failed_names, knapsack


def faulty(**changes):
    program, answer = knapsack()
    wrong = replace(answer, **changes)
    certificate = certify(program, wrong)
    return certificate, settle(wrong, certificate)


def hard():
    """A program whose optimum no simple proof shows; the point is feasible, and taken for optimal."""
    rng = np.random.default_rng(0)
    A = rng.integers(1, 30, (5, 30)).astype(float)
    program = Program.build(c=rng.integers(1, 30, 30), A=A, row_lower=A.sum(axis=1) / 3, upper=1.0, integrality=1)
    x = np.ones(30)
    objective = float(program.c.sum())
    return program, ProgramAnswer("optimal", objective=objective, bound=objective, x=x)


def test_the_bound_of_a_tree_search_rests_on_the_engine_unless_the_root_proves_it():
    program, answer = hard()
    certificate = certify(program, answer)
    assert certificate.rests_on_engine == ("dual-bound",)
    assert "rests on its word" in check_named(certificate, "dual-bound").text
    assert settle(answer, certificate).status == "optimal"


def test_the_root_multipliers_prove_a_bound_when_it_rounds_to_the_objective():
    program = Program.build(c=[2.0] * 9, A=np.ones((1, 9)), row_lower=[2.5], upper=1.0, integrality=1)
    x = np.array([1.0, 1.0, 1.0, 0, 0, 0, 0, 0, 0])
    answer = ProgramAnswer(
        "optimal", objective=6.0, bound=6.0, x=x, row_duals=np.array([2.0])
    )  # 5, objectives are even
    certificate = certify(program, answer)
    assert certificate.proved
    assert "root relaxation" in check_named(certificate, "dual-bound").text
    assert not certify(program, replace(answer, row_duals=np.array([1.0]), bound=5.0)).verified


def test_a_constant_objective_needs_no_bound():
    program = Program.build(
        c=[0.0, 0.0], A=np.array([[1.0, 1.0]]), row_lower=[1.0], upper=1.0, integrality=1, offset=3.0
    )
    assert certify(program, ProgramAnswer("optimal", objective=3.0, x=np.array([1.0, 0.0]))).proved


def test_propagation_refutes_better_points_of_an_easy_program():
    program = Program.build(c=[3.0, 5.0], A=np.array([[2.0, 2.0]]), row_lower=[7.0], upper=[2.0, 9.0], integrality=1)
    answer = ProgramAnswer("optimal", objective=16.0, bound=16.0, x=np.array([2.0, 2.0]))
    assert certify(program, answer).proved
    worse = replace(answer, objective=21.0, bound=21.0, x=np.array([2.0, 3.0]))
    assert not certify(program, worse).proved


def test_a_bound_beyond_the_incumbent_is_refuted():
    certificate, settled = faulty(bound=8.0)
    assert failed_names(certificate) == {"dual-bound"} or "gap" in failed_names(certificate)
    assert settled.status == "feasible"
    assert settled.bound is None


def test_a_gap_larger_than_asked_for_is_no_optimality():
    program, answer = hard()
    wrong = replace(answer, bound=answer.objective - 0.5)
    certificate = certify(program, wrong)
    check = check_named(certificate, "gap")
    assert (check.outcome, check.value) == ("failed", pytest.approx(0.5))
    settled = settle(wrong, certificate)
    assert (settled.status, settled.bound) == ("feasible", wrong.bound)


def test_a_gap_that_was_asked_for_passes():
    program, answer = hard()
    loose = replace(answer, bound=answer.objective - 0.5)
    assert not certify(program, loose, {"relative_gap": 0.1}).failures
    assert not certify(program, loose, {"absolute_gap": 0.5}).failures


def test_an_optimum_without_a_bound_is_trusted():
    program, answer = hard()
    certificate = certify(program, replace(answer, bound=None))
    assert certificate.rests_on_engine == ("dual-bound", "gap")


@pytest.mark.parametrize("bound", [float("nan"), "nine", [9.0]])
def test_an_unusable_bound_fails_with_words(bound):
    certificate, settled = faulty(bound=bound)
    assert failed_names(certificate) == {"dual-bound"}
    assert settled.bound is None


def test_an_infinite_bound_says_nothing_for_a_feasible_answer():
    certificate, settled = faulty(status="feasible", bound=float("inf"))
    assert not certificate.failures
    assert settled.status == "feasible"


@pytest.mark.parametrize(
    ("c", "kinds", "step"),
    [([2.0, 4.0], 1, 2), ([0.5, 0.75], 1, 0.25), ([3.0, 0.0], [1, 0], 3), ([3.0, 1.0], [1, 0], None), ([0.0], 0, 0)],
)
def test_the_step_of_an_objective_is_the_common_divisor_of_its_coefficients(c, kinds, step):
    found = objective_step(Program.build(c=c, integrality=kinds))
    assert found == step or (found is None and step is None)


def test_bounds_round_to_the_lattice_on_the_safe_side():
    step = objective_step(Program.build(c=[2.0], integrality=1))
    assert rounded_up(3.1, 1.0, step) == 5.0
    assert rounded_up(3.0, 1.0, step) == 3.0
    assert next_below(5.0, 1.0, step) == 3.0
    assert next_below(5.1, 1.0, step) == 5.0


def pool(*points):
    return tuple(Solution(objective, np.array(x, dtype=float)) for objective, x in points)


RIGHT = ((9.0, (1, 1, 0)), (8.0, (1, 0, 1)), (5.0, (1, 0, 0)))


def test_a_right_pool_passes():
    assert check_named(faulty(pool=pool(*RIGHT))[0], "pool").outcome == "passed"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ((RIGHT[1], RIGHT[0]), "not sorted"),
        ((RIGHT[0], RIGHT[0]), "the same point"),
        (((8.5, (1, 0, 1)),), "objective is 8, not 8.5"),
        (((12.0, (1, 1, 1)),), "'weight'"),
        (((6.5, (1, 0.5, 0)),), "integral"),
        (((9.0, (1, 1)),), "shape"),
        (((np.nan, (1, 1, 0)),), "not a number"),
    ],
)
def test_a_wrong_pool_fails_with_words_and_is_dropped(members, words):
    certificate, settled = faulty(pool=pool(*members))
    check = check_named(certificate, "pool")
    assert check.outcome == "failed"
    assert words in check.text
    assert settled.pool == ()
    assert settled.status == "optimal"


def test_a_member_of_the_pool_that_is_better_than_the_optimum_refutes_it():
    certificate, settled = faulty(objective=8.0, bound=8.0, x=np.array([1.0, 0.0, 1.0]), pool=pool(*RIGHT))
    assert "better than the answer" in check_named(certificate, "best-of-pool").text
    assert settled.status == "feasible"
    assert len(settled.pool) == 3


def test_a_pool_too_large_for_its_time_says_how_many_were_checked(monkeypatch):
    monkeypatch.setattr("solvers.programs.certificates.pool.TIME_BUDGET", -1.0)
    check = check_named(faulty(pool=pool(*RIGHT))[0], "pool")
    assert (check.outcome, check.value, check.tolerance) == ("trusted", 0.0, 3.0)
