from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify, settle
from solvers.programs.problem import Indicator, Program, SecondOrderCone, SpecialOrderedSet
from tests.solvers.certificates.examples import check_named, failed_names, knapsack


def feasible(x):
    return ProgramAnswer("feasible", x=np.asarray(x, dtype=float))


def test_a_fractional_value_of_an_integer_variable_is_named():
    program, answer = knapsack()
    wrong = replace(answer, x=np.array([1.0, 0.5, 1.0]), objective=10.0)
    certificate = certify(program, wrong)
    check = check_named(certificate, "integrality")
    assert (check.outcome, check.value) == ("failed", 0.5)
    assert "'b'" in check.text
    assert settle(wrong, certificate).status == "no-solution"


def test_a_value_within_the_integrality_tolerance_passes_and_the_rounded_point_is_checked():
    certificate = certify(knapsack()[0], feasible([1.0 - 1e-8, 1.0, 1e-8]))
    assert check_named(certificate, "integrality").outcome == "passed"
    assert check_named(certificate, "rounded-point").outcome == "passed"


def test_a_point_that_is_a_solution_only_by_tolerances_is_found_out():
    program = Program.build(
        c=[1.0, 0.0],
        A=np.array([[1.0, -1e6]]),
        row_upper=[0.0],
        upper=[np.inf, 1.0],
        integrality=[0, 1],
        sense="max",
        variable_names=["flow", "open"],
    )
    answer = feasible([0.9, 9e-7])
    certificate = certify(program, answer)
    assert failed_names(certificate) == {"rounded-point"}
    assert settle(answer, certificate).status == "no-solution"


@pytest.mark.parametrize("x", [0.0, 1e-9, 5.0, 10.0])
def test_semi_continuous_values_are_zero_or_within_bounds(x):
    program = Program.build(c=[1.0], lower=5.0, upper=10.0, integrality=2)
    assert not certify(program, feasible([x])).failures


@pytest.mark.parametrize("x", [4.9, 0.1, 10.1, -1.0])
def test_other_values_of_a_semi_continuous_variable_fail(x):
    program = Program.build(c=[1.0], lower=5.0, upper=10.0, integrality=2)
    assert "semi-continuity" in failed_names(certify(program, feasible([x])))


def test_a_semi_integer_variable_must_be_integral_too():
    program = Program.build(c=[1.0], lower=5.0, upper=10.0, integrality=3)
    assert failed_names(certify(program, feasible([6.5]))) == {"integrality"}
    assert not certify(program, feasible([6.0])).failures


def sets(kind):
    group = SpecialOrderedSet(kind, np.array([2, 0, 1]), np.array([3.0, 1.0, 2.0]))
    return Program.build(c=[1.0, 1.0, 1.0], upper=10.0, sos=[group], variable_names=["first", "second", "third"])


def test_two_nonzero_members_break_a_set_of_the_first_kind():
    check = check_named(certify(sets(1), feasible([2.0, 1.0, 0.0])), "special-ordered-sets")
    assert check.outcome == "failed"
    assert "'second'" in check.text
    assert not certify(sets(1), feasible([0.0, 3.0, 0.0])).failures


def test_members_of_the_second_kind_must_be_adjacent_by_weight():
    assert not certify(sets(2), feasible([1.0, 2.0, 0.0])).failures
    assert not certify(sets(2), feasible([0.0, 2.0, 1.0])).failures
    assert failed_names(certify(sets(2), feasible([1.0, 0.0, 1.0]))) == {"special-ordered-sets"}
    assert failed_names(certify(sets(2), feasible([1.0, 1.0, 1.0]))) == {"special-ordered-sets"}


def indicated():
    indicator = Indicator(0, 1, np.array([1, 2]), np.array([1.0, 1.0]), -np.inf, 4.0, name="cap")
    return Program.build(c=[0.0] * 3, upper=[1.0, 10.0, 10.0], integrality=[1, 0, 0], indicators=[indicator])


def test_an_indicator_binds_only_when_it_is_on():
    assert not certify(indicated(), feasible([0.0, 5.0, 5.0])).failures
    assert not certify(indicated(), feasible([1.0, 2.0, 2.0])).failures
    check = check_named(certify(indicated(), feasible([1.0, 5.0, 5.0])), "indicators")
    assert (check.outcome, check.value) == ("failed", 6.0)
    assert "'cap'" in check.text


def disc():
    """x in the disc of radius 1 around (1, 0)."""
    cone = SecondOrderCone(sp.csr_array(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), np.array([1.0, -1.0, 0.0]))
    return Program.build(c=[1.0, 0.0], lower=-np.inf, cones=[cone])


def test_a_point_outside_a_cone_fails_with_the_distance():
    assert not certify(disc(), feasible([1.6, 0.8])).failures
    check = check_named(certify(disc(), feasible([1.6, 0.9])), "cones")
    assert check.outcome == "failed"
    assert check.value == pytest.approx(np.hypot(0.6, 0.9) - 1)


def test_a_cone_at_its_tolerance_is_decided_exactly():
    outcomes = set()
    for step in range(-8, 9):
        x = 2.0 + 1e-6 + step * 2.0**-51
        check = check_named(certify(disc(), feasible([x, 0.0])), "cones")
        inside = Fraction(x) - 1 <= 1 + Fraction(1e-6)
        assert (check.outcome, check.arithmetic) == ("passed" if inside else "failed", "exact")
        outcomes.add(check.outcome)
    assert outcomes == {"passed", "failed"}


def test_many_cones_are_checked_together():
    k = 3000
    eye = sp.eye_array(2 * k, format="csr")
    cones = [SecondOrderCone(sp.csr_array(eye[[2 * i, 2 * i + 1]]), np.zeros(2)) for i in range(k)]
    program = Program.build(c=np.ones(2 * k), lower=-np.inf, cones=cones)
    x = np.tile([1.0, -1.0], k)
    certificate = certify(program, feasible(x))
    assert check_named(certificate, "cones").outcome == "passed"
    x[2 * 1234 + 1] = 1.5
    check = check_named(certify(program, feasible(x)), "cones")
    assert check.outcome == "failed"
    assert "Cone 1234" in check.text
