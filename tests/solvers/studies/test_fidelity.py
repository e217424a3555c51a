"""Several fidelities: cheap trials are used and bounded, results are full ones."""

from __future__ import annotations

import numpy as np

from solvers.studies.encoding import Encoding
from solvers.studies.engines.fidelity import Fidelities
from solvers.studies.observations import Observations, Trial
from solvers.studies.outcomes import collect
from solvers.studies.parameters import Fidelity, Float
from solvers.studies.space import Space
from solvers.studies.study import Objective, Study
from tests.solvers.studies.problems import engine

SPACE = Space((Float(name="x", low=0, high=1), Fidelity(name="epochs", low=1, high=50, whole=True)))
STUDY = Study(SPACE, (Objective("loss"),))


def _loss(point: dict[str, float]) -> float:
    return (point["x"] - 0.37) ** 2 + (0.2 + 0.1 * point["x"]) / point["epochs"]


def _cost(point: dict[str, float]) -> float:
    return point["epochs"] / 50


def test_cheap_trials_are_made_but_cost_no_more_than_full_ones_and_one_more() -> None:
    trials: list[Trial] = []
    for number in range(24):
        advisor = engine("gp").create(STUDY, seed=2)
        advisor.update(Observations(tuple(trials)))
        point = dict(advisor.suggest(1)[0].parameters)
        SPACE.check(point)
        trials.append(Trial(number, point, values={"loss": _loss(point)}))  # type: ignore[arg-type]
        cheap = sum(_cost(t.parameters) for t in trials if t.parameters["epochs"] < 50)  # type: ignore[arg-type]
        full = sum(t.parameters["epochs"] == 50 for t in trials)
        assert cheap <= full + 1 + 0.6, "the next trial may have been chosen just before the turn"
    assert 4 <= sum(t.parameters["epochs"] == 50 for t in trials) <= 20
    best = min(t.values["loss"] for t in trials if t.parameters["epochs"] == 50)
    assert best < _loss({"x": 0.37, "epochs": 50}) + 1e-3


def test_a_fidelity_that_the_user_fixes_stays() -> None:
    advisor = engine("gp").create(STUDY, seed=2)
    advisor.update(Observations())
    assert {s.parameters["epochs"] for s in advisor.suggest(5, {"epochs": 7})} == {7}


def test_costs_are_learnt_from_the_trials_own() -> None:
    encoding = Encoding(SPACE)
    trials = tuple(
        Trial(n, {"x": n / 9, "epochs": e}, values={"loss": 1.0 + n}, cost=3.0 * e**2)
        for n, e in enumerate((1, 5, 10, 25, 50, 2))
    )
    fidelities = Fidelities.of(encoding, collect(STUDY, encoding, Observations(trials)), {})
    rows = encoding.places([{"x": 0.5, "epochs": 50}, {"x": 0.5, "epochs": 25}])
    assert np.allclose(fidelities.cost(rows), [1.0, 0.25], rtol=0.02)
