"""Constrained lower levels of more variables than a global search takes, against closed forms and enumeration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from api_schemas.bilevel import BilevelProblem
from solvers.bilevel.answer import BilevelAnswer
from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import LocalContext
from tests.solving import NoFiles
from workers.families.bilevel import FAMILY

M = 20


def solved(problem: dict[str, Any]) -> tuple[BilevelAnswer, Certificate]:
    """By the engine that is chosen for it."""
    document = BilevelProblem.model_validate(problem).model_dump(mode="json", exclude_unset=True)
    work = FAMILY.decode({"problem": document, "options": {"log": False}}, NoFiles())
    choice = FAMILY.choose(work, "auto", [registry.load("bilevel", name).spec for name in registry.names("bilevel")])
    assert choice.engines[0] == "implicit"
    done = FAMILY.certify(work, FAMILY.solve(work, "implicit", choice.why, LocalContext()))
    return done.answer, done.certificate


def on_simplex(v: np.ndarray) -> np.ndarray:
    """The nearest point with nonnegative entries whose sum is 1, by sorting."""
    u = np.sort(v)[::-1]
    excess = (np.cumsum(u) - 1.0) / np.arange(1, v.size + 1)
    return np.maximum(v - excess[np.flatnonzero(u > excess)[-1]], 0.0)


def in_ball(v: np.ndarray, square: float) -> np.ndarray:
    """The nearest point whose squared length is at most that."""
    return v * min(1.0, np.sqrt(square) / np.linalg.norm(v))


def least(value: Callable[[float], float], low: float, high: float) -> float:
    """On a grid, then on a finer one around its best point."""
    for _ in range(3):
        grid = np.linspace(low, high, 2001)
        k = int(np.argmin([value(t) for t in grid]))
        low, high = grid[max(0, k - 1)], grid[min(2000, k + 1)]
    return value(float(grid[k]))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_simplex_below_with_several_valleys_and_kinks_above_gives_the_best_of_a_fine_grid(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, c = random.normal(size=M), random.normal(size=M)
    problem = {
        "kind": "bilevel",
        "data": {"a": a.tolist(), "c": c.tolist()},
        "upper": {
            "variables": {"t": {"start": 0.1, "lower": -4, "upper": 4}},
            "minimize": "log(1 + 9*norm2sq(y - c/10)) + sin(3*t)/5",
        },
        "lower": {
            "variables": {"y": {"shape": [M], "lower": 0, "start": 1 / M}},
            "minimize": "norm2sq(y - t*a)",
            "constraints": ["sum(y) == 1"],
        },
    }

    def value(t: float) -> float:
        y = on_simplex(t * a)
        return float(np.log1p(9 * np.sum((y - c / 10) ** 2)) + np.sin(3 * t) / 5)

    answer, certificate = solved(problem)
    assert answer.objective == pytest.approx(least(value, -4, 4), abs=1e-6)
    assert answer.status in ("locally-stationary", "feasible")
    assert not certificate.failures or answer.status == "feasible"


def test_a_curved_lower_constraint_is_left_to_derivatives_and_its_multiplier_counts() -> None:
    random = np.random.default_rng(3)
    b, c = random.normal(size=M), 0.4 * random.normal(size=M)
    problem = {
        "kind": "bilevel",
        "data": {"b": b.tolist(), "c": c.tolist()},
        "upper": {
            "variables": {"r": {"start": 1, "lower": 0.01, "upper": 60}},
            "minimize": "norm2sq(y - b/2 - c)",
        },
        "lower": {
            "variables": {"y": {"shape": [M]}},
            "minimize": "norm2sq(y - b)",
            "constraints": ["norm2sq(y) <= r"],
        },
    }
    answer, certificate = solved(problem)
    share = float(b @ (b / 2 + c) / (b @ b))
    assert answer.status == "locally-stationary"
    assert not certificate.failures
    assert answer.x == pytest.approx([share**2 * (b @ b)], rel=1e-4)
    assert answer.y == pytest.approx(in_ball(b, share**2 * float(b @ b)), abs=1e-4)


def test_a_lower_level_that_falls_without_end_beyond_a_local_minimum_is_called_unbounded() -> None:
    problem = {
        "kind": "bilevel",
        "upper": {"variables": {"x": {"lower": -1, "upper": 1}}, "minimize": "(x - 0.3)**2 + y"},
        "lower": {"variables": {"y": {"start": 0.5}}, "minimize": "y**3 + x*y"},
    }
    document = BilevelProblem.model_validate(problem).model_dump(mode="json", exclude_unset=True)
    work = FAMILY.decode({"problem": document, "options": {"log": False}}, NoFiles())
    done = FAMILY.certify(work, FAMILY.solve(work, "global", "", LocalContext(time_limit=3.0)))
    assert done.answer.status == "not-verified"
    assert any("unbounded" in check.text for check in done.certificate.checks if check.outcome == "failed")
