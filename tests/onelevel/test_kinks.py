"""Convex problems with kinks: by linear and quadratic programs with a bound, against independent solutions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from tests.onelevel.solving import solve

_RANDOM = np.random.default_rng(3)
X = _RANDOM.normal(size=(30, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + _RANDOM.standard_t(2, size=30)
LABELS = np.sign(X @ [1.0, 1.0, -1.0, 0.0] + 0.8 * _RANDOM.normal(size=30))
DATA = {"X": X, "y": Y, "k": LABELS, "c": np.abs(_RANDOM.normal(size=30))}
W: dict[str, Any] = {"w": {"shape": [4]}}


def least_deviations(weights: np.ndarray) -> float:
    rows = np.vstack([np.hstack([X, -np.eye(30)]), np.hstack([-X, -np.eye(30)])])
    found = linprog(
        np.concatenate([np.zeros(4), weights]),
        rows,
        np.concatenate([Y, -Y]),
        bounds=[(None, None)] * 4 + [(0, None)] * 30,
    )
    return float(found.fun)


def dual_of_hinge(weight: float, *, squared: bool) -> float:
    """Largest value of the dual of ``weight*sum(hinge) + |w|^2/2`` by projected gradients with restarts."""
    K = (LABELS[:, None] * X) @ (LABELS[:, None] * X).T
    if squared:
        K = K + np.eye(30) / (2.0 * weight)
    high = np.inf if squared else weight
    a = b = np.zeros(30)
    step, t = 1.0 / np.linalg.eigvalsh(K)[-1], 1.0
    for _ in range(20_000):
        new = np.clip(b + step * (1.0 - K @ b), 0.0, high)
        later = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        b, a, t = new + (t - 1.0) / later * (new - a), new, later
    return float(a.sum() - 0.5 * a @ K @ a)


KNOWN = {
    "sum(abs(X @ w - y))": lambda: least_deviations(np.ones(30)),
    "norm1(y - X @ w)/30": lambda: least_deviations(np.full(30, 1 / 30)),
    "c @ abs(X @ w - y)": lambda: least_deviations(DATA["c"]),
    "sum(maximum(0.9*(y - X @ w), 0.9*(X @ w - y)))": lambda: 0.9 * least_deviations(np.ones(30)),
    "2*sum(relu(1 - k*(X @ w))) + norm2sq(w)/2": lambda: dual_of_hinge(2.0, squared=False),
    "2*sum(maximum(0, 1 - k*(X @ w))) + w @ w/2": lambda: dual_of_hinge(2.0, squared=False),
    "2*sum(relu(1 - k*(X @ w))**2) + norm2sq(w)/2": lambda: dual_of_hinge(2.0, squared=True),
}


@pytest.mark.parametrize("text", KNOWN)
def test_a_kinked_objective_is_solved_with_a_bound(text: str) -> None:
    words = set(re.findall(r"\w+", text))
    used = {name: array for name, array in DATA.items() if name in words}
    answer = solve({"data": used, "variables": W, "minimize": text})
    assert answer.engine in ("highs", "clarabel")
    assert answer.status == "globally-optimal"
    expected = KNOWN[text]()
    assert answer.objective == pytest.approx(expected, rel=1e-6)
    assert answer.bound is not None
    assert answer.objective is not None
    assert answer.bound <= answer.objective + 1e-9
    assert answer.bound == pytest.approx(expected, rel=1e-5)


def test_the_largest_deviation_is_least() -> None:
    """Chebyshev's line through (0, 0), (1, 1), (2, 0) misses each by 1/2."""
    data = {"t": np.array([0.0, 1.0, 2.0]), "v": np.array([0.0, 1.0, 0.0])}
    for text in ("amax(abs(a + b*t - v))", "-amin(-abs(a + b*t - v))"):
        answer = solve({"data": data, "variables": {"a": {}, "b": {}}, "minimize": text})
        assert answer.status == "globally-optimal"
        assert answer.objective == pytest.approx(0.5, abs=1e-8)
    answer = solve({"data": data, "variables": {"a": {}, "b": {}}, "maximize": "minimum(amin(-abs(a + b*t - v)), 7)"})
    assert answer.objective == pytest.approx(-0.5, abs=1e-8)


def test_kinks_may_stand_in_constraints_and_beside_whole_numbers() -> None:
    problem = {
        "variables": {"x": {"shape": [2], "integer": True, "lower": -9, "upper": 9}},
        "minimize": "abs(x[0] - 2.4) + 3*abs(x[1] + 1.6)",
        "constraints": ["norm1(x) <= 3"],
    }
    answer = solve(problem)
    assert answer.variables is not None
    assert list(np.asarray(answer.variables["x"], dtype=float)) == [2.0, -1.0]
    assert answer.status == "globally-optimal"


def test_huber_regression_meets_its_first_order_conditions() -> None:
    answer = solve(
        {"data": {"X": X, "y": Y}, "variables": W, "minimize": "sum(huber(X @ w - y, 0.5)) + 0.1*norm1(w - 1)"}
    )
    assert answer.status == "globally-optimal"
    assert answer.variables is not None
    w = np.asarray(answer.variables["w"], dtype=float)
    slope = X.T @ np.clip(X @ w - Y, -0.5, 0.5)
    off = np.abs(w - 1.0) > 1e-5
    assert np.abs(slope[off] + 0.1 * np.sign(w - 1.0)[off]).max(initial=0.0) < 1e-4
    assert np.abs(slope[~off]).max(initial=0.0) <= 0.1 + 1e-4


@pytest.mark.parametrize("text", ["-abs(x) + x**2", "abs(x)*abs(x - 1)", "minimum(x, 1 - x) + x**2", "abs(x**2 - 1)"])
def test_what_is_not_convex_is_not_taken_for_it(text: str) -> None:
    problem = {"variables": {"x": {"lower": -3, "upper": 3, "start": 2}}, "minimize": text}
    grid = np.linspace(-3, 3, 6001)
    values = {
        "-abs(x) + x**2": -np.abs(grid) + grid**2,
        "abs(x)*abs(x - 1)": np.abs(grid) * np.abs(grid - 1),
        "minimum(x, 1 - x) + x**2": np.minimum(grid, 1 - grid) + grid**2,
        "abs(x**2 - 1)": np.abs(grid**2 - 1),
    }[text]
    answer = solve(problem)
    assert answer.engine == "scip"
    assert answer.objective == pytest.approx(values.min(), abs=1e-3)
