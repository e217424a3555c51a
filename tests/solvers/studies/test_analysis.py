"""Analyses against functions whose answers are known in closed form."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from solvers.core.errors import InvalidProblem
from solvers.studies.analysis.calibration import calibration
from solvers.studies.analysis.fitted import Fitted
from solvers.studies.analysis.importance import importance
from solvers.studies.analysis.progress import best_over_time, hypervolume_over_time, parallel_coordinates, pareto
from solvers.studies.analysis.surfaces import contour, marginal
from solvers.studies.encoding import Encoding
from solvers.studies.observations import Observations, Trial
from solvers.studies.parameters import Float
from solvers.studies.sampling import sobol
from solvers.studies.space import Space
from solvers.studies.study import Objective, Study
from tests.solvers.studies.problems import CONSTRAINED, MIXED, TWO, random_trials

SPACE = Space(tuple(Float(name=name, low=0.0, high=1.0) for name in "abc"))
STUDY = Study(SPACE, (Objective("y", "max"),))


def fitted(count: int = 80, noise: float = 0.0) -> Fitted:
    """y = 4 a + (b - 1/2)(a - 1/2) * 6 + 10: by ANOVA, Var a = 16/12, ab = 36/144, b = c = 0."""
    encoding = Encoding(SPACE)
    rng = np.random.default_rng(0)
    trials = []
    for i, row in enumerate(sobol(encoding, count, 1)):
        y = 4 * row[0] + 6 * (row[0] - 0.5) * (row[1] - 0.5) + 10 + noise * rng.standard_normal()
        trials.append(Trial(i, encoding.point(row), values={"y": float(y)}))
    return Fitted.of(STUDY, Observations(tuple(trials)))


def test_importance_is_the_analysis_of_variance() -> None:
    shares = importance(fitted(), samples=4096)["y"]
    whole = 16 / 12 + 36 / 144
    assert shares["a"]["first"] == pytest.approx(16 / 12 / whole, abs=0.03)
    assert shares["a"]["total"] == pytest.approx(1.0, abs=0.03)
    assert shares["b"]["first"] == pytest.approx(0.0, abs=0.03)
    assert shares["b"]["total"] == pytest.approx(36 / 144 / whole, abs=0.03)
    assert shares["c"]["total"] == pytest.approx(0.0, abs=0.01)


def test_a_marginal_averages_the_others_out_in_the_users_units() -> None:
    found = marginal(fitted(), "a", points=11, samples=256)
    assert found["mean"] == pytest.approx([4 * a + 10 for a in found["values"]], abs=0.05)
    assert all(0 <= std < 0.2 for std in found["std"])


def test_a_contour_shows_the_interaction() -> None:
    found = contour(fitted(), "a", "b", points=5, samples=16)
    for j, b in enumerate(found["values"][1]):
        for i, a in enumerate(found["values"][0]):
            assert found["mean"][j][i] == pytest.approx(4 * a + 6 * (a - 0.5) * (b - 0.5) + 10, abs=0.1)


def test_calibration_covers_as_often_as_it_says_and_sees_noise() -> None:
    found = calibration(fitted(120, noise=0.5))["y"]
    assert found["coverage"]["0.9"] == pytest.approx(0.9, abs=0.08)
    assert found["coverage"]["0.5"] == pytest.approx(0.5, abs=0.14)
    assert np.mean(found["std"]) == pytest.approx(0.5, rel=0.3)
    assert calibration(fitted())["y"]["r2"] > 0.99


def test_the_front_and_its_volume_over_time() -> None:
    study = Study(SPACE, (Objective("p", reference=4.0), Objective("q", "max", reference=0.0)))
    point = {"a": 0.5, "b": 0.5, "c": 0.5}
    values = [(3.0, 1.0), (2.0, 2.0), (3.5, 0.5), (1.0, 1.0), (2.0, 2.0)]
    seen = Observations(tuple(Trial(i, point, values={"p": p, "q": q}) for i, (p, q) in enumerate(values)))
    assert pareto(study, seen) == [1, 3, 4]
    found = hypervolume_over_time(study, seen)
    assert found["hypervolume"] == pytest.approx([1.0, 4.0, 4.0, 5.0, 5.0])
    assert found["reference"] == [4.0, 0.0]


def test_only_feasible_trials_count_as_best() -> None:
    trials = random_trials(CONSTRAINED, 30)
    found = best_over_time(CONSTRAINED.study, Observations(trials))
    allowed = [t.values["y"] for t in trials if t.constraints["c"] >= 0.25]
    assert found["best"][-1] == min(allowed)
    assert found["best"][-1] > min(t.values["y"] for t in trials)


def test_parallel_coordinates_leave_out_what_is_inactive() -> None:
    trials = random_trials(MIXED, 10)
    found = parallel_coordinates(MIXED.study, Observations(trials))
    json.dumps(found, allow_nan=False)
    for line, trial in zip(found["lines"], trials, strict=True):
        for axis, place in zip(found["axes"], line["places"], strict=True):
            assert (place is None) == (axis["name"] not in trial.parameters)


def test_everything_works_on_conditional_and_several_objective_studies() -> None:
    for problem in (MIXED, TWO, CONSTRAINED):
        one = Fitted.of(problem.study, Observations(random_trials(problem, 20)))
        first, second = (p.name for p in problem.study.space.parameters[:2])
        for found in (
            importance(one, samples=64),
            marginal(one, first, samples=8),
            contour(one, first, second, points=3, samples=4),
            calibration(one),
        ):
            json.dumps(found, allow_nan=False)


def test_too_few_trials_and_unknown_names_are_said() -> None:
    with pytest.raises(InvalidProblem, match="too few"):
        Fitted.of(STUDY, Observations())
    with pytest.raises(InvalidProblem, match="no parameter is called"):
        marginal(fitted(10), "z")
    with pytest.raises(InvalidProblem, match="no objective is called"):
        marginal(fitted(10), "a", "loss")
    assert math.isfinite(marginal(fitted(10), "a", "y", points=2)["mean"][0])
