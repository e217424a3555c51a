"""Black-box functions with known minima, as studies, and a loop that plays evaluator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.core import registry
from solvers.studies.constraints import InputConstraint
from solvers.studies.engine import StudyEngine
from solvers.studies.observations import Observations, Trial
from solvers.studies.parameters import Categorical, Float, Int, Ordinal
from solvers.studies.space import Space, conditions
from solvers.studies.study import Objective, OutcomeConstraint, Study


@dataclass(frozen=True)
class Problem:
    study: Study
    evaluate: Callable[[Mapping[str, Any]], dict[str, float]]
    best: float


def cube(bounds: list[tuple[float, float]]) -> Space:
    return Space(tuple(Float(name=f"x{i}", low=low, high=high) for i, (low, high) in enumerate(bounds)))


def branin(x: float, y: float) -> float:
    return (
        (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
        + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x)
        + 10
    )


BRANIN = Problem(
    Study(cube([(-5, 10), (0, 15)]), (Objective("y"),)),
    lambda p: {"y": branin(p["x0"], p["x1"])},
    0.39788735772973816,
)

MIXED_SPACE = Space(
    (
        Float(name="rate", low=1e-4, high=1.0, log=True),
        Int(name="layers", low=1, high=5),
        Categorical(name="kind", choices=("a", "b", "c")),
        Float(name="slope", low=0.0, high=1.0, when=conditions({"kind": "b"})),
        Ordinal(name="width", choices=(8, 16, 32), when=conditions({"layers": {"low": 3}})),
    ),
    (InputConstraint(["<=", ["+", ["var", "layers"], ["var", "rate"]], 4.5], "layers + rate <= 4.5"),),
)


def mixed(p: Mapping[str, Any]) -> dict[str, float]:
    """Minimum 0 at rate 0.1, three layers, kind b with slope 0.7, width 16."""
    y = (math.log10(p["rate"]) + 1) ** 2 + 0.3 * abs(p["layers"] - 3) + {"a": 1.0, "b": 0.0, "c": 2.0}[p["kind"]]
    y += (p.get("slope", 0.7) - 0.7) ** 2 + {8: 0.2, 16: 0.0, 32: 0.3}[p.get("width", 16)]
    return {"y": y}


MIXED = Problem(Study(MIXED_SPACE, (Objective("y"),)), mixed, 0.0)

CONSTRAINED = Problem(  # minimum of x + y with x y >= 1/4 in the unit square times two
    Study(cube([(0, 2), (0, 2)]), (Objective("y"),), (OutcomeConstraint("c", ">=", 0.25),)),
    lambda p: {"y": p["x0"] + p["x1"], "c": p["x0"] * p["x1"]},
    1.0,
)

TWO = Problem(  # two spheres: the front is the segment between their centres
    Study(cube([(0, 1), (0, 1)]), (Objective("a"), Objective("b", "max"))),
    lambda p: {
        "a": (p["x0"] - 0.2) ** 2 + (p["x1"] - 0.5) ** 2,
        "b": -((p["x0"] - 0.8) ** 2) - (p["x1"] - 0.5) ** 2,
    },
    0.0,
)


def tell(problem: Problem, number: int, parameters: Mapping[str, Any]) -> Trial:
    told = problem.evaluate(parameters)
    names = {objective.name for objective in problem.study.objectives}
    return Trial(
        number,
        dict(parameters),
        values={name: value for name, value in told.items() if name in names},
        constraints={name: value for name, value in told.items() if name not in names},
    )


def engine(name: str) -> StudyEngine:
    found = registry.load("study", name)
    assert isinstance(found, StudyEngine)
    return found


def optimize(
    name: str, problem: Problem, trials: int, seed: int = 0, batch: int = 1, options: Mapping[str, Any] | None = None
) -> list[Trial]:
    advisor = engine(name).create(problem.study, options, seed)
    done: list[Trial] = []
    while len(done) < trials:
        advisor.update(Observations(tuple(done)))
        asked = advisor.suggest(batch)
        if not asked:
            break
        for suggestion in asked:
            problem.study.space.check(suggestion.parameters)
            assert problem.study.space.feasible(suggestion.parameters)
            done.append(tell(problem, len(done), suggestion.parameters))
    return done


def best(problem: Problem, trials: list[Trial]) -> float:
    """The lowest first objective of feasible trials, in the minimised sense."""
    objective = problem.study.objectives[0]
    values = [
        objective.sign * trial.values[objective.name]
        for trial in trials
        if all(c.slack(trial.constraints[c.name]) <= 0 for c in problem.study.constraints)
    ]
    return min(values, default=math.inf)


def random_trials(problem: Problem, count: int, seed: int = 0) -> tuple[Trial, ...]:
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []
    while len(trials) < count:
        point = problem.study.space.at({p.name: float(rng.random()) for p in problem.study.space.parameters})
        if problem.study.space.feasible(point):
            trials.append(tell(problem, len(trials), point))
    return tuple(trials)
