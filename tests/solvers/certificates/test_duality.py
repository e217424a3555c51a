from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify, settle
from solvers.programs.problem import Program, SecondOrderCone
from tests.solvers.certificates.examples import check_named, diet, failed_names


def random_pair(seed, quadratic=False):
    """A program around a point and multipliers that are complementary: their optimality needs no solver to be known."""
    rng = np.random.default_rng(seed)
    m, n = (int(k) for k in rng.integers(1, 9, 2))
    A = np.where(rng.random((m, n)) < 0.6, rng.integers(-9, 10, (m, n)), 0).astype(float)
    place = rng.integers(0, 3, n)  # at the lower bound, at the upper bound, between
    lower, width = rng.integers(-5, 5, n).astype(float), rng.integers(1, 6, n)
    upper = lower + width
    x = np.select([place == 0, place == 1], [lower, upper], lower + width / 2)
    d = np.select([place == 0, place == 1], [rng.integers(0, 5, n), -rng.integers(0, 5, n)], 0).astype(float)
    lower = np.where((place == 1) & (rng.random(n) < 0.5), -np.inf, lower)
    upper = np.where((place == 0) & (rng.random(n) < 0.5), np.inf, upper)
    activity = A @ x
    kind = rng.integers(0, 4, m)  # tight below, tight above, equation, loose
    y = np.select(
        [kind == 0, kind == 1, kind == 2], [rng.integers(0, 4, m), -rng.integers(0, 4, m), rng.integers(-3, 4, m)], 0
    ).astype(float)
    row_lower = np.select([kind == 0, kind == 1, kind == 2], [activity, activity - 7, activity], activity - 1)
    row_upper = np.select([kind == 0, kind == 1, kind == 2], [np.inf, activity, activity], np.inf)
    Q = None
    gradient = np.zeros(n)
    if quadratic:
        factor = rng.integers(-2, 3, (n, n)).astype(float)
        Q = factor.T @ factor
        gradient = Q @ x
    c = A.T @ y + d - gradient
    sign = -1.0 if rng.random() < 0.5 else 1.0
    program = Program.build(
        c=sign * c,
        A=A,
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lower,
        upper=upper,
        sense="min" if sign > 0 else "max",
        Q=None if Q is None else sign * Q,
        offset=float(rng.integers(-9, 9)),
    )
    objective = program.offset + sign * (float(c @ x) + (0.5 * float(x @ Q @ x) if Q is not None else 0.0))
    answer = ProgramAnswer(
        "optimal",
        objective=objective,
        bound=objective,
        x=x,
        row_duals=sign * y,
        reduced_costs=sign * d,
        row_activity=activity,
    )
    return program, answer


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_complementary_pairs_are_certified_as_optimal(seed, quadratic):
    program, answer = random_pair(seed, quadratic)
    certificate = certify(program, answer)
    assert certificate.proved, certificate.failures
    assert settle(answer, certificate) is answer


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.data())
def test_a_worse_feasible_point_is_never_certified_as_optimal(seed, quadratic, data):
    program, answer = random_pair(seed, quadratic)
    direction = data.draw(st.integers(0, program.n - 1))
    x = answer.x.copy()
    x[direction] += data.draw(st.sampled_from([-0.5, 0.5]))
    objective = float(program.objective_at(x))
    worse = (objective - answer.objective) * (1 if program.sense == "min" else -1)
    wrong = replace(answer, x=x, objective=objective, bound=objective, row_activity=program.A @ x)
    certificate = certify(program, wrong)
    if worse > 1e-3:
        assert certificate.failures
        assert settle(wrong, certificate).status != "optimal"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1e-10, 1e-8]))
def test_multipliers_that_are_off_by_a_tolerance_are_repaired_where_no_bound_absorbs_that(seed, off):
    """Columns without upper bounds, and rows of both signs, which imply none; basic reduced costs are zero."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 12))
    A = rng.uniform(-1, 1, (m, 2 * m))
    x = np.append(rng.uniform(1, 2, m), np.zeros(m))
    y = rng.uniform(0.5, 1.0, m)
    program = Program.build(c=A.T @ y + np.append(np.zeros(m), np.ones(m)), A=A, row_lower=A @ x)
    objective = float(program.c @ x)
    answer = ProgramAnswer("optimal", objective=objective, bound=objective, x=x, row_duals=y + off * rng.normal(size=m))
    certificate = certify(program, answer)
    assert certificate.proved, certificate.checks
    assert "without bounds" not in check_named(certificate, "dual-bound").text


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_multipliers_of_the_wrong_sign_never_pass(seed):
    program, answer = random_pair(seed)
    i = int(np.abs(answer.row_duals).argmax())
    if abs(answer.row_duals[i]) < 0.5 or program.row_lower[i] == program.row_upper[i] or not program.A[[i]].nnz:
        return
    y = answer.row_duals.copy()
    y[i] = -y[i]
    certificate = certify(program, replace(answer, row_duals=y, reduced_costs=None))
    assert certificate.failures


def faulty(**changes):
    program, answer = diet()
    wrong = replace(answer, **changes)
    certificate = certify(program, wrong)
    return certificate, settle(wrong, certificate)


def test_a_dual_of_the_wrong_sign_is_named():
    certificate, settled = faulty(row_duals=np.array([2.5, -0.5]), reduced_costs=None)
    check = check_named(certificate, "dual-feasibility")
    assert check.outcome == "failed"
    assert "'protein'" in check.text
    assert check.value == 0.5
    assert settled.status == "feasible"


def test_a_reduced_cost_without_a_bound_for_its_sign_is_named():
    program = Program.build(c=[1.0], A=np.array([[1.0]]), row_lower=[1.0], variable_names=["free"])
    answer = ProgramAnswer("optimal", objective=1.0, bound=1.0, x=np.ones(1), row_duals=np.array([1.5]))
    certificate = certify(program, answer)
    check = check_named(certificate, "dual-feasibility")
    assert check.outcome == "failed"
    assert "'free'" in check.text
    assert settle(answer, certificate).status == "feasible"


def test_slack_beside_a_dual_that_is_not_zero_is_named():
    certificate, settled = faulty(x=np.array([3.0, 2.0]), objective=12.0, bound=9.0, row_activity=np.array([5.0, 9.0]))
    check = check_named(certificate, "complementary-slackness")
    assert check.outcome == "failed"
    assert "'energy'" in check.text or "'protein'" in check.text
    assert settled.status == "feasible"


def test_reduced_costs_are_recomputed_and_not_taken_from_the_engine():
    certificate, settled = faulty(reduced_costs=np.array([0.0, 0.25]))
    assert failed_names(certificate) == {"reduced-costs"}
    assert "'bread'" in check_named(certificate, "reduced-costs").text
    assert settled.status == "imprecise"


def test_a_bound_that_is_too_good_is_refuted_by_the_point_itself():
    certificate, settled = faulty(bound=9.5)
    assert "refuted by the point" in check_named(certificate, "dual-bound").text
    assert settled.bound is None


def test_a_bound_that_the_multipliers_do_not_reach_fails():
    certificate, settled = faulty(bound=9.0, row_duals=np.array([1.0, 0.5]), reduced_costs=None)
    check = check_named(certificate, "dual-bound")
    assert check.outcome == "failed"
    assert check.value < 9.0
    assert settled.status == "feasible"


def test_without_multipliers_optimality_is_trusted_and_said_to_be():
    certificate, settled = faulty(row_duals=None, reduced_costs=None)
    assert certificate.verified
    assert certificate.rests_on_engine == ("dual-bound", "gap")
    assert settled.status == "optimal"


def test_without_multipliers_a_claimed_bound_must_still_meet_the_objective():
    certificate, settled = faulty(row_duals=None, reduced_costs=None, bound=8.0)
    assert failed_names(certificate) == {"gap"}
    assert settled.status == "feasible"


def test_a_bound_that_the_box_alone_proves_needs_no_multipliers():
    program = Program.build(c=[1.0, -1.0], lower=[2.0, 0.0], upper=[9.0, 3.0])
    answer = ProgramAnswer("optimal", objective=-1.0, bound=-1.0, x=np.array([2.0, 3.0]))
    assert certify(program, answer).proved


@pytest.mark.parametrize("duals", [np.zeros(3), np.array([np.nan, 0.0]), "duals", np.zeros((2, 1))])
def test_unusable_duals_fail_with_words(duals):
    certificate, settled = faulty(row_duals=duals)
    assert check_named(certificate, "dual-feasibility").outcome == "failed"
    assert settled.status == "imprecise"


def test_multipliers_on_the_way_to_an_optimum_claim_only_the_bound_that_they_prove():
    on_the_way = {"status": "feasible", "row_duals": np.array([1.0, -0.25]), "reduced_costs": None}
    certificate, settled = faulty(**on_the_way, bound=4.0)
    assert certificate.proved
    assert settled.status == "feasible"
    certificate, settled = faulty(**on_the_way, bound=8.0)
    assert failed_names(certificate) == {"dual-bound"}
    assert (settled.status, settled.bound) == ("feasible", None)


def conic():
    """min -x - y over the unit disc around the origin: optimal at (1, 1)/sqrt 2, multipliers (sqrt 2, -1, -1)."""
    F = sp.csr_array(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    program = Program.build(c=[-1.0, -1.0], lower=-np.inf, cones=[SecondOrderCone(F, np.array([1.0, 0.0, 0.0]))])
    root = 2**0.5
    answer = ProgramAnswer(
        "optimal",
        objective=-root,
        bound=-root,
        x=np.full(2, 1 / root),
        row_duals=np.zeros(0),
        reduced_costs=np.zeros(2),
        cone_duals=(np.array([root, -1.0, -1.0]),),
    )
    return program, answer


def test_a_conic_program_is_certified_with_its_cone_multipliers():
    certificate = certify(*conic())
    assert certificate.verified
    assert check_named(certificate, "gap").outcome == "passed"


@pytest.mark.parametrize("s", [(1.0, -1.0, -1.0), (2**0.5, 1.0, 1.0), (2**0.5, -1.0, -0.9), (np.nan, 0, 0), (1.0, 0.0)])
def test_wrong_cone_multipliers_fail(s):
    program, answer = conic()
    wrong = replace(answer, cone_duals=(np.array(s),), reduced_costs=None)
    certificate = certify(program, wrong)
    assert certificate.failures
    assert settle(wrong, certificate).status != "optimal"


def test_a_quadratic_objective_that_is_not_convex_is_trusted_and_said_to_be():
    program = Program.build(c=[0.0, 0.0], Q=np.array([[1.0, 2.0], [2.0, 1.0]]), lower=-1.0, upper=1.0)
    answer = ProgramAnswer("optimal", objective=-1.0, bound=-1.0, x=np.array([1.0, -1.0]), row_duals=np.zeros(0))
    certificate = certify(program, answer)
    assert "gap" in certificate.rests_on_engine


def test_cone_multipliers_a_little_outside_the_cone_do_not_lift_the_bound_above_the_optimum():
    program, answer = conic()
    s = answer.cone_duals[0] * np.array([1 - 1e-9, 1.0, 1.0])
    check = check_named(certify(program, replace(answer, cone_duals=(s,))), "dual-bound")
    assert check.outcome == "passed"
    assert check.value <= -(2**0.5)


@pytest.mark.parametrize(("loss", "outcome"), [(5e-7, "passed"), (5e-6, "failed")])
def test_the_proved_bound_meets_the_objective_to_six_digits(loss, outcome):
    y = np.array([1.5, 0.5]) * (1 - loss)
    certificate, settled = faulty(bound=None, row_duals=y, reduced_costs=None)
    assert check_named(certificate, "gap").outcome == outcome
    assert settled.status == ("optimal" if outcome == "passed" else "feasible")
