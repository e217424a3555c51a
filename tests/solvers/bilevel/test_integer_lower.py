"""Integer lower variables: the value-function engine and its certificate against enumeration."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import Bounds, LinearConstraint, milp

from solvers.bilevel.certificates import certify, settle
from solvers.bilevel.problem import Bilevel, Level, Structure
from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import UnsupportedProblem
from tests.solvers.bilevel.problems import checked, solve

TOP = 3


def problem(seed: int, *, continuous_below: bool = False, rows: int = 3, n: int = 3, m: int = 3) -> Bilevel:
    """Random rows with x and y in both levels; x in 0..3, y in 0..3."""
    random = np.random.default_rng(seed)
    G, D = random.integers(-4, 5, (rows, n)).astype(float), random.integers(-4, 5, (rows, m)).astype(float)
    h = random.integers(1, 12, rows).astype(float)
    A, b = random.integers(-3, 4, (1, n + m)).astype(float), np.array([float(random.integers(2, 12))])
    c, d = random.integers(-9, 10, n + m).astype(float), random.integers(-9, 10, m).astype(float)
    tG, tD, th, tA, tb, tc, td = (torch.tensor(part) for part in (G, D, h, A, b, c, d))
    whole = np.ones(m, dtype=bool)
    if continuous_below:
        whole[0] = False
    return Bilevel(
        Level.build(
            lambda x, y: tc @ torch.cat([x, y]),
            np.zeros(n),
            lower=0.0,
            upper=float(TOP),
            integrality=True,
            inequalities=lambda x, y: tA @ torch.cat([x, y]) - tb,
        ),
        Level.build(
            lambda _, y: td @ y,
            np.zeros(m),
            lower=0.0,
            upper=float(TOP),
            integrality=whole,
            inequalities=lambda x, y: tG @ x + tD @ y - th,
        ),
        Structure(quadratic=True),
    )


def enumerated(given: Bilevel) -> float:
    """The optimum over every x, each with its lower optimum and then the best of its solutions; infinite if none."""
    forms = given.forms
    assert forms is not None
    n, whole = given.n, given.lower.integrality.astype(int)
    box = Bounds(given.lower.lower, given.lower.upper)
    D = np.array([form.c[n:] for form in forms.lower_inequalities])
    B = np.array([form.c[n:] for form in forms.upper_inequalities])
    best = np.inf
    for x in itertools.product(range(TOP + 1), repeat=n):
        z = np.concatenate([x, np.zeros(given.m)])
        below = LinearConstraint(D, -np.inf, [-form.value(z) for form in forms.lower_inequalities])
        lower = milp(forms.lower.c[n:], constraints=below, bounds=box, integrality=whole)
        if lower.status != 0:
            continue
        above = LinearConstraint(B, -np.inf, [-form.value(z) for form in forms.upper_inequalities])
        same = LinearConstraint(forms.lower.c[n:][None], -np.inf, lower.fun + 1e-7)
        found = milp(forms.upper.c[n:], constraints=[below, above, same], bounds=box, integrality=whole)
        if found.status == 0:
            best = min(best, found.fun + forms.upper.value(z))
    return best


@pytest.mark.parametrize("continuous_below", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_is_that_of_enumeration_and_is_proved_again(seed: int, continuous_below: bool) -> None:
    given = problem(seed, continuous_below=continuous_below)
    answer, certificate = checked("value-function", given)
    expected = enumerated(given)
    assert not certificate.failures
    if np.isinf(expected):
        assert answer.status == "infeasible"
        return
    assert answer.objective == pytest.approx(expected, abs=1e-5)
    assert answer.status == "globally-optimal"
    assert answer.bound == pytest.approx(expected, abs=1e-4)


def interdiction(seed: int, n: int = 6) -> Bilevel:
    """Knapsack interdiction: x forbids items within a budget, y then packs the most profitable ones that are left."""
    random = np.random.default_rng(seed)
    profit, weight, price = (random.integers(10, 100, n).astype(float) for _ in range(3))
    p, w, r, one = torch.tensor(profit), torch.tensor(weight), torch.tensor(price), torch.ones(n, dtype=torch.float64)
    return Bilevel(
        Level.build(
            lambda _, y: p @ y,
            np.zeros(n),
            lower=0.0,
            upper=1.0,
            integrality=True,
            inequalities=lambda x, _: (r @ x - float(price.sum() // 2)).reshape(1),
        ),
        Level.build(
            lambda _, y: -(p @ y),
            np.zeros(n),
            lower=0.0,
            upper=1.0,
            integrality=True,
            inequalities=lambda x, y: torch.cat([y - (one - x), (w @ y - float(weight.sum() // 2)).reshape(1)]),
        ),
        Structure(quadratic=True),
    )


@pytest.mark.parametrize("seed", range(3))
def test_interdiction_gives_the_worst_best_packing(seed: int) -> None:
    given = interdiction(seed)
    forms = given.forms
    assert forms is not None
    profit, price = forms.upper.c[6:], forms.upper_inequalities[0].c[:6]
    weight = forms.lower_inequalities[-1].c[6:]
    budget, room = -forms.upper_inequalities[0].constant, -forms.lower_inequalities[-1].constant
    choices = [np.array(item) for item in itertools.product((0, 1), repeat=6)]
    packs = [y for y in choices if weight @ y <= room]
    worst = min(max(profit @ y for y in packs if not (x * y).any()) for x in choices if price @ x <= budget)
    answer, _ = checked("value-function", given)
    assert answer.objective == pytest.approx(worst)
    assert answer.status == "globally-optimal"


def test_a_point_whose_y_solves_only_the_relaxed_lower_level_is_not_verified() -> None:
    """Lower: max y, 2 y <= 3, y whole. y = 1 is right; that of the relaxation, 1.5, and the idle 0 are not."""
    given = Bilevel(
        Level.build(lambda x, y: (x + y).sum(), [0.0], lower=0.0, upper=1.0, integrality=True),
        Level.build(
            lambda _, y: -y.sum(),
            [0.0],
            lower=0.0,
            upper=5.0,
            integrality=True,
            inequalities=lambda x, y: 2 * y - 3 + x,
        ),
        Structure(quadratic=True),
    )
    answer = solve("value-function", given)
    assert answer.objective == pytest.approx(1.0)
    for wrong in (0.0, 1.5):
        lie = replace(answer, y=np.array([wrong]), objective=wrong, lower_objective=-wrong, bound=wrong)
        assert settle(lie, certify(given, lie)).status == "not-verified"
    better = replace(answer, bound=1.5, objective=1.0)
    assert settle(better, certify(given, better)).status != "globally-optimal"


def test_a_jump_of_the_lower_value_over_a_continuous_upper_variable_is_never_called_optimal_wrongly() -> None:
    """Lower: max y, y <= x, y whole; upper: min x - 10 y ... with x in [0, 1.5]: the optimum is at x = y = 1."""
    given = Bilevel(
        Level.build(lambda x, y: (x - 10 * y).sum(), [0.0], lower=0.0, upper=1.5),
        Level.build(
            lambda _, y: -y.sum(), [0.0], lower=0.0, upper=5.0, integrality=True, inequalities=lambda x, y: y - x
        ),
        Structure(quadratic=True),
    )
    answer, _ = checked("value-function", given)
    assert answer.objective == pytest.approx(-9.0, abs=1e-5)
    assert answer.status in ("globally-optimal", "feasible")


def test_products_in_the_lower_level_are_refused_with_a_hint() -> None:
    given = Bilevel(
        Level.build(lambda x, y: (x + y).sum(), [0.0], lower=0.0, upper=1.0),
        Level.build(lambda _, y: (y * y).sum(), [0.0], lower=0.0, upper=5.0, integrality=True),
        Structure(quadratic=True),
    )
    with pytest.raises(UnsupportedProblem, match="linear") as refusal:
        solve("value-function", given)
    assert refusal.value.hint


def test_gradient_and_kkt_engines_do_not_take_integer_lower_variables() -> None:
    for name in ("exact", "penalty", "implicit"):
        with pytest.raises(UnsupportedProblem, match="integer lower"):
            registry.load("bilevel", name).solve(problem(0), {}, LocalContext())


def test_a_stop_keeps_the_best_point_and_its_bound() -> None:
    context = LocalContext()
    context.stop = "cancelled"
    answer = registry.load("bilevel", "value-function").solve(problem(1), {}, context)
    assert answer.limit == "cancelled"
    assert answer.status in ("feasible", "no-solution")
