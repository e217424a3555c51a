"""Points made by hand that are not on the front: what a certificate may not say of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.core.certificate import Certificate
from solvers.pareto.answer import ParetoAnswer
from solvers.pareto.certificates import certify
from tests.pareto.solving import document
from tests.solving import NoFiles
from workers.families.pareto import FAMILY

SQUARE = {
    "variables": {"x": {"shape": [2], "lower": 0, "upper": 1, "start": 0.5}},
    "objectives": {"f1": {"minimize": "x[0]"}, "f2": {"minimize": "x[1]"}},
}


def _certified(stated: dict[str, Any], X: list[list[float]]) -> tuple[ParetoAnswer, Certificate]:
    problem = FAMILY.decode(document(stated), NoFiles()).problem
    points = np.array(X)
    answer = ParetoAnswer("feasible", X=points, values=problem.oracle.values(points))
    return certify(problem, answer)


def test_a_point_that_is_only_weakly_optimal_is_not_called_globally_optimal() -> None:
    """(0, 0) is as good as (0, 1) in the first objective, and better in the second."""
    settled, certificate = _certified(SQUARE, [[0.0, 1.0]])
    assert settled.points[0].weak
    assert settled.status == "locally-stationary"
    bound = next(check for check in certificate.checks if check.name == "global-bound")
    assert "1 only weakly optimal" in bound.text
    best, _ = _certified(SQUARE, [[0.0, 0.0]])
    assert not best.points[0].weak
    assert best.status == "globally-optimal"


def test_the_only_minimum_of_one_objective_is_optimal_though_the_others_have_no_weight_there() -> None:
    stated = {
        "variables": {"x": {"shape": [2], "lower": -2, "upper": 2}},
        "objectives": {"f1": {"minimize": "norm2sq(x)"}, "f2": {"minimize": "norm2sq(x - 1)"}},
    }
    settled, _ = _certified(stated, [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])
    assert settled.status == "globally-optimal"
    assert _certified(stated, [[0.5, 0.6]])[0].status == "feasible"


def test_a_point_that_beats_its_own_bound_is_not_called_optimal() -> None:
    stated = {**SQUARE, "objectives": {"f1": {"minimize": "1e6*x[0] - 5e5"}, "f2": {"minimize": "1e6*x[1] - 5e5"}}}
    settled, certificate = _certified({**stated, "constraints": ["x[0] + x[1] >= 1"]}, [[0.5, 0.5 - 9e-7]])
    assert settled.status == "not-verified"
    assert "global-bound" in {check.name for check in certificate.failures}
