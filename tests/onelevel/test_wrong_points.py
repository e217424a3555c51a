"""Points made by hand that are no optima: what a certificate may not say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.certificates import certify
from solvers.onelevel.problem import Minimize
from tests.onelevel.solving import document, solve
from tests.solving import NoFiles
from workers.families.minimize import FAMILY


def _problem(minimize: str, constraints: list[str] | None = None, data: Any = None, **variables: Any) -> Minimize:
    stated = {"variables": variables, "minimize": minimize, "constraints": constraints or [], "data": data or {}}
    problem: Minimize = FAMILY.decode(document(stated), NoFiles()).problem
    return problem


def _certified(problem: Minimize, x: list[float], options: Any = None, **parts: Any) -> tuple[str, dict[str, str], Any]:
    point = np.array(x, dtype=float)
    answer = MinimizeAnswer("feasible", x=point, objective=problem.signed(problem.oracle.value(point)), **parts)
    settled, certificate = certify(problem, answer, options)
    return settled.status, {check.name: check.outcome for check in certificate.checks}, settled


def test_a_power_with_an_odd_exponent_of_data_is_not_bounded_by_zero() -> None:
    stated = {"variables": {"x": {"lower": -2, "upper": 2, "start": 1}}, "data": {"k": 3.0}, "minimize": "x**k"}
    status, _, settled = _certified(FAMILY.decode(document(stated), NoFiles()).problem, [0.0])
    assert status != "globally-optimal"
    assert settled.bound is None
    assert solve(stated).objective == pytest.approx(-8.0)


@pytest.mark.parametrize(
    ("minimize", "row", "x", "options"),
    [
        ("1e6*x - 1e6", "x >= 1", 1 - 9e-7, {}),
        ("x - 1", "x >= 1", 0.995, {"feasibility_tolerance": 0.01}),
        ("x**2", "x >= 1", 0.991, {"feasibility_tolerance": 0.01}),
    ],
)
def test_a_point_that_beats_its_own_bound_is_not_proved_by_it(minimize: str, row: str, x: float, options: Any) -> None:
    status, outcomes, _ = _certified(_problem(minimize, [row], x={"start": 2}), [x], options)
    assert outcomes["global-bound"] == "failed"
    assert status == "feasible"


def test_a_point_outside_its_bounds_that_beats_the_sign_of_the_objective_is_not_proved() -> None:
    problem = _problem("1e6*x**k", data={"k": 3.0}, x={"lower": 0, "upper": 9})
    status, outcomes, _ = _certified(problem, [-0.009], {"feasibility_tolerance": 0.01})
    assert outcomes["sign-bound"] == "failed"
    assert status == "feasible"


@pytest.mark.parametrize(
    ("row", "x"),
    [("1e-7*x >= 5e-7", 0.0), ("1e-9*(x - 5) >= 0", 4.0), ("1e-8*x**2 >= 1e-8", 0.0), ("x*1e-7 == 1e-7", 0.0)],
)
def test_a_row_in_small_units_is_not_met_by_missing_it(row: str, x: float) -> None:
    status, outcomes, _ = _certified(_problem("x**2", [row], x={"start": 6}), [x])
    assert outcomes["feasibility"] == "failed"
    assert status == "not-verified"


@pytest.mark.parametrize(
    ("minimize", "rows", "x", "multipliers"),
    [
        # one steep variable, at its bound, held by a row, or with far to go, is no excuse for another
        ("1e7*a + b**4 - 8*b**2", [], [0.0, 0.3], None),
        ("1e7*a + b**4 - 8*b**2", ["a >= 0"], [0.0, 0.3], None),
        ("1e7*a + b**4 - 8*b**2", ["a + 1e-9*b >= 0"], [-3e-10, 0.3], None),
        ("1e7*a + exp(b)", [], [0.3, -30.0], None),
        # a multiplier of a constraint that is far from active
        ("1e7*a + b", ["a >= 0", "b >= -3"], [0.0, 0.0], (1e7, 1.0)),
        ("a + b", ["a >= 0", "1e-9*(b + 100) >= 0"], [0.0, 0.3], (1.0, 1e9)),
        # a range so small that little is left to go
        ("a - 1e9*b", ["b <= 1", "1e7*b <= 1"], [0.0, 0.0], (0.0, 0.0)),
    ],
)
def test_a_point_with_a_slope_that_helps_is_not_called_stationary(
    minimize: str, rows: list[str], x: list[float], multipliers: tuple[float, ...] | None
) -> None:
    bounded = {"a": {"lower": 0, "upper": 1}} if not rows else {"a": {}}
    given = None if multipliers is None else tuple(np.array(m) for m in multipliers)
    problem = _problem(minimize, rows, **bounded, b={"start": 1})
    status, outcomes, _ = _certified(problem, x, multipliers=given)
    assert outcomes["stationarity"] == "skipped"
    assert status == "feasible"


def test_a_range_of_a_variable_that_is_small_does_not_make_its_end_stationary() -> None:
    status, _, _ = _certified(_problem("-1e9*x + 0*x**3", x={"lower": 0, "upper": 1e-7}), [0.0])
    assert status == "feasible"


@pytest.mark.parametrize("minimize", ["x + a*x - a*x", "a*x - a*x + x", "(a + 1)*x - a*x", "(a*x + x - a*x - 5)**2"])
@pytest.mark.parametrize("a", [1e16, 1e17, 1e20])
def test_nothing_is_proved_where_terms_cancel_beyond_their_digits(minimize: str, a: float) -> None:
    problem = _problem(minimize, data={"a": a}, x={"lower": -1000, "upper": 1000})
    wrong = 5.2 if "**" in minimize else 0.0
    status, _, settled = _certified(problem, [wrong])
    assert status in ("feasible", "not-verified")
    assert settled.bound is None or settled.bound <= 0.0


def test_a_slope_that_rounding_has_taken_is_found_out_far_from_the_point() -> None:
    problem = _problem("(a + c)*x - a*x", data={"a": 1e12, "c": 1e-5}, x={"lower": -1e6, "upper": 1e6})
    status, outcomes, settled = _certified(problem, [0.0])
    assert settled.bound is None or settled.bound <= -10.0
    assert outcomes["global-bound"] == "skipped"
    assert status != "globally-optimal"


def test_an_integer_that_is_whole_only_within_the_tolerance_is_rounded_before_anything_is_claimed() -> None:
    variables = {"x": {"lower": 0, "upper": 1}, "z": {"integer": True, "lower": 0, "upper": 1}}
    problem = _problem("1000*z - x", ["x <= 1e6*z"], **variables)
    status, outcomes, _ = _certified(problem, [1.0, 1e-6], bound=-0.999)
    assert outcomes["rounded-point"] == "failed"
    assert status == "not-verified"
    assert _certified(problem, [0.0, 1e-9], bound=0.0)[0] == "globally-optimal"


def test_bounds_that_constraints_imply_are_no_tighter_for_the_rounding_of_large_terms() -> None:
    problem = _problem(
        "-x",
        ["A*y + z + x <= B"],
        {"A": 1e16, "B": 1e16 + 4},
        y={"lower": 1, "upper": 2},
        z={"lower": 3, "upper": 4},
        x={"lower": 0},
    )
    status, _, settled = _certified(problem, [1.0, 3.0, 0.0])
    assert status != "globally-optimal"
    assert settled.bound is None or settled.bound <= -1.0


def test_a_slope_that_is_infinite_but_computed_as_zero_makes_nothing_stationary() -> None:
    assert _certified(_problem("p**p", p={"lower": 0, "upper": 3}), [0.0])[0] == "feasible"


@pytest.mark.parametrize("x", [np.inf, np.nan])
def test_a_point_that_is_no_number_is_not_verified(x: float) -> None:
    assert _certified(_problem("exp(-x)", x={}), [x])[0] == "not-verified"


def test_a_maximum_at_a_bound_where_a_kink_hides_the_slope_is_not_called_stationary() -> None:
    assert _certified(_problem("-abs(x)", x={"lower": 0, "upper": 5}), [0.0])[0] == "feasible"
    assert _certified(_problem("-abs(2*x)", x={"lower": 0, "upper": 5}), [0.0])[0] == "feasible"
    assert _certified(_problem("-relu(x)", x={"lower": 0, "upper": 5}), [0.0])[0] == "feasible"


def test_a_gap_of_more_than_a_tenth_is_never_called_optimal_and_the_text_says_how_near_the_optimum_is() -> None:
    line = _problem("x", x={"lower": -5, "upper": 5})
    assert _certified(line, [4.0], {"relative_gap": 10.0})[0] == "feasible"
    assert _certified(line, [-4.8], {"relative_gap": 10.0})[0] == "globally-optimal"
    problem = _problem("1e-6*(x - 5)**2", x={"lower": -10, "upper": 10})
    _, certificate = certify(problem, MinimizeAnswer("feasible", x=np.array([-3.0]), objective=6.4e-5))
    assert any("within 6.4e-05 of the optimum" in check.text for check in certificate.checks)
