from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify, root_bound
from solvers.programs.certificates.arithmetic import Entries
from solvers.programs.certificates.curvature import curvature
from solvers.programs.certificates.propagation import implied_box
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named, exact_optimum

NUMBERS = st.one_of(st.integers(-9, 9).map(float), st.floats(-10, 10, allow_subnormal=False))


@st.composite
def boxed_programs(draw):
    n, m = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    numbers = st.lists(NUMBERS, min_size=n, max_size=n)
    lower = np.array(draw(numbers))
    rows = np.array([draw(numbers) for _ in range(m)]).reshape(m, n)
    sides = np.array(draw(st.lists(NUMBERS, min_size=m, max_size=m)))
    return Program.build(
        c=draw(numbers),
        A=rows,
        row_lower=sides,
        row_upper=np.where(draw(st.lists(st.booleans(), min_size=m, max_size=m)), np.inf, sides + 3),
        lower=lower,
        upper=lower + draw(st.sampled_from([0.5, 3.0, 10.0])),
        offset=draw(NUMBERS),
    )


@settings(max_examples=120, deadline=None)
@given(boxed_programs(), st.data())
def test_no_multipliers_ever_prove_a_bound_above_the_exact_optimum(program, data):
    exact = exact_optimum(program)
    assume(exact is not None)
    y = np.array(data.draw(st.lists(st.floats(-1e3, 1e3), min_size=program.m, max_size=program.m)))
    bound = root_bound(program, y)
    assert np.isfinite(bound)
    assert Fraction(bound) <= exact
    assert Fraction(root_bound(program)) <= exact


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([10.0, 1e6]))
def test_near_the_optimal_multipliers_the_bound_is_below_the_optimum_by_rounding_only(seed, upper):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 4))
    A = rng.uniform(0.1, 1.0, (n, n))
    y = rng.uniform(0.1, 1.0, n)
    x = rng.uniform(0.1, 1.0, n)
    program = Program.build(c=A.T @ y, A=A, row_lower=A @ x, upper=upper)
    exact = exact_optimum(program)
    bound = Fraction(root_bound(program, y))
    assert bound <= exact
    assert exact - bound < Fraction(upper) / 10**13


@given(st.integers(0, 2**32))
def test_rounding_of_reduced_costs_times_large_bounds_never_lifts_the_bound_above_the_optimum(seed):
    """x = 3z up to 2^30; the reduced costs are small differences of large numbers, rounded differently."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(1, 2, 2) * 1e8
    a = rng.integers(1, 10, 2).astype(float)
    program = Program.build(
        c=[float(a @ y) - 1e-6, -3.0 * float(a @ y) - 1e-6],
        A=np.column_stack((a, -3 * a)),
        row_lower=0.0,
        row_upper=[0.0, 0.0],
        upper=[3 * 2.0**30, 2.0**30],
    )
    exact = exact_optimum(program)
    assert exact is not None
    assert Fraction(root_bound(program, y)) <= exact


def test_curvature_pays_for_a_slope_that_no_bound_absorbs():
    """min x^2/2 - x from 0.9, where it is 0.005 above the minimum."""
    program = Program.build(c=[-1.0], Q=np.array([[1.0]]), lower=-np.inf)
    answer = ProgramAnswer("optimal", objective=-0.495, bound=-0.495, x=np.array([0.9]), row_duals=np.zeros(0))
    certificate = certify(program, answer)
    assert check_named(certificate, "gap").outcome == "failed"
    assert check_named(certificate, "gap").value == pytest.approx(0.005, rel=1e-6)
    assert check_named(certificate, "dual-bound").value <= -0.5


def test_leftovers_on_variables_without_bounds_are_absorbed_by_bounds_that_the_rows_imply():
    program = Program.build(c=[-1.0, -1 / 3], A=np.array([[1.0, 1 / 3]]), row_upper=[1.0])
    answer = ProgramAnswer(
        "optimal", objective=-1.0, bound=-1.0, x=np.array([1.0, 0.0]), row_duals=np.array([-1 + 1e-9])
    )
    check = check_named(certify(program, answer), "gap")
    assert check.outcome == "passed"
    assert "follow from the rows" in check.text


def test_a_proof_that_covers_only_points_of_limited_size_says_so():
    """min (a'x)/3 with a'x >= 1, x free, costs off by rounding so that no multiplier fits both: the rest counts."""
    A, y, x = np.array([[1.1, 0.7]]), np.array([1 / 3]), np.array([0.5, 9 / 14])
    costs = A.T @ y + np.array([1e-13, -1e-13])
    program = Program.build(c=costs, A=A, row_lower=[1.0], lower=-np.inf, variable_names=["u", "v"])
    objective = float(program.objective_at(x))
    answer = ProgramAnswer("optimal", objective=objective, bound=objective, x=x, row_duals=y)
    check = check_named(certify(program, answer), "gap")
    assert check.outcome == "passed"
    assert "at most 1,000,000 times as large" in check.text
    assert check.value >= 1e-13 * 1e6
    assert "'u'" in check.text or "'v'" in check.text
    assert root_bound(program, y) == -np.inf


def test_huge_finite_bounds_do_not_spoil_a_proof():
    rng = np.random.default_rng(1)
    A = rng.uniform(0.1, 1.0, (5, 5))
    y, x = rng.uniform(0.1, 1.0, 5), rng.uniform(0.1, 1.0, 5)
    program = Program.build(c=A.T @ y + 1e-12, A=A, row_lower=A @ x, lower=-1e12, upper=1e12)
    objective = float(program.objective_at(x))
    answer = ProgramAnswer("optimal", objective=objective, bound=objective, x=x, row_duals=y)
    assert check_named(certify(program, answer), "gap").outcome == "passed"


def _claimed(program, x, duals=None):
    objective = float(program.objective_at(np.asarray(x)))
    answer = ProgramAnswer("optimal", objective=objective, bound=objective, x=np.asarray(x), row_duals=duals)
    return certify(program, answer)


@pytest.mark.parametrize(("slope", "upper", "n"), [(-1e-7, 1e10, 1), (-5e-8, 1e10, 1), (-1e-12, 1e6, 1000)])
def test_bounds_of_the_variables_are_not_cut_off(slope, upper, n):
    program = Program.build(c=np.full(n, slope), lower=0.0, upper=upper)
    assert check_named(_claimed(program, np.zeros(n), np.zeros(0)), "gap").outcome == "failed"


@pytest.mark.parametrize("upper", [1e6, 1e7])
def test_curvature_a_little_below_zero_counts_in_full_within_bounds(upper):
    Q = np.array([[1.0, -1.0 - 4e-9], [-1.0 - 4e-9, 1.0]])
    program = Program.build(c=[0.0, 0.0], Q=Q, lower=0.0, upper=upper)
    assert program.objective_at(np.full(2, 1e6)) < -3999
    assert check_named(_claimed(program, np.zeros(2), np.zeros(0)), "gap").outcome == "failed"


def test_a_slope_that_is_more_than_rounding_leads_on_where_a_variable_has_no_bound():
    program = Program.build(c=[-1e-8, 1.0])
    certificate = _claimed(program, [0.0, 0.0], np.zeros(0))
    assert not certificate.proved
    assert "rests on the engine's word" in check_named(certificate, "gap").text


def test_small_multipliers_of_an_engine_of_limited_precision_are_tried_as_zeros():
    A = np.array([[1.0, 1.0], [-1.0, 0.0]])
    program = Program.build(c=[1.0, 1.0], A=A, row_lower=[1.0, -3.0], lower=[-np.inf, 0.0])
    # the second row is not at its side: its multiplier should be 0, and leaves a slope along a variable without bounds
    answer = _claimed(program, [0.5, 0.5], np.array([1.0, 3e-8]))
    assert check_named(answer, "gap").outcome == "passed"
    assert np.isfinite(check_named(answer, "gap").value)


def test_a_bound_of_integral_objectives_is_rounded_to_the_next_value():
    program = Program.build(
        c=[2.0, 4.0], A=np.array([[2.0, 4.0]]), row_lower=[2.5], upper=5.0, integrality=1, offset=1.0
    )
    assert root_bound(program, np.ones(1)) == 5.0  # 3.5 by the row, and only odd values occur
    largest = Program.build(c=[2.0, 4.0], A=np.array([[2.0, 4.0]]), row_upper=[9.5], integrality=1, sense="max")
    assert root_bound(largest, np.ones(1)) == 8.0


@pytest.mark.parametrize("integrality", [0, 1])
def test_rows_that_contradict_each_other_by_a_rounding_of_their_data_do_not_prove_anything_optimal(integrality):
    """0.1 + 0.2 = 0.3 has no solution in doubles, and every worse point would be refuted with it."""
    program = Program.build(
        c=[0.0, 0.0, 1.0],
        A=np.array([[1.0, 1.0, 0.0], [1e3, 1e3, 0.0]]),
        row_lower=[0.3, 300.0 + 1e-9],
        row_upper=[0.3, np.inf],
        lower=[0.1, 0.2, 0.0],
        upper=[0.1, 0.2, 9.0],
        integrality=[0, 0, integrality],
    )
    assert implied_box(program, Entries(program.A)).empty
    best = ProgramAnswer("optimal", objective=0.0, bound=0.0, x=np.array([0.1, 0.2, 0.0]), row_duals=np.zeros(2))
    worse = replace(best, objective=5.0, bound=5.0, x=np.array([0.1, 0.2, 5.0]))
    assert certify(program, best).proved
    assert not certify(program, worse).proved


def smallest_ratio(Q, k, rng):
    """The smallest x'Qx - sum k x^2 over random directions and eigenvectors, exactly enough to see a false bound."""
    n = Q.shape[0]
    trials = np.vstack([rng.standard_normal((50, n)), np.linalg.eigh(Q)[1].T])
    return min(float(x @ Q @ x - (k * x * x).sum()) for x in trials)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_verified_curvature_is_never_larger_than_the_true_one(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    factor = rng.standard_normal((int(rng.integers(1, n + 2)), n)) * 10.0 ** rng.integers(-3, 4, n)
    Q = factor.T @ factor
    k = curvature(sp.csr_array(Q))
    assert k is not None
    assert smallest_ratio(Q, k, rng) >= -1e-6 * np.abs(np.diag(Q)).max()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_form_that_is_not_convex_has_no_verified_curvature(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = rng.uniform(0, 1, n)
    values[0] = -(10.0 ** rng.uniform(-6, 0))
    Q = basis @ np.diag(values) @ basis.T
    assert curvature(sp.csr_array((Q + Q.T) / 2)) is None


@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_large_sparse_forms_are_judged_by_a_sparse_factorization(shift):
    n = 2000
    rng = np.random.default_rng(3)
    factor = sp.diags_array([rng.standard_normal(n - k) for k in range(4)], offsets=list(range(4)))
    smallest = shift - 0.001
    Q = sp.csr_array(factor.T @ factor + smallest * sp.eye_array(n))
    off_diagonal = np.asarray(abs(Q).sum(axis=1)).ravel() - np.abs(Q.diagonal())
    assert (off_diagonal > Q.diagonal()).any()  # diagonal dominance does not decide
    k = curvature(Q)
    assert (k is not None) == (shift > 0)
    if k is not None:
        assert k.min() > 0
        assert np.linalg.eigvalsh((Q - sp.diags_array(k)).toarray()).min() > 0


def test_a_negative_pivot_of_the_sparse_factorization_is_seen():
    blocks = sp.block_diag([np.array([[1.0, 2.0], [2.0, 1.0]])] * 1000, format="csr")
    assert curvature(sp.csr_array(blocks)) is None
