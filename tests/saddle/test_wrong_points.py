"""Points made by hand that are no saddle points: what a certificate may not say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.certificates import certify
from tests.saddle.solving import document
from tests.solving import NoFiles
from workers.families.saddle import FAMILY


def _certified(game: dict[str, Any], z: list[float], options: Any = None) -> tuple[SaddleAnswer, dict[str, str]]:
    problem = FAMILY.decode(document(game), NoFiles()).problem
    point = np.array(z)
    answer = SaddleAnswer("feasible", z=point, objective=problem.oracle.value(point))
    settled, certificate = certify(problem, answer, options)
    return settled, {check.name: check.outcome for check in certificate.checks}


STEEP = {
    "objective": "x*y + 1e6*y",
    "minimize_over": {"x": {"lower": -1, "upper": 1}},
    "maximize_over": {"y": {"lower": -5, "upper": 5, "start": -1}},
    "constraints": ["y <= 0"],
}


def test_bounds_that_cross_prove_nothing() -> None:
    settled, outcomes = _certified(STEEP, [0.0, 9e-7])
    assert settled.lower is not None
    assert settled.upper is not None
    assert settled.lower > settled.upper
    assert outcomes["duality-gap"] == "failed"
    assert outcomes["maximizer-global-bound"] == "failed"
    assert settled.status == "feasible"
    right, outcomes = _certified(STEEP, [-1.0, 0.0])
    assert right.status == "globally-optimal"
    assert outcomes["duality-gap"] == "passed"


@pytest.mark.parametrize("a", [1e17, 1e20])
def test_nothing_is_proved_of_a_player_whose_terms_cancel_beyond_their_digits(a: float) -> None:
    game = {
        "objective": "(a + 1)*x - a*x + y",
        "data": {"a": a},
        "minimize_over": {"x": {"lower": -1000, "upper": 1000}},
        "maximize_over": {"y": {"lower": 0, "upper": 1}},
    }
    settled, _ = _certified(game, [0.0, 1.0])
    assert settled.status in ("feasible", "not-verified")
    assert settled.lower is None or settled.lower <= -999.0
