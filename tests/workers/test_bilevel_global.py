"""Small problems with a nonconvex or degenerate lower level, as a user states them, to known optima."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.bilevel import BilevelProblem
from solvers.bilevel.answer import BilevelAnswer
from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import LocalContext
from workers.families.bilevel import FAMILY


class NoFiles:
    folder = Path()

    def fetch(self, artifact: str, pointer: str) -> Path:
        raise AssertionError

    def store(self, path: Path, filename: str) -> str:
        raise AssertionError


def solved(upper: dict[str, Any], lower: dict[str, Any], **options: Any) -> tuple[str, BilevelAnswer, Certificate]:
    given = BilevelProblem.model_validate({"kind": "bilevel", "upper": upper, "lower": lower})
    document = {"problem": given.model_dump(mode="json", exclude_unset=True), "options": {"time_limit": 60, **options}}
    work = FAMILY.decode(document, NoFiles())
    offered = [registry.load("bilevel", name).spec for name in registry.names("bilevel")]
    choice = FAMILY.choose(work, "auto", offered)
    answer = FAMILY.solve(work, choice.engines[0], choice.why, LocalContext())
    done = FAMILY.certify(work, answer)
    return choice.engines[0], done.answer, done.certificate


def box(low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"lower": low, "upper": high, **more}


def test_the_lower_level_s_global_minimum_counts_not_a_local_one() -> None:
    """Lower: y**4/4 - y**2/2 + 0.1 x y has two minima; that with y < 0 is the global one for x > 0. By hand: with
    F = (y - 1)**2 + x**2 the local minimum near y = 1 would be best at x = 0; there both are equally good."""
    engine, answer, certificate = solved(
        {"variables": {"x": box(0.5, 1, start=1.0)}, "minimize": "(y - 1)**2 + x"},
        {"variables": {"y": box(-2, 2, start=1.0)}, "minimize": "y**4/4 - y**2/2 + 0.1*x*y"},
    )
    assert engine == "global"
    assert answer.y is not None
    assert answer.y[0] < -1.0
    assert not [check for check in certificate.failures if check.name in ("lower-gap", "objective")]
    assert answer.status in ("feasible", "locally-stationary", "globally-optimal")


def test_the_best_of_several_lower_solutions_is_taken() -> None:
    """Lower: (y**2 - 1)**2 is least at y = 1 and y = -1; the upper level wants the nearer one to 2."""
    _, answer, _ = solved(
        {"variables": {"x": box(-1, 1)}, "minimize": "(y - 2)**2 + x**2"},
        {"variables": {"y": box(-3, 3, start=-1.0)}, "minimize": "(y**2 - 1)**2 + 0*x"},
    )
    assert answer.objective == pytest.approx(1.0, abs=2e-3)
    assert answer.bound is not None
    assert answer.bound <= 1.0 + 1e-6


def test_lower_constraints_with_upper_variables_bound_the_answer() -> None:
    """Lower: max y over y <= x**2 (a nonconvex set in x); upper: min (y - 2)**2 + (x + 1)**2/10, x in [-2, 2].
    With y = x**2 the optimum over a grid of a millionth is 0.0169447 at x = -1.409072."""
    _, answer, _ = solved(
        {"variables": {"x": box(-2, 2, start=1.0)}, "minimize": "(y - 2)**2 + (x + 1)**2/10"},
        {"variables": {"y": box(0, 5)}, "maximize": "y", "constraints": ["y <= x**2"]},
    )
    assert answer.objective == pytest.approx(0.0169447, abs=1e-4)
    assert answer.status != "not-verified"


def test_a_wrong_local_minimum_is_found_out_by_the_certificate() -> None:
    problem = BilevelProblem.model_validate(
        {
            "kind": "bilevel",
            "upper": {"variables": {"x": box(0, 1)}, "minimize": "(y - 1)**2 + x"},
            "lower": {"variables": {"y": box(-2, 2)}, "minimize": "y**4/4 - y**2/2 + 0.1*y + 0*x"},
        }
    )
    work = FAMILY.decode({"problem": problem.model_dump(mode="json", exclude_unset=True)}, NoFiles())
    answer = FAMILY.solve(work, "penalty", "", LocalContext())
    local = next(float(r.real) for r in np.roots([1.0, 0.0, -1.0, 0.1]) if r.real > 0.5)
    x, y = np.array([0.0]), np.array([local])
    lie = replace(answer, status="locally-stationary", x=x, y=y, objective=(local - 1.0) ** 2, bound=None)
    assert FAMILY.certify(work, lie).answer.status == "not-verified"
