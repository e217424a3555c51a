"""Odd outcomes and odd spaces: every engine goes on suggesting valid, different points."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable

import pytest

from solvers.core import registry
from solvers.studies.engines.features import features_of
from solvers.studies.observations import Observations, Trial
from solvers.studies.parameters import Categorical, Float, Int, Ordinal, Point
from solvers.studies.space import Space, conditions
from solvers.studies.study import Objective, OutcomeConstraint, Study
from tests.solvers.studies.problems import engine

NAMES = [name for name in registry.names("study") if name not in ("botorch", "preference", "ranking", "grid")]
CUBE = Space((Float(name="x", low=-1, high=1), Float(name="y", low=0, high=3)))


def _bowl(point: Point) -> float:
    return float(point["x"]) ** 2 + (float(point["y"]) - 1) ** 2


OUTCOMES: dict[str, Callable[[int, Point], dict[str, float] | None]] = {
    "constant": lambda number, point: {"v": 3.0},
    "huge": lambda number, point: {"v": 1e300 * _bowl(point)},
    "tiny": lambda number, point: {"v": 1e-300 * _bowl(point)},
    "shifted": lambda number, point: {"v": 1e12 + _bowl(point)},
    "cliff": lambda number, point: {"v": 1e30 if number % 3 else _bowl(point)},
    "nan": lambda number, point: {"v": math.nan if number % 2 else _bowl(point)},
    "infinite": lambda number, point: {"v": -math.inf if number % 2 else math.inf},
    "failed": lambda number, point: None,
    "one": lambda number, point: None if number else {"v": 1.0},
    "steps": lambda number, point: {"v": float(_bowl(point) > 1)},
}


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("name", NAMES)
def test_odd_outcomes_do_not_stop_an_engine(name: str, kind: str) -> None:
    study = Study(CUBE, (Objective("v"),))
    design = engine("random").create(study, seed=2).suggest(14)
    trials = []
    for number, suggestion in enumerate(design):
        told = OUTCOMES[kind](number, suggestion.parameters)
        state = "failed" if told is None else "complete"
        trials.append(Trial(number, suggestion.parameters, state, values=told or {}))  # type: ignore[arg-type]
    _goes_on(name, study, trials)


SPACES = {
    "one value": Space((Float(name="x", low=2, high=2), Int(name="n", low=5, high=5), Float(name="y", low=0, high=1))),
    "wide": Space((Float(name="x", low=1e-200, high=1e200, log=True), Int(name="n", low=-(2**53), high=2**53))),
    "narrow": Space((Float(name="x", low=1.0, high=1.0 + 1e-9), Float(name="y", low=1e12, high=1e12 + 1))),
    "steps": Space((Float(name="x", low=0, high=1, step=0.3), Int(name="n", low=1, high=1000, log=True))),
    "choices": Space((Categorical(name="c", choices=tuple(range(300))), Ordinal(name="o", choices=(True, 1.5, "s")))),
    "deep": Space(
        (
            Categorical(name="a", choices=("p", "q")),
            Int(name="b", low=1, high=9, when=conditions({"a": "q"})),
            Float(name="c", low=0, high=1, when=conditions({"b": {"low": 3}})),
            Float(name="d", low=1e-3, high=1, log=True, when=conditions({"c": {"low": 0.5}, "a": ["q"]})),
        )
    ),
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", NAMES)
def test_odd_spaces_do_not_stop_an_engine(name: str, space: str) -> None:
    study = Study(SPACES[space], (Objective("v"),))
    takes = engine(name).spec.accepts(features_of(study))
    if not takes or (name == "cma-es" and space not in ("wide", "narrow")):
        pytest.skip("the engine takes no such space")
    design = engine("random").create(study, seed=2).suggest(12)
    _goes_on(name, study, [Trial(n, s.parameters, values={"v": float((7 * n) % 12)}) for n, s in enumerate(design)])


@pytest.mark.parametrize("name", ["gp", "config", "trust-region", "tpe", "auto"])
def test_where_no_trial_is_feasible_suggestions_go_on(name: str) -> None:
    study = Study(CUBE, (Objective("v"),), (OutcomeConstraint("c", "<=", -1e9),))
    if not engine(name).spec.accepts(features_of(study)):
        pytest.skip("the engine takes no constraints")
    design = engine("random").create(study, seed=2).suggest(14)
    trials = [
        Trial(n, s.parameters, "infeasible" if n % 2 else "complete", values={"v": 1.0}, constraints={"c": 1e9 * n})
        for n, s in enumerate(design)
    ]
    _goes_on(name, study, trials)


def _goes_on(name: str, study: Study, trials: list[Trial]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advisor = engine(name).create(study, seed=3)
        advisor.update(Observations(tuple(trials)))
        asked = advisor.suggest(2)
    assert len(asked) == 2
    known = [dict(trial.parameters) for trial in trials]
    for suggestion in asked:
        study.space.check(suggestion.parameters)
        assert dict(suggestion.parameters) not in known
        json.dumps(suggestion.to_json(), allow_nan=False)
    assert dict(asked[0].parameters) != dict(asked[1].parameters)
