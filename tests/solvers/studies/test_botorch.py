"""The engine ``botorch``: what it says where it is missing, and what it finds where it is installed."""

from __future__ import annotations

import importlib.util

import pytest

from solvers.core import registry
from solvers.core.errors import UnknownEngine, UnsupportedProblem
from solvers.studies.observations import Comparison, Observations, Trial
from solvers.studies.parameters import Categorical, Fidelity, Float, Int, Parameter
from solvers.studies.space import Space, conditions
from solvers.studies.study import Objective, OutcomeConstraint, Study
from tests.solvers.studies.problems import engine

INSTALLED = importlib.util.find_spec("botorch") is not None
NUMBERS = (Float(name="x", low=0, high=1), Float(name="y", low=0, high=1))
MIXED: tuple[Parameter, ...] = (
    *NUMBERS,
    Categorical(name="k", choices=("a", "b", "c")),
    Int(name="n", low=1, high=4, when=conditions({"k": "a"})),
)
ONE = (Objective("v"),)
CASES: dict[str, tuple[Study, dict[str, str]]] = {
    "knowledge-gradient": (Study(Space(NUMBERS), ONE), {"acquisition": "knowledge-gradient"}),
    "max-value-entropy": (Study(Space(NUMBERS), ONE), {"acquisition": "max-value-entropy"}),
    "constrained": (Study(Space(MIXED), ONE, (OutcomeConstraint("c", "<=", 0.0),)), {}),
    "nehvi": (Study(Space(MIXED), (Objective("v"), Objective("w", "max"))), {}),
    "multi-fidelity": (Study(Space((*NUMBERS, Fidelity(name="s", low=0.1, high=1))), ONE), {}),
    "preference": (Study(Space(NUMBERS), ()), {}),
}


@pytest.mark.skipif(INSTALLED, reason="it is installed")
def test_where_it_is_missing_it_says_how_to_get_it() -> None:
    assert "botorch" not in registry.names("study")
    with pytest.raises(UnknownEngine, match="not installed") as caught:
        registry.load("study", "botorch")
    assert caught.value.hint == "pip install 'kantor-server[botorch]'"
    assert caught.value.pointer == "/engine"


def _away(point: object) -> float:
    x, y = (float(point[name]) for name in ("x", "y"))  # type: ignore[index]
    return (x - 0.3) ** 2 + (y - 0.6) ** 2


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="it is not installed")
@pytest.mark.parametrize("case", CASES)
def test_it_suggests_near_the_optimum_and_the_same_again(case: str) -> None:
    study, options = CASES[case]
    design = engine("quasi-random").create(Study(study.space, ONE), seed=1).suggest(14)
    trials = tuple(
        Trial(
            number,
            suggestion.parameters,
            values={o.name: _away(suggestion.parameters) * (1 - 2 * k) for k, o in enumerate(study.objectives)},
            constraints={c.name: float(suggestion.parameters["x"]) - 0.9 for c in study.constraints},
        )
        for number, suggestion in enumerate(design)
    )
    ranked = sorted(trials, key=lambda trial: _away(trial.parameters))
    comparisons = () if study.objectives else (Comparison(tuple(t.number for t in ranked)),)
    made = []
    for _ in range(2):
        advisor = engine("botorch").create(study, options, seed=4)
        advisor.update(Observations(trials, comparisons))
        made.append([suggestion.to_json() for suggestion in advisor.suggest(2)])
    assert made[0] == made[1]
    for suggestion in made[0]:
        study.space.check(suggestion["parameters"])
        assert suggestion["why"]["method"] == "model"
    if case in ("knowledge-gradient", "constrained", "preference"):
        assert min(_away(suggestion["parameters"]) for suggestion in made[0]) < 0.1


@pytest.mark.skipif(not INSTALLED, reason="it is not installed")
def test_methods_refuse_what_they_cannot_do() -> None:
    with pytest.raises(UnsupportedProblem, match="numbers only"):
        engine("botorch").create(Study(Space(MIXED), ONE), {"acquisition": "knowledge-gradient"})
    with pytest.raises(UnsupportedProblem, match="needs an objective"):
        engine("botorch").create(Study(Space(NUMBERS), ()), {"acquisition": "log-nei"})
