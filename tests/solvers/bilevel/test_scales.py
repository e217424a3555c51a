"""Coefficients of any size: what is small is not nothing, and what is large hides nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.certificates import certify, settle
from solvers.bilevel.problem import Bilevel, Level, Structure
from solvers.core.certificate import Certificate
from tests.solvers.bilevel.problems import checked

QUADRATIC = Structure(quadratic=True)


def claimed(problem: Bilevel, x: Any, y: Any, bound: float | None, **parts: Any) -> tuple[str, Certificate]:
    """The status that a claim is left with."""
    given, below = np.array(x, dtype=float), np.array(y, dtype=float)
    value = float(problem.upper.objective(torch.tensor(given), torch.tensor(below)))
    answer = BilevelAnswer("globally-optimal", x=given, y=below, objective=value, bound=bound)
    answer = replace(answer, **parts)
    certificate = certify(problem, answer)
    return settle(answer, certificate).status, certificate


def largest_below(size: float) -> Bilevel:
    """min y over argmin -size y, y in [0, 5]: 5."""
    return Bilevel(
        Level.build(lambda x, y: y.sum() + 0.0 * x.sum(), [0.0], lower=0.0, upper=1.0),
        Level.build(lambda _, y: -size * y.sum(), [0.0], lower=0.0, upper=5.0),
        QUADRATIC,
    )


def floor_by_x(size: float, *, integer: bool = False, below: float = 1.0) -> Bilevel:
    """min -y over argmin y, y >= x, the row times ``size``, with x up to 4: -4."""
    return Bilevel(
        Level.build(lambda x, y: -y.sum() + 0.0 * x.sum(), [0.0], lower=0.0, upper=4.0, integrality=integer),
        Level.build(
            lambda _, y: below * y.sum(),
            [0.0],
            lower=0.0,
            upper=9.0,
            integrality=integer,
            inequalities=lambda x, y: size * (x - y),
        ),
        QUADRATIC,
    )


def far_parabola(size: float, free: int = 0, constant: float = 0.0) -> Bilevel:
    """min y0^2 over argmin size (y0 - 3)^2, with variables that the lower objective lacks: 9."""
    return Bilevel(
        Level.build(lambda x, y: y[0] ** 2 + 0.0 * x.sum(), [0.0], lower=0.0, upper=1.0),
        Level.build(
            lambda _, y: size * (y[0] - 3.0) ** 2 + constant + 0.0 * y.sum(), np.zeros(1 + free), lower=-9.0, upper=9.0
        ),
        QUADRATIC,
    )


@pytest.mark.parametrize("size", [1e-9, 1e-7, 1e7])
def test_a_lower_objective_of_any_size_is_solved(size: float) -> None:
    answer, certificate = checked("exact", largest_below(size))
    assert (answer.status, certificate.proved) == ("globally-optimal", True)
    assert answer.objective == pytest.approx(5.0, abs=1e-5)
    assert claimed(largest_below(size), [0.5], [0.0], 0.0)[0] == "not-verified"


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1e9])
def test_a_lower_row_of_any_size_binds(size: float) -> None:
    answer, certificate = checked("exact", floor_by_x(size))
    assert (answer.status, certificate.proved) == ("globally-optimal", True)
    assert answer.objective == pytest.approx(-4.0, abs=1e-5)
    assert claimed(floor_by_x(size), [0.0], [0.0], 0.0)[0] == "feasible"
    assert claimed(floor_by_x(size), [4.0], [0.0], 0.0)[0] == "not-verified"


@pytest.mark.parametrize(("size", "below"), [(1.0, 1e-9), (1e-9, 1.0), (1e8, 1e8)])
def test_integer_lower_levels_of_any_size_are_solved(size: float, below: float) -> None:
    problem = floor_by_x(size, integer=True, below=below)
    answer, certificate = checked("value-function", problem)
    assert (answer.status, certificate.proved) == ("globally-optimal", True)
    assert (answer.objective, answer.bound) == (-4.0, pytest.approx(-4.0, abs=1e-5))
    assert claimed(problem, [0.0], [9.0], -9.0)[0] == "not-verified"


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("constant", [0.0, 1e6])
def test_a_flat_lower_parabola_is_not_solved_elsewhere(free: int, constant: float) -> None:
    problem = far_parabola(1e-7, free, constant)
    y = np.zeros(1 + free)
    assert claimed(problem, [0.5], y, 9.0)[0] == "not-verified"
    y[0] = 3.0
    assert claimed(problem, [0.5], y, 9.0)[0] == "globally-optimal"


def test_a_small_part_of_a_lower_objective_is_not_nothing() -> None:
    """min y1 over argmin y0 - 1e-7 y1 in the box of 5: y1 = 5."""
    problem = Bilevel(
        Level.build(lambda x, y: y[1] + 0.0 * x.sum(), [0.0], lower=0.0, upper=1.0),
        Level.build(lambda _, y: y[0] - 1e-7 * y[1], np.zeros(2), lower=0.0, upper=5.0),
        QUADRATIC,
    )
    assert claimed(problem, [0.0], [0.0, 0.0], 0.0)[0] == "not-verified"
    answer, certificate = checked("exact", problem)
    assert (answer.objective, answer.status) == (pytest.approx(5.0, abs=1e-5), "globally-optimal")
    assert certificate.proved


def test_a_large_term_hides_no_broken_row_and_no_objective_beats_its_bound() -> None:
    problem = Bilevel(
        Level.build(
            lambda x, _: x.sum(), [0.0], lower=-50.0, upper=50.0, inequalities=lambda x, y: 1 + 1e8 - x - 1e8 * y
        ),
        Level.build(lambda _, y: -y.sum(), [0.0], lower=0.0, upper=1.0),
        QUADRATIC,
    )
    status, certificate = claimed(problem, [-40.0], [1.0], 1.0)
    assert status == "not-verified"
    assert {check.name for check in certificate.failures} == {"upper-feasibility", "bound"}
    assert claimed(problem, [1.0], [1.0], 1.0)[0] == "globally-optimal"
    assert claimed(largest_below(1.0), [0.0], [5.0], 6.0)[0] == "feasible"


def test_integers_are_also_checked_when_rounded() -> None:
    """x0 <= 1e6 z with z = 1e-6, which is 0."""
    problem = Bilevel(
        Level.build(
            lambda x, y: 1000.0 * x[1] - x[0] + 0.0 * y.sum(),
            [0.0, 0.0],
            lower=0.0,
            upper=1.0,
            integrality=[False, True],
            inequalities=lambda x, _: (x[0] - 1e6 * x[1]).reshape(1),
        ),
        Level.build(lambda _, y: (y**2).sum(), [0.0]),
        QUADRATIC,
    )
    assert claimed(problem, [1.0, 1e-6], [0.0], 0.0)[0] == "not-verified"


@pytest.mark.parametrize(
    ("steep", "curved", "reach", "x"), [(1e6, 1e-6, 1e4, [0.0, 0.0]), (0.0, 4e-10, 1e6, [0.0, 0.0])]
)
def test_a_slight_downward_curvature_over_a_wide_box_is_not_called_linear_or_convex(
    steep: float, curved: float, reach: float, x: list[float]
) -> None:
    problem = Bilevel(
        Level.build(
            lambda x, y: steep * x[0] - curved * x[1] ** 2 + 0.0 * y.sum(), x, lower=[0.0, -reach], upper=[1.0, reach]
        ),
        Level.build(lambda _, y: ((y - 1.0) ** 2).sum(), [0.0]),
        QUADRATIC,
    )
    status, certificate = claimed(problem, x, [1.0], 0.0)
    assert (status, certificate.proved) == ("feasible", False)
    forms = problem.forms
    assert forms is not None
    assert forms.upper.Q is not None
    assert forms.upper.Q[1, 1] == pytest.approx(-2.0 * curved)


def test_a_lower_level_that_curves_down_beside_a_steep_one_is_not_convex() -> None:
    problem = Bilevel(
        Level.build(lambda x, y: (x + y[0]).sum(), [0.0], lower=0.0, upper=1.0),
        Level.build(lambda _, y: 1e6 * y[0] ** 2 - 1e-7 * y[1] ** 2, np.zeros(2), lower=-1e4, upper=1e4),
        QUADRATIC,
    )
    assert problem.lower_convex is False


def test_a_point_is_not_stationary_because_its_objective_is_large() -> None:
    problem = Bilevel(
        Level.build(lambda x, y: (x**2).sum() + 0.0 * y.sum() + 1e6, [0.0]),
        Level.build(lambda x, y: ((y - x) ** 2).sum(), [0.0]),
        Structure(lower_convex=True),
    )
    local: dict[str, Any] = {"status": "locally-stationary"}
    assert claimed(problem, [40.0], [40.0], None, hypergradient=np.array([80.0]), **local)[0] == "feasible"
    assert claimed(problem, [0.0], [0.0], None, hypergradient=np.array([0.0]), **local)[0] == "locally-stationary"


def test_a_steep_variable_at_its_bound_excuses_no_other() -> None:
    problem = Bilevel(
        Level.build(
            lambda x, y: 1e7 * x[0] + x[1] ** 4 - 8.0 * x[1] ** 2 + 0.0 * y.sum(), [0.0, 0.3], lower=[0.0, -9.0]
        ),
        Level.build(lambda x, y: ((y - x.sum()) ** 2).sum(), [0.0]),
        Structure(lower_convex=True),
    )
    slope = np.array([1e7, 4 * 0.3**3 - 16 * 0.3])
    status, _ = claimed(problem, [0.0, 0.3], [0.3], None, status="locally-stationary", hypergradient=slope)
    assert status == "feasible"


@pytest.mark.parametrize(("entry", "status"), [(1.0, "feasible"), (-1.0, "feasible")])
def test_the_hypergradient_of_a_variable_at_its_bound_is_tested_inwards(entry: float, status: str) -> None:
    """F = -x0 + (x1 - 1)^2 at x0 = 0: the entry is -1, not 1, and the point is not stationary."""
    problem = Bilevel(
        Level.build(lambda x, y: -x[0] + (x[1] - 1.0) ** 2 + 0.0 * y.sum(), [0.0, 0.0], lower=[0.0, -5.0], upper=9.0),
        Level.build(lambda x, y: ((y - x.sum()) ** 2).sum(), [0.0]),
        Structure(lower_convex=True),
    )
    found, certificate = claimed(
        problem, [0.0, 1.0], [1.0], None, status="locally-stationary", hypergradient=np.array([entry, 0.0])
    )
    outcome = {check.name: check.outcome for check in certificate.checks}
    assert found == status
    assert outcome["hypergradient"] == ("failed" if entry > 0.0 else "passed")


@pytest.mark.parametrize("seed", range(8))
def test_claims_about_scaled_integer_problems_are_never_better_than_enumeration_says(seed: int) -> None:
    """Objectives and rows times 10^-9 ... 10^9; every pair of x and y in 0..2 is claimed to be optimal."""
    random = np.random.default_rng(seed)
    G, D, h = (random.integers(-3, 4, (2, 1)), random.integers(-3, 4, (2, 2)), random.integers(1, 7, 2))
    c, d = random.integers(-5, 6, 3).astype(float), random.integers(-4, 5, 2).astype(float)
    F, f, *rows = 10.0 ** random.uniform(-9, 9, 4)
    tG, tD, th, tc, td, by = (torch.tensor(np.asarray(part, dtype=float)) for part in (G, D, h, c, d, rows))
    problem = Bilevel(
        Level.build(lambda x, y: F * (tc @ torch.cat([x, y])), [0.0], lower=0.0, upper=2.0, integrality=True),
        Level.build(
            lambda _, y: f * (td @ y),
            np.zeros(2),
            lower=0.0,
            upper=2.0,
            integrality=True,
            inequalities=lambda x, y: by * (tG @ x + tD @ y - th),
        ),
        QUADRATIC,
    )
    points = [np.array(z, dtype=float) for z in itertools.product(range(3), repeat=3)]
    allowed = [z for z in points if (G @ z[:1] + D @ z[1:] <= h).all()]
    least = {x: min((d @ z[1:] for z in allowed if z[0] == x), default=np.inf) for x in range(3)}
    solved = [z for z in allowed if d @ z[1:] == least[int(z[0])]]
    best = min(c @ z for z in solved)
    answer, certificate = checked("value-function", problem)
    assert (answer.status, certificate.proved) == ("globally-optimal", True)
    assert answer.objective == pytest.approx(F * best, rel=1e-6, abs=1e-6 * F)
    for z in points[seed::9]:
        status, _ = claimed(problem, z[:1], z[1:], float(F * (c @ z)))
        here = [other for other in solved if (other == z).all()]
        assert status == ("not-verified" if not here else "globally-optimal" if c @ z == best else "feasible")


def test_a_lower_solution_that_is_found_less_exactly_refutes_no_exact_one() -> None:
    """The lower solution is 0, where its second entry has no slope: interior points end 1e-5 away; F is steep."""
    A = torch.tensor([[1.12, 0.24], [0.24, 1.37]], dtype=torch.float64)
    problem = Bilevel(
        Level.build(lambda x, y: 1e6 * (y[1] + x[0]), [0.0], lower=0.0, upper=1.0),
        Level.build(lambda _, y: 3.0 * y[0] + 0.5 * y @ (A @ y), np.zeros(2), lower=0.0, upper=3.0),
        QUADRATIC,
    )
    status, certificate = claimed(problem, [0.0], [0.0, 0.0], 0.0)
    assert (status, certificate.proved) == ("globally-optimal", True)
