"""Black-box problems with known best values: textbook functions, noisy, constrained, conditional, two objectives,
tables.

Tables are read from the shared collection of test data (``KANTOR_TEST_DATA``, see tests/solvers/engines/data.py) and
left out where it is missing.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import studies_constrained
from solvers.studies.acquisition.hypervolume import hypervolume, nondominated
from solvers.studies.parameters import Categorical, Float, Int, Ordinal, Parameter
from solvers.studies.space import Space, conditions
from solvers.studies.study import Objective, OutcomeConstraint, Study

COLLECTION = Path(os.environ.get("KANTOR_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


@dataclass(frozen=True)
class Problem:
    """``measure(parameters, rng)`` gives what an evaluator would tell, by name of the outcome; ``truth`` the same
    without noise. ``best``: the lowest feasible value, or the highest hypervolume beyond ``reference``."""

    name: str
    study: Study
    truth: Callable[[Mapping[str, Any]], dict[str, float]]
    best: float
    noise: float = 0.0
    reference: tuple[float, ...] = ()

    def measure(self, parameters: Mapping[str, Any], rng: np.random.Generator) -> dict[str, float]:
        told = self.truth(parameters)
        return {name: value + self.noise * float(rng.standard_normal()) for name, value in told.items()}

    def regret(self, points: list[Mapping[str, Any]]) -> float:
        """Of the best point by its true values."""
        told = [self.truth(point) for point in points]
        if self.reference:
            values = np.array([[t[o.name] * o.sign for o in self.study.objectives] for t in told])
            return self.best - hypervolume(values, np.array(self.reference))
        objective = self.study.objectives[0]
        allowed = [
            t[objective.name] * objective.sign
            for t in told
            if all(c.slack(t[c.name]) <= 0 for c in self.study.constraints)
        ]
        return min(allowed, default=math.inf) - self.best


def _cube(bounds: list[tuple[float, float]]) -> Space:
    return Space(tuple(Float(name=f"x{i}", low=low, high=high) for i, (low, high) in enumerate(bounds)))


def _x(parameters: Mapping[str, Any]) -> np.ndarray:
    return np.array([parameters[f"x{i}"] for i in range(len(parameters))])


def branin(x: np.ndarray) -> float:
    a, b = x
    inner = b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6
    return float(inner**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10)


_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(x: np.ndarray) -> float:
    return hartmann6_with(x, 1.0)


def hartmann6_with(x: np.ndarray, first: float) -> float:
    """With another weight of the first basin than 1."""
    return -float(np.array([first, 1.2, 3, 3.2]) @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))


def ackley(x: np.ndarray) -> float:
    return float(
        -20 * math.exp(-0.2 * math.sqrt(float((x * x).mean())))
        - math.exp(float(np.cos(2 * math.pi * x).mean()))
        + 20
        + math.e
    )


def townsend(x: np.ndarray) -> dict[str, float]:
    a, b = x
    t = math.atan2(a, b)
    edge = (2 * math.cos(t) - math.cos(2 * t) / 2 - math.cos(3 * t) / 4 - math.cos(4 * t) / 8) ** 2 + (
        2 * math.sin(t)
    ) ** 2
    return {
        "y": -(math.cos((a - 0.1) * b) ** 2) - a * math.sin(3 * a + b),
        "c": a * a + b * b - edge,
    }


def branin_currin(x: np.ndarray) -> dict[str, float]:
    a, b = x
    top = 1.0 if b <= 0 else 1 - math.exp(-1 / (2 * b))
    currin = top * (2300 * a**3 + 1900 * a**2 + 2092 * a + 60) / (100 * a**3 + 500 * a**2 + 4 * a + 20)
    return {"branin": branin(np.array([15 * a - 5, 15 * b])), "currin": currin}


def nested(p: Mapping[str, Any]) -> dict[str, float]:
    """Learning of a network, as if: what an optimizer's own parameters do, they do only under it. Minimum 0."""
    y = 0.15 * abs(p["layers"] - 3)
    if p["optimizer"] == "sgd":
        y += (math.log10(p["sgd_rate"]) + 1.5) ** 2 * 0.4 + 2 * (p["momentum"] - 0.85) ** 2
    elif p["optimizer"] == "adam":
        y += 0.1 + (math.log10(p["adam_rate"]) + 3) ** 2 * 0.3
    else:
        y += 0.4
    if p["layers"] >= 2:
        y += (p["dropout"] - 0.2) ** 2
    return {"y": y}


_NESTED = Space(
    (
        Categorical(name="optimizer", choices=("sgd", "adam", "lion")),
        Float(name="sgd_rate", low=1e-4, high=1.0, log=True, when=conditions({"optimizer": "sgd"})),
        Float(name="momentum", low=0.0, high=1.0, when=conditions({"optimizer": "sgd"})),
        Float(name="adam_rate", low=1e-5, high=1e-1, log=True, when=conditions({"optimizer": "adam"})),
        Int(name="layers", low=1, high=6),
        Float(name="dropout", low=0.0, high=0.8, when=conditions({"layers": {"low": 2}})),
    )
)


def problems() -> list[Problem]:
    """All of them, tables last."""
    y = (Objective("y"),)
    unit = _cube([(0, 1)] * 6)
    found = [
        Problem("Branin", Study(_cube([(-5, 10), (0, 15)]), y), lambda p: {"y": branin(_x(p))}, 0.39788735772973816),
        Problem("Hartmann6", Study(unit, y), lambda p: {"y": hartmann6(_x(p))}, -3.322368011391339),
        Problem("Ackley-10", Study(_cube([(-5, 10)] * 10), y), lambda p: {"y": ackley(_x(p))}, 0.0),
        Problem(
            "Townsend, constrained",
            Study(_cube([(-2.25, 2.5), (-2.5, 1.75)]), y, (OutcomeConstraint("c", "<=", 0.0),)),
            lambda p: townsend(_x(p)),
            -2.0239884,
        ),
        Problem(
            "Hartmann6, noisy (0.3)",
            Study(unit, y, noise="high"),
            lambda p: {"y": hartmann6(_x(p))},
            -3.322368011391339,
            noise=0.3,
        ),
        _two_objectives(),
        Problem("nested choices", Study(_NESTED, y), nested, 0.0),
    ]
    return found + _tables()


def constrained() -> list[Problem]:
    """Those of ``studies_constrained``."""
    found = []
    for name, function, ranges, best in studies_constrained.PROBLEMS:
        study = studies_constrained.study_of(function, ranges)
        found.append(Problem(name, study, lambda p, f=function: studies_constrained.at(f, p), best))  # type: ignore[misc]
    return found


def _two_objectives() -> Problem:
    """The best hypervolume is that of a grid of 400 by 400 points: a little below the exact one."""
    reference = (18.0, 6.0)
    side = np.linspace(0, 1, 400)
    grid = np.array([list(branin_currin(np.array([a, b])).values()) for a in side for b in side])
    grid = grid[np.all(grid < reference, axis=1)]
    order = np.argsort(grid[:, 0], kind="stable")
    front = grid[order][np.minimum.accumulate(grid[order, 1]) >= grid[order, 1]]
    best = hypervolume(front[nondominated(front)], np.array(reference))
    objectives = (Objective("branin", reference=18.0), Objective("currin", reference=6.0))
    study = Study(_cube([(0, 1), (0, 1)]), objectives)
    return Problem("Branin-Currin, two objectives", study, lambda p: branin_currin(_x(p)), best, reference=reference)


def _tables() -> list[Problem]:
    manifest = COLLECTION / "blackbox" / "manifest.json"
    if not manifest.is_file():
        return []
    items = {item["name"]: item for item in json.loads(manifest.read_text())["items"]}
    found = [_digits(items[name]) for name in ("hpobench_phoneme", "hpolib_protein_structure")]
    return [*found, _combinations(items["suzuki_edbo"])]


def _digits(item: Mapping[str, Any]) -> Problem:
    """A table whose key has one digit for the level of each parameter."""
    with gzip.open(COLLECTION / "blackbox" / item["file"], "rt") as file:
        next(file)
        table = {key: float(rest.split(",", 1)[0]) for key, rest in (line.split(",", 1) for line in file)}
    levels = item["size"]["search_space"]
    parameters: list[Parameter] = [
        Categorical(name=name, choices=tuple(values))
        if isinstance(values[0], str)
        else Ordinal(name=name, choices=tuple(values))
        for name, values in levels.items()
    ]
    sign = 1.0 if item["sense"] == "min" else -1.0

    def truth(p: Mapping[str, Any]) -> dict[str, float]:
        return {"y": table["".join(str(levels[name].index(p[name])) for name in levels)]}

    study = Study(Space(tuple(parameters)), (Objective("y", "min" if sign > 0 else "max"),))
    return Problem(item["name"], study, truth, min(sign * value for value in table.values()))


def _combinations(item: Mapping[str, Any]) -> Problem:
    """A complete table of categories: reactions by their ingredients; the yield is to be high."""
    with gzip.open(COLLECTION / "blackbox" / item["file"], "rt") as file:
        rows = [line.strip().rsplit(",", 1) for line in file if line.strip()]
    with gzip.open(COLLECTION / "blackbox" / item["config_file"], "rt") as file:
        declared = json.load(file)["parameters"]
    options = [parameter["options"] for parameter in declared]
    table = {key: float(value) for key, value in rows}
    complete = all(",".join(combination) in table for combination in itertools.product(*options))
    assert complete, item["name"]
    names = [parameter["name"] for parameter in declared]
    space = Space(tuple(Categorical(name=n, choices=tuple(o)) for n, o in zip(names, options, strict=True)))

    def truth(p: Mapping[str, Any]) -> dict[str, float]:
        return {"y": table[",".join(p[name] for name in names)]}

    return Problem(item["name"], Study(space, (Objective("y", "max"),)), truth, -max(table.values()))
