"""Stopping rules on curves and studies whose right answer is plain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from solvers.studies.analysis.fitted import Fitted
from solvers.studies.observations import Observations, Trial
from solvers.studies.stopping.studies import expected_gain, regret_bound
from solvers.studies.stopping.trials import extrapolate, learning_curve, median, successive_halving
from solvers.studies.study import Objective
from tests.solvers.studies.problems import BRANIN, optimize, random_trials

LOSS = Objective("loss")


def running(number: int, values: list[float]) -> Trial:
    return Trial(number, {}, "pending", curves={"loss": tuple((float(i + 1), v) for i, v in enumerate(values))})


OTHERS = [running(i, [1.0 + 0.1 * i, 0.8 + 0.1 * i, 0.6 + 0.1 * i]) for i in range(6)]


def test_the_median_rule_stops_the_worse_half() -> None:
    assert median(running(9, [2.0, 1.9]), OTHERS, LOSS).stop
    assert not median(running(9, [1.0, 0.9]), OTHERS, LOSS).stop
    assert not median(running(9, [2.0, 1.9]), OTHERS, LOSS, grace=3).stop
    assert not median(running(9, [2.0, 1.9]), OTHERS[:3], LOSS).stop
    assert median(running(9, [math.nan]), [], LOSS).stop


def test_a_maximised_objective_turns_the_rules_around() -> None:
    score = Objective("loss", "max")
    assert median(running(9, [0.1, 0.2]), OTHERS, score).stop
    assert not median(running(9, [2.0, 1.9]), OTHERS, score).stop
    assert not successive_halving(running(9, [9.0]), OTHERS, score).stop


def test_successive_halving_lets_a_third_go_on() -> None:
    verdicts = [
        successive_halving(trial, [o for o in OTHERS if o is not trial], LOSS, first=1, factor=3).stop
        for trial in OTHERS
    ]
    assert verdicts == [False, False, True, True, True, True]
    assert not successive_halving(running(9, [50.0]), [], LOSS).stop


def test_a_power_law_is_extrapolated_to_its_end() -> None:
    rng = np.random.default_rng(0)
    steps = np.arange(1, 31)
    truth = 0.2 + 1.5 * steps**-0.7
    curve = list(zip(steps.tolist(), (truth + 0.005 * rng.standard_normal(30)).tolist(), strict=True))
    mean, std = extrapolate(curve, 200.0)
    assert mean == pytest.approx(0.2 + 1.5 * 200**-0.7, abs=3 * std)
    assert std < 0.1


def test_a_hopeless_curve_is_stopped_and_a_promising_one_not() -> None:
    done = [Trial(0, {}, values={"loss": 0.3})]
    steps = np.arange(1, 21)
    hopeless = running(1, (0.6 + steps**-1.0).tolist())
    promising = running(2, (0.1 + steps**-0.8).tolist())
    assert learning_curve(hopeless, done, LOSS, horizon=100).stop
    assert not learning_curve(promising, done, LOSS, horizon=100).stop
    assert not learning_curve(running(3, [5.0, 5.0]), done, LOSS, horizon=100).stop


def test_a_study_is_stopped_when_it_has_converged_and_not_before() -> None:
    early = Fitted.of(BRANIN.study, Observations(random_trials(BRANIN, 10)))
    late = Fitted.of(BRANIN.study, Observations(tuple(optimize("gp", BRANIN, 40))))
    assert not expected_gain(early).stop
    assert expected_gain(late).stop
    assert not regret_bound(early, tolerance=0.1).stop
    assert expected_gain(early, cost=1e6, worth=1.0).stop
    bound = regret_bound(late, tolerance=1e9)
    assert bound.stop
    assert bound.evidence["bound"] < regret_bound(early, tolerance=1.0).evidence["bound"]
