"""What every engine of studies must do, whatever its method."""

from __future__ import annotations

import json

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidOption, InvalidProblem, UnsupportedProblem
from solvers.studies.engine import Step, Suggestion
from solvers.studies.engines.features import features_of
from solvers.studies.observations import Comparison, Observations, Trial
from solvers.studies.parameters import Categorical, Float, Int
from solvers.studies.space import Space
from solvers.studies.study import Objective, Study
from tests.solvers.studies.problems import BRANIN, CONSTRAINED, MIXED, TWO, Problem, engine, random_trials

NAMES = registry.names("study")
PAIRS = [
    (name, problem)
    for name in NAMES
    for problem in (BRANIN, MIXED, CONSTRAINED, TWO)
    if engine(name).spec.accepts(features_of(problem.study))
]


def points(suggestions: list[Suggestion]) -> list[str]:
    return [json.dumps(dict(s.parameters), sort_keys=True) for s in suggestions]


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_suggestions_are_valid_different_and_explained(name: str, problem: Problem) -> None:
    for count in (0, 15):
        advisor = engine(name).create(problem.study, seed=3)
        advisor.update(Observations(random_trials(problem, count)))
        asked = advisor.suggest(4)
        assert len(set(points(asked))) == 4
        for suggestion in asked:
            problem.study.space.check(suggestion.parameters)
            assert problem.study.space.feasible(suggestion.parameters)
            assert suggestion.why["text"]
            assert suggestion.why["method"]
            json.dumps(suggestion.to_json(), allow_nan=False)


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_an_engine_rebuilt_from_json_suggests_the_same(name: str, problem: Problem) -> None:
    trials = random_trials(problem, 14)
    pending = Trial(14, random_trials(problem, 15)[14].parameters, "pending")
    step = Step(problem.study, Observations((*trials, pending)), 2, seed=5)
    again = Step.from_json(json.loads(json.dumps(step.to_json())))
    assert again == step
    first = engine(name).solve(step, {}, LocalContext())
    second = engine(name).solve(again, {}, LocalContext())
    assert first.to_json() == second.to_json()
    advisor = engine(name).create(problem.study, seed=5)
    advisor.update(Observations(trials[:5]))
    advisor.suggest(1)
    advisor.update(step.observations)
    assert points(advisor.suggest(2)) == points(list(first.suggestions))


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_failed_infeasible_stopped_and_nan_trials_do_not_stop_an_engine(name: str, problem: Problem) -> None:
    some = random_trials(problem, 16)
    names = problem.study.names
    odd = (
        Trial(16, some[0].parameters, "failed", reason="out of memory"),
        Trial(17, some[1].parameters, "infeasible"),
        Trial(18, some[2].parameters, "stopped", curves=dict.fromkeys(names, ((1.0, 3.0), (2.0, 2.5)))),
        Trial(19, some[3].parameters, "complete", values={n: float("nan") for n in names}),
    )
    moved = tuple(Trial(t.number, t.parameters, t.state, t.values, t.constraints) for t in some[4:])
    advisor = engine(name).create(problem.study, seed=1)
    advisor.update(Observations((*moved, *odd)))
    assert len(advisor.suggest(2)) == 2
    advisor.update(Observations(odd[:2]))
    assert len(advisor.suggest(2)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_finite_space_is_used_up_once_and_then_said_to_be(name: str) -> None:
    space = Space((Int(name="i", low=0, high=3), Categorical(name="c", choices=("x", "y"))))
    study = Study(space, (Objective("y"),), trials=8)
    if not engine(name).spec.accepts(features_of(study)) or name in ("cma-es", "ranking"):
        pytest.skip("the engine takes no such space")
    advisor = engine(name).create(study, seed=0)
    done: list[Trial] = []
    for _ in range(8):
        advisor.update(Observations(tuple(done)))
        point = dict(advisor.suggest(1)[0].parameters)
        assert point not in [dict(trial.parameters) for trial in done]
        done.append(Trial(len(done), point, values={"y": float(point["i"]) + (point["c"] == "x")}))
    advisor.update(Observations(tuple(done)))
    assert advisor.suggest(1) == []
    finding = advisor.finding()
    assert finding is not None
    assert finding.kind == "exhausted"


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("gradient-free",)])
def test_fixed_values_are_kept(name: str) -> None:
    advisor = engine(name).create(BRANIN.study, seed=0)
    advisor.update(Observations(random_trials(BRANIN, 20)))
    assert all(s.parameters["x1"] == 7.25 for s in advisor.suggest(3, {"x1": 7.25}))


def test_fixed_values_are_kept_to_the_last_digit() -> None:
    for value in (0.001, 0.1, 0.7):
        advisor = engine("gp").create(MIXED.study, seed=0)
        advisor.update(Observations(random_trials(MIXED, 12)))
        assert advisor.suggest(1, {"rate": value})[0].parameters["rate"] == value


def test_guesses_come_first() -> None:
    study = Study(BRANIN.study.space, (Objective("y"),), guesses=({"x0": 3.0, "x1": 2.0},))
    for name in ("gp", "tpe", "quasi-random", "auto"):
        advisor = engine(name).create(study)
        first = advisor.suggest(2)
        assert first[0].parameters == {"x0": 3.0, "x1": 2.0}
        assert first[0].why["method"] == "guess"


def test_engines_that_compare_follow_the_comparisons() -> None:
    """The hidden optimum is at (0.2, 0.7); people only say which is nearer."""
    space = Space((Float(name="x0", low=0.0, high=1.0), Float(name="x1", low=0.0, high=1.0)))
    study = Study(space, ())
    for name, rounds in (("preference", 8), ("ranking", 25)):
        advisor = engine(name).create(study, seed=2)
        trials: list[Trial] = []
        comparisons: list[Comparison] = []
        for _ in range(rounds):
            advisor.update(Observations(tuple(trials), tuple(comparisons)))
            new = [Trial(len(trials) + i, dict(s.parameters)) for i, s in enumerate(advisor.suggest(4))]
            trials += new
            shown = sorted(new if name == "ranking" else trials, key=_distance)
            comparisons.append(Comparison(tuple(t.number for t in shown[:2]), tuple(t.number for t in shown[2:])))
        last = np.mean([_distance(trial) for trial in trials[-4:]])
        best = min(_distance(trial) for trial in trials)
        assert best < 0.05, (name, best)
        assert name == "preference" or last < 0.35  # an engine that explores need not end near


def _distance(trial: Trial) -> float:
    return float(np.hypot(float(trial.parameters["x0"]) - 0.2, float(trial.parameters["x1"]) - 0.7))


def test_unknown_options_and_unfit_studies_are_refused_with_words() -> None:
    with pytest.raises(InvalidOption, match="no option"):
        engine("gp").create(BRANIN.study, {"initia": 3})
    with pytest.raises(UnsupportedProblem):
        engine("cma-es").create(MIXED.study)
    with pytest.raises(UnsupportedProblem):
        engine("trust-region").create(TWO.study)
    for name in ("gp", "tpe", "grid", "quasi-random"):
        with pytest.raises(UnsupportedProblem, match="comparisons"):
            engine(name).create(Study(BRANIN.study.space, ()))
    with pytest.raises(InvalidProblem, match="between 1 and 10000"):
        Step(BRANIN.study, count=0)
    with pytest.raises(InvalidProblem) as caught:
        Step(BRANIN.study, fixed={"x0": 99.0})
    assert caught.value.pointer == "/fixed/x0"
