"""Transformed outcomes: exact inverses and slopes, chosen where the data call for it, and of use."""

from __future__ import annotations

import math

import numpy as np
import pytest

from solvers.studies.encoding import Encoding
from solvers.studies.gp.surrogate import Surrogate, warped_model
from solvers.studies.gp.warp import Warp, candidate
from solvers.studies.observations import Observations, Trial
from solvers.studies.outcomes import collect
from solvers.studies.parameters import Float
from solvers.studies.space import Space
from solvers.studies.study import Objective, Study

LINE = Space((Float(name="x", low=0, high=1), Float(name="t", low=0, high=1)))


@pytest.mark.parametrize(
    "warp", [Warp(), Warp("log", -1.5, 0.2, 0.7, 1.3), Warp("signed", 0.4, 0.5, 0.0, 2.0)], ids=lambda warp: warp.kind
)
def test_a_warp_is_undone_and_its_slope_is_that_of_finite_differences(warp: Warp) -> None:
    y = np.array([-1.4, -0.5, 0.3, 0.5, 2.0, 40.0])
    z = warp.forward(y)
    assert np.all(np.diff(z) > 0)
    assert warp.inverse(z) == pytest.approx(y)
    step = 1e-6
    assert (warp.forward(y + step) - warp.forward(y - step)) / (2 * step) == pytest.approx(warp.slope(y), rel=1e-5)


def test_the_zero_of_a_slack_does_not_move() -> None:
    slack = np.array([-3.0, -0.1, 0.2, 0.3, 5.0, 80.0, 900.0, 1e4])
    warp = candidate(slack, "signed", 0.0)
    assert warp is not None
    assert warp.forward(np.zeros(1))[0] == 0.0
    assert np.sign(warp.forward(slack)).tolist() == np.sign(slack).tolist()


def test_the_evidence_picks_the_logarithm_for_heavy_tails_only() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((40, 2))
    smooth = np.sin(3 * rows[:, 0]) + rows[:, 1]
    for values, kind in ((smooth, "none"), (np.exp(5 * smooth), "log")):
        y = (values - values.mean()) / values.std()
        assert warped_model(Encoding(LINE), rows, y, "unknown", kind="log")[1].kind == kind


def test_predictions_of_a_warped_model_are_in_the_users_units() -> None:
    rng = np.random.default_rng(1)
    study = Study(LINE, (Objective("v", "max"),))
    points = [{"x": float(a), "t": float(b)} for a, b in rng.random((40, 2))]
    trials = tuple(Trial(n, p, values={"v": -math.exp(6 * p["x"])}) for n, p in enumerate(points))
    encoding = Encoding(LINE)
    outcomes = collect(study, encoding, Observations(trials))
    surrogate = Surrogate.of(study, encoding, outcomes, warped=True)
    assert surrogate.warps[0].kind == "log"
    told = surrogate.predicted(encoding.places([{"x": 0.5, "t": 0.5}])[0])["v"]
    assert told["mean"] == pytest.approx(-math.exp(3), rel=0.1)
    assert 0 < told["std"] < 10
