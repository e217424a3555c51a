"""Very many trials: engines that keep pace."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.studies.engines import tpe
from solvers.studies.engines.auto import choose
from solvers.studies.observations import Observations, Trial
from solvers.studies.study import Study


def test_auto_leaves_models_where_many_quick_evaluators_want_more_than_they_can_give() -> None:
    def chosen(count: int, cost: float | None, running: int) -> str:
        points = [{"x": k / 1000, "y": (k * 7 % 11) / 11} for k in range(1, count + running + 1)]
        done = [Trial(k, point, values={"f": point["x"]}, cost=cost) for k, point in enumerate(points[:count], 1)]
        held = [Trial(k, point, "pending") for k, point in enumerate(points[count:], count + 1)]
        return choose(Study.from_json(QUICK), Observations((*done, *held)))[0]

    assert chosen(300, 0.2, 50) == "tpe"
    assert chosen(300, 0.2, 1) == "gp", "one evaluator that takes 0.2 s waits gladly"
    assert chosen(300, 20.0, 50) == "gp"
    assert chosen(100, 0.0, 50) == "gp", "few trials are no trouble"
    assert chosen(300, None, 50) == "gp"


def test_binned_densities_are_those_of_all_trials() -> None:
    column = np.random.default_rng(0).beta(2, 5, size=4000)
    centres, widths, weights = tpe._kernels(column, 0)
    exact = np.append(column, 0.5), np.append(np.full(4000, widths[0]), 1.0), np.full(4001, 1 / 4001)
    x = np.linspace(0.0, 1.0, 101)

    assert len(centres) < 600
    assert tpe._log_density(x, centres, widths, weights) == pytest.approx(tpe._log_density(x, *exact), abs=0.01)


QUICK = {
    "space": {"parameters": [{"name": name, "type": "float", "low": 0, "high": 1} for name in "xy"]},
    "objectives": [{"name": "f", "goal": "min"}],
}
