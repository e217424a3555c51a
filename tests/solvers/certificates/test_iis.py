from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.programs.answer import InfeasibleSubsystem, ProgramAnswer
from solvers.programs.certificates import certify, settle
from solvers.programs.certificates.modular import PRIMES, only_dependency, residues
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named
from tests.solvers.certificates.highs import answer_of, load, silent


def program():
    """a + b >= 3, a - 2b >= 1 and 2a - b <= 1 contradict each other; so do the first row, a <= 1 and b <= 1."""
    return Program.build(
        c=[0.0, 0.0, 0.0],
        A=np.array([[1.0, 1.0, 0.0], [1.0, -2.0, 0.0], [2.0, -1.0, 0.0], [0.0, 0.0, 1.0]]),
        row_lower=[3.0, 1.0, -np.inf, 0.5],
        row_upper=[np.inf, np.inf, 1.0, 0.7],
        lower=0.0,
        upper=[1.0, 1.0, 1.0],
        integrality=[0, 0, 1],
        variable_names=["a", "b", "z"],
        constraint_names=["sum", "low", "high", "odd"],
    )


def certified(rows=(), bounds=(), integrality=(), irreducible=True, feasible_point=None, problem=None, **more):
    iis = InfeasibleSubsystem(tuple(rows), tuple(bounds), tuple(integrality), irreducible)
    answer = ProgramAnswer("infeasible", iis=iis, **more)
    certificate = certify(problem or program(), answer, feasible_point=feasible_point)
    return certificate, settle(answer, certificate)


def outcomes(certificate):
    return {check.name: check.outcome for check in certificate.checks if check.name.startswith("iis")}


@pytest.mark.parametrize(
    ("rows", "bounds"),
    [
        ([(0, "lower"), (1, "lower"), (2, "upper")], []),
        ([(0, "lower")], [(0, "upper"), (1, "upper")]),
    ],
    ids=["rows", "row-and-bounds"],
)
def test_an_irreducible_subsystem_is_proved_without_a_solver(rows, bounds):
    certificate, settled = certified(rows, bounds)
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "passed"}
    assert settled.iis is not None


def test_members_that_only_just_do_not_contradict_each_other_fail():
    certificate, settled = certified([(1, "lower")], [(0, "upper"), (1, "lower")])  # the point (1, 0) satisfies all
    assert outcomes(certificate) == {"iis": "failed"}
    assert settled.iis is None


def test_a_member_too_many_is_found_out_exactly():
    certificate, settled = certified([(0, "lower"), (1, "lower"), (2, "upper")], [(0, "upper")])
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "failed"}
    assert settled.iis.irreducible is False


def test_a_bound_whose_variable_cancels_is_a_member_too_many():
    A = np.array([[1.0, 1.0], [-1.0, -1.0]])
    problem = Program.build(c=[0.0, 0.0], A=A, row_lower=[2.0, -1.0], lower=-np.inf, upper=[np.inf, 5.0])
    rows = [(0, "lower"), (1, "lower")]
    assert outcomes(certified(rows, problem=problem)[0]) == {"iis": "passed", "iis-irreducible": "passed"}
    certificate, _ = certified(rows, [(1, "upper")], problem=problem, dual_ray=np.ones(2))
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "failed"}


def test_a_member_too_few_leaves_no_infeasible_subsystem():
    certificate, settled = certified([(0, "lower"), (2, "upper")])
    assert outcomes(certificate)["iis"] == "failed"
    assert settled.iis is None


@pytest.mark.parametrize(
    "parts",
    [
        {"rows": [(9, "lower")]},
        {"rows": [(0, "left")]},
        {"rows": [(0, "upper")]},
        {"rows": [0]},
        {"rows": [("sum", "lower")]},
        {"bounds": [(0, "lower"), (-1, "upper")]},
        {"integrality": [0]},
        {"integrality": [77]},
        {},
    ],
)
def test_members_that_do_not_exist_fail_with_words(parts):
    certificate, settled = certified(**parts)
    assert check_named(certificate, "iis").outcome == "failed"
    assert "unusable" in check_named(certificate, "iis").text
    assert settled.iis is None


def test_an_equation_listed_with_both_sides_is_one_member():
    equation = Program.build(c=[0.0], A=np.array([[1.0]]), row_lower=[3.0], row_upper=[3.0], upper=2.0)
    certificate, _ = certified([(0, "lower"), (0, "upper")], [(0, "upper")], problem=equation)
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "passed"}


def highs_point(part):
    h = silent()
    load(h, part)
    answer = answer_of(h, part)
    return answer.x, answer.dual_ray


def test_integrality_as_a_member_needs_a_solver_whose_points_are_checked():
    rows = [(3, "lower"), (3, "upper")]
    certificate, _ = certified(rows, integrality=[2])
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "trusted"}
    certificate, _ = certified(rows, integrality=[2], feasible_point=highs_point)
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "passed"}


def test_a_reducible_subsystem_with_integrality_is_found_out_by_the_solver():
    rows = [(3, "lower"), (3, "upper"), (0, "lower"), (1, "lower"), (2, "upper")]
    certificate, settled = certified(rows, integrality=[2], feasible_point=highs_point)
    assert outcomes(certificate)["iis-irreducible"] == "failed"
    assert settled.iis.irreducible is False


def test_a_solver_that_lies_about_the_parts_is_not_believed():
    rows = [(3, "lower"), (3, "upper")]
    certificate, _ = certified(rows, integrality=[2], feasible_point=lambda part: (np.full(part.n, 0.6), None))
    assert outcomes(certificate)["iis-irreducible"] == "trusted"


def test_a_subsystem_that_the_solver_finds_feasible_fails():
    feasible = replace(program(), row_lower=np.array([1.0, 1.0, -np.inf, 0.5]))
    iis = {"rows": [(0, "lower")], "bounds": [(0, "upper"), (1, "upper")], "irreducible": False}
    certificate, _ = certified(**iis, problem=feasible, feasible_point=highs_point)
    assert outcomes(certificate) == {"iis": "failed"}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_random_irreducible_systems_are_recognized_and_spoiled_ones_too(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 9))
    normals = rng.integers(-5, 6, (k - 1, k + 2)).astype(float)
    weights = rng.integers(1, 4, k - 1).astype(float)
    if np.linalg.matrix_rank(normals) < k - 1:
        return
    A = np.vstack([normals, -(weights @ normals)])
    sides = rng.integers(-4, 5, k).astype(float)
    sides[-1] = 1.0 - weights @ sides[:-1]  # the weighted sum reads 0 >= 1
    extra = rng.integers(-5, 6, (1, k + 2)).astype(float)
    problem = Program.build(c=np.zeros(k + 2), A=np.vstack([A, extra]), row_lower=[*sides, 0.0], lower=-np.inf)
    members = [(i, "lower") for i in range(k)]
    assert outcomes(certified(members, problem=problem)[0]) == {"iis": "passed", "iis-irreducible": "passed"}
    spoiled = outcomes(certified([*members, (k, "lower")], problem=problem)[0])
    assert "failed" in spoiled.values()
    fewer = outcomes(certified(members[1:], problem=problem)[0])
    assert fewer["iis"] == "failed"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_have_their_values_modulo_a_prime(x):
    p = PRIMES[0]
    exact = Fraction(x)
    assert int(residues(np.array([x]), p)[0]) == exact.numerator * pow(exact.denominator, -1, p) % p


def test_a_dependency_is_found_only_if_it_is_the_only_one():
    p = PRIMES[0]
    vectors = np.array([[1, 0, 2], [0, 1, 1], [1, 1, 3]], dtype=np.int64)
    found = only_dependency(vectors, p, np.inf)
    assert not ((found[:, None] * vectors).sum(axis=0) % p).any()
    assert found.all()
    assert only_dependency(np.eye(3, dtype=np.int64), p, np.inf) is None
    assert only_dependency(np.ones((3, 2), dtype=np.int64), p, np.inf) is None


def test_without_time_irreducibility_rests_on_the_engine(monkeypatch):
    monkeypatch.setattr("solvers.programs.certificates.iis.TIME_BUDGET", -1.0)
    certificate, _ = certified([(0, "lower"), (1, "lower"), (2, "upper")], dual_ray=np.array([1.0, 1.0, -1.0, 0.0]))
    assert outcomes(certificate) == {"iis": "passed", "iis-irreducible": "trusted"}
