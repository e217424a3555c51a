"""Fronts that are known in closed form, from the contract to the certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from api_schemas.pareto import ParetoAnswer
from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.pareto import fronts
from tests.pareto.solving import document, solve
from tests.solving import NoFiles
from workers.families import Refusal
from workers.families.pareto import FAMILY

ENGINES = ["weighted-sum", "boundary", "jacobian-descent"]
POINTS = {"points": 12}
QUADRATICS = {
    "variables": {"x": {"shape": [4], "start": 3}},
    "objectives": {"f1": {"minimize": "norm2sq(x - 1)"}, "f2": {"minimize": "2*norm2sq(x + 1)"}},
}
G = "(1 + 9*mean(x[1:]))"
BOX = {"x": {"shape": [10], "lower": 0, "upper": 1, "start": 0.5}}
ZDT = {
    1: (f"{G}*(1 - sqrt(x[0]/{G}))", lambda f: 1 - np.sqrt(f)),
    2: (f"{G}*(1 - (x[0]/{G})**2)", lambda f: 1 - f**2),
    3: (
        f"{G}*(1 - sqrt(x[0]/{G}) - x[0]/{G}*sin(31.41592653589793*x[0]))",
        lambda f: 1 - np.sqrt(f) - f * np.sin(10 * np.pi * f),
    ),
}


def values(answer: ParetoAnswer) -> np.ndarray:
    return np.array(answer.values, dtype=float)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_quadratics_have_the_segment_between_their_minima_and_each_point_is_proved(engine: str) -> None:
    answer = solve(QUADRATICS, engine, POINTS)
    assert answer.status == "globally-optimal"
    assert answer.certificate is not None
    assert answer.certificate.proved
    f = values(answer)
    share = np.sqrt(f[:, 0] / 16)
    assert f[:, 1] == pytest.approx(2 * 16 * (1 - share) ** 2, abs=1e-4)
    assert all(point.gap is not None and point.gap < 1e-4 for point in answer.points)
    assert answer.hypervolume is not None
    assert answer.hypervolume_bound is not None
    assert 0.9 * answer.hypervolume_bound < answer.hypervolume <= answer.hypervolume_bound


@pytest.mark.parametrize("number", [1, 2, 3])
def test_zdt_problems_reach_their_fronts_convex_concave_and_in_pieces(number: int) -> None:
    text, front = ZDT[number]
    problem = {"variables": BOX, "objectives": {"f1": {"minimize": "x[0]"}, "f2": {"minimize": text}}}
    answer = solve(problem, options=POINTS)
    f = values(answer)
    assert answer.engine == "jacobian-descent"
    assert answer.status == "locally-stationary"
    assert f.shape == (12, 2)
    assert f[:, 1] == pytest.approx(front(f[:, 0]), abs=1e-5)
    # spread over all of the front, not heaped at its ends
    assert np.diff(np.sort(f[:, 0])).max() < 0.35


def test_schaffer_and_fonseca_have_their_known_fronts() -> None:
    schaffer = {
        "variables": {"x": {"start": 3}},
        "objectives": {"f1": {"minimize": "x**2"}, "f2": {"minimize": "(x - 2)**2"}},
    }
    f = values(solve(schaffer, options=POINTS))
    assert f[:, 1] == pytest.approx((np.sqrt(f[:, 0]) - 2) ** 2, abs=1e-5)
    fonseca = {
        "variables": {"x": {"shape": [3], "lower": -4, "upper": 4}},
        "objectives": {
            "f1": {"minimize": "1 - exp(-sum((x - 1/sqrt(3))**2))"},
            "f2": {"minimize": "1 - exp(-sum((x + 1/sqrt(3))**2))"},
        },
    }
    answer = solve(fonseca, options=POINTS)
    f = values(answer)
    assert answer.status == "locally-stationary"
    assert f[:, 1] == pytest.approx(1 - np.exp(-((2 - np.sqrt(-np.log(1 - f[:, 0]))) ** 2)), abs=1e-5)


def test_dtlz2_is_the_unit_sphere() -> None:
    problem = {
        "variables": {"x": {"shape": [7], "lower": 0, "upper": 1, "start": 0.3}},
        "let": {"g": "norm2sq(x[2:] - 0.5)", "a": "1.5707963267948966*x[0]", "b": "1.5707963267948966*x[1]"},
        "objectives": {
            "f1": {"minimize": "(1 + g)*cos(a)*cos(b)"},
            "f2": {"minimize": "(1 + g)*cos(a)*sin(b)"},
            "f3": {"minimize": "(1 + g)*sin(a)"},
        },
    }
    reference = {"f1": 1.1, "f2": 1.1, "f3": 1.1}
    answer = solve(problem, options={"points": 20, "reference": reference})
    assert np.linalg.norm(values(answer), axis=1) == pytest.approx(np.ones(20), abs=1e-6)
    assert answer.reference == [1.1, 1.1, 1.1]
    # all that 1.331 - pi/6 = 0.8074 leaves is between the points
    assert answer.hypervolume is not None
    assert 0.6 < answer.hypervolume < 1.1**3 - np.pi / 6


def test_maximized_objectives_and_constraints_are_in_the_users_sense() -> None:
    problem = {
        "data": {"S": np.diag([0.04, 0.09]), "mu": np.array([0.05, 0.1])},
        "variables": {"w": {"shape": [2], "lower": 0, "start": 0.5}},
        "objectives": {"risk": {"minimize": "w @ S @ w"}, "gain": {"maximize": "mu @ w"}},
        "constraints": ["sum(w) == 1"],
    }
    answer = solve(problem, options=POINTS)
    f = values(answer)
    assert answer.status == "globally-optimal"
    assert answer.senses == ["min", "max"]
    share = (f[:, 1] - 0.05) / 0.05
    assert f[:, 0] == pytest.approx(0.04 * (1 - share) ** 2 + 0.09 * share**2, abs=1e-6)
    assert f[-1, 1] == pytest.approx(0.1, abs=1e-4)
    assert answer.reference is not None
    assert float(answer.reference[1]) < f[:, 1].min()


def test_a_linear_front_is_filled_between_its_corners() -> None:
    problem = {
        "variables": {"x": {"shape": [2], "lower": 0}},
        "objectives": {"a": {"maximize": "x[0]"}, "b": {"maximize": "x[1]"}},
        "constraints": ["x[0] + x[1] <= 4", "2*x[0] + x[1] <= 6"],
    }
    answer = solve(problem, options=POINTS)
    f = values(answer)
    assert answer.engine == "boundary"
    assert answer.status == "globally-optimal"
    assert len(f) >= 10
    assert f[:, 1] == pytest.approx(np.minimum(4 - f[:, 0], 6 - 2 * f[:, 0]), abs=1e-5)


@pytest.mark.parametrize("engine", ["weighted-sum", "jacobian-descent"])
def test_preferences_give_one_point_each_in_their_order(engine: str) -> None:
    rows = [{"f1": 1, "f2": 0.5}, {"f1": 3, "f2": 0.5}, {"f2": 1}]
    answer = solve(QUADRATICS, engine, {"preferences": rows})
    assert answer.variables is not None
    x = np.array(answer.variables["x"], dtype=float)
    assert x.shape == (3, 4)
    if engine == "weighted-sum":
        # the minimum of w1 |x - 1|^2 + 2 w2 |x + 1|^2
        assert x[:, 0] == pytest.approx([0.0, 0.5, -1.0], abs=1e-5)
    assert answer.status == "globally-optimal"


def test_a_point_that_is_not_stationary_or_dominated_is_not_called_better() -> None:
    work = FAMILY.decode(document(QUADRATICS), NoFiles())
    answer = FAMILY.solve(work, "weighted-sum", "", LocalContext())
    assert answer.X is not None
    X = answer.X.copy()
    X[3] += [0.5, -0.5, 0.5, -0.5]
    moved = FAMILY.certify(work, replace(answer, X=X, values=work.problem.oracle.values(X)))
    assert moved.answer.status == "not-verified"
    assert {check.name for check in moved.certificate.failures} == {"dominance"}
    alone = FAMILY.certify(work, replace(answer, X=X[3:4], values=work.problem.oracle.values(X[3:4])))
    assert alone.answer.status == "feasible"
    lying = FAMILY.certify(work, replace(answer, values=answer.values * 0.99))
    assert {check.name for check in lying.certificate.failures} == {"objectives"}


def test_hypervolume_and_its_bound_are_those_of_the_triangle() -> None:
    reference = np.array([1.0, 1.0])
    corner = np.array([[0.25, 0.25]])
    assert fronts.hypervolume(corner, reference) == pytest.approx(0.5625)
    # everything above f1 + f2 = 1, within the unit square
    assert fronts.outer_hypervolume(np.array([[0.5, 0.5]]), np.array([0.5]), reference) == pytest.approx(0.5)
    halves = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert fronts.outer_hypervolume(halves, np.array([0.5, 0.5]), reference) == pytest.approx(0.375)
    assert fronts.outer_hypervolume(np.array([[1.0, 0.0]]), np.array([0.5]), reference) is None
    assert len(fronts.directions(3, 10)) == 10


def test_limits_are_obeyed_and_wrong_options_pointed_at() -> None:
    stopped = LocalContext(stop="cancelled")
    assert solve(QUADRATICS, "jacobian-descent", POINTS, stopped).limit == "cancelled"
    with pytest.raises(Refusal, match="no objective 'g'") as caught:
        solve(QUADRATICS, options={"preferences": [{"f1": 1.0, "g": 2.0}]})
    assert caught.value.errors[0]["pointer"] == "/options/preferences/0/g"
    reports: dict[str, Any] = {}
    context = LocalContext()
    solve(QUADRATICS, "jacobian-descent", POINTS, context)
    for report in context.reports:
        reports.update(report)
    assert {"hypervolume", "points", "iterations"} <= set(reports)
    assert set(registry.names("pareto")) == set(ENGINES)


def test_a_point_where_slopes_are_infinite_proves_nothing_of_the_front() -> None:
    """Two entropies against a cost: at a corner of the simplex p*log(p) has no slope, so there is no bound there."""
    entropies = {
        "variables": {"p": {"shape": [3], "lower": 0, "upper": 1, "start": 0.3}},
        "objectives": {"order": {"minimize": "sum(p*log(p))"}, "cost": {"minimize": "sum(p*log(p)) + 0.1*p[0]"}},
        "constraints": ["sum(p) == 1"],
    }
    work = FAMILY.decode(document(entropies), NoFiles())
    answer = FAMILY.solve(work, "weighted-sum", "", LocalContext())
    assert answer.X is not None
    corner = np.array([[1.0, 0.0, 0.0]])
    settled = FAMILY.certify(work, replace(answer, X=corner, values=work.problem.oracle.values(corner))).answer
    assert settled.status not in ("globally-optimal", "locally-stationary")
    assert settled.points[0].gap is None or settled.points[0].gap > 0.5
    assert settled.hypervolume_bound is None or np.isfinite(settled.hypervolume_bound)
