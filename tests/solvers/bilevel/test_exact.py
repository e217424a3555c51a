"""The exact engine against enumeration, and where it must refuse or give in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from solvers.bilevel.problem import Bilevel, Level, Structure
from solvers.core.errors import InvalidProblem, UnsupportedProblem
from tests.solvers.bilevel.problems import bard, checked, linear, pbgd_toy, solve


def enumerated(problem: Bilevel) -> float:
    """The optimum by all choices of integer x, each with the lower level and then the best of its solutions."""
    forms = problem.forms
    assert forms is not None
    n = problem.n
    best = np.inf
    D = np.array([form.c[n:] for form in forms.lower_inequalities])
    box = list(zip(problem.lower.lower, problem.lower.upper, strict=True))
    for x in itertools.product(range(5), repeat=n):
        z = np.concatenate([x, np.zeros(problem.m)])
        right = np.array([-form.value(z) for form in forms.lower_inequalities])
        below = linprog(forms.lower.c[n:], A_ub=D, b_ub=right, bounds=box)
        if below.status != 0:
            continue
        rows, sides = np.vstack([D, forms.lower.c[n:]]), np.append(right, below.fun + 1e-9)
        found = linprog(forms.upper.c[n:], A_ub=rows, b_ub=sides, bounds=box)
        best = min(best, found.fun + forms.upper.c[:n] @ np.array(x))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_integer_upper_variables_give_the_optimum_of_enumeration(seed: int) -> None:
    problem = linear(seed, integer=True)
    answer, certificate = checked("exact", problem)
    assert answer.objective == pytest.approx(enumerated(problem), abs=1e-6)
    assert answer.status == "globally-optimal"
    assert not certificate.failures
    assert np.array_equal(answer.x, np.round(answer.x))


@pytest.mark.parametrize("seed", range(6))
def test_big_m_from_proven_bounds_gives_the_same_optimum(seed: int) -> None:
    problem = linear(seed)
    plain, bounded = solve("exact", problem), solve("exact", problem, complementarity="big-m")
    assert bounded.objective == pytest.approx(plain.objective, abs=1e-6)
    assert plain.statistics["pairs_by_big_m"] == 0


def test_big_m_is_used_where_both_bounds_are_proven() -> None:
    problem = Bilevel(
        Level.build(lambda x, y: (x - 2 * y).sum(), [0.0], lower=0.0, upper=4.0),
        Level.build(lambda x, y: (y**2 / 2 - x * y).sum(), [0.0], lower=0.0, upper=3.0),
        Structure(quadratic=True),
    )
    answer, _ = checked("exact", problem, complementarity="big-m")
    assert answer.statistics["pairs_by_big_m"] > 0
    assert (answer.objective, answer.status) == (pytest.approx(-3.0, abs=1e-6), "globally-optimal")


def test_a_problem_without_a_point_is_infeasible_and_that_is_proved() -> None:
    problem = Bilevel(
        Level.build(lambda x, y: (x + y).sum(), [0.0], lower=0.0, upper=1.0, inequalities=lambda x, y: 5.0 - y),
        Level.build(lambda x, y: (y * 1.0 + 0 * x).sum(), [0.0], lower=0.0, upper=2.0),
        Structure(quadratic=True),
    )
    answer, certificate = checked("exact", problem)
    assert answer.status == "infeasible"
    assert certificate.proved


def test_functions_that_are_not_quadratic_are_refused_although_they_are_called_so() -> None:
    problem = Bilevel(
        Level.build(lambda x, y: (x**4 + y).sum(), [0.0]),
        Level.build(lambda x, y: ((y - x) ** 2).sum(), [0.0]),
        Structure(quadratic=True),
    )
    with pytest.raises(InvalidProblem, match="not quadratic"):
        solve("exact", problem)


def test_a_nonconvex_lower_level_is_refused_with_engines_that_take_it() -> None:
    with pytest.raises(UnsupportedProblem, match="not known to be convex") as refusal:
        solve("exact", pbgd_toy())
    assert "penalty" in refusal.value.hint


def test_a_gradient_answer_may_begin_the_exact_search() -> None:
    answer = solve("exact", bard(), start=(np.array([4.0]), np.array([4.0])))
    assert answer.objective == pytest.approx(-12.0)
