"""Improvement, hypervolume and feasibility against arbitrary precision, brute force and finite differences."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from solvers.studies.acquisition.composite import LogImprovement
from solvers.studies.acquisition.hypervolume import (
    boxes,
    hypervolume,
    log_expected_hypervolume_improvement,
    nondominated,
)
from solvers.studies.acquisition.improvement import (
    expected_improvement,
    log_expected_improvement,
    log_h_slope,
    log_probability,
)
from solvers.studies.acquisition.maximise import Effort, maximise, whole_region
from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.observations import Observations
from solvers.studies.outcomes import collect
from solvers.studies.parameters import Ordinal
from solvers.studies.sampling import sobol
from solvers.studies.space import Space
from tests.solvers.studies.problems import BRANIN, CONSTRAINED, MIXED, TWO, random_trials

Z = (-2e5, -1e4, -60.0, -49.0, -12.0, -1.001, -0.999, 0.0, 0.7, 9.0)


def exact_h(z: float) -> mpmath.mpf:
    with mpmath.workdps(60):
        return mpmath.npdf(z) + mpmath.mpf(z) * mpmath.erfc(-mpmath.mpf(z) / mpmath.sqrt(2)) / 2


@pytest.mark.parametrize("z", [z for z in Z if z > -100])
def test_log_h_is_exact_to_nine_digits(z: float) -> None:
    value, slope = log_h_slope(np.array([z]))
    with mpmath.workdps(60):
        assert float(value[0]) == pytest.approx(float(mpmath.log(exact_h(z))), rel=1e-9, abs=1e-12)
        assert float(slope[0]) == pytest.approx(float(mpmath.ncdf(mpmath.mpf(z)) / exact_h(z)), rel=1e-6)


def test_log_h_stays_finite_and_increasing_where_improvement_underflows() -> None:
    value, slope = log_h_slope(np.array(Z))
    assert np.all(np.isfinite(value))
    assert np.all(np.diff(value) > 0)
    assert np.all(slope > 0)
    assert slope[0] == pytest.approx(2e5, rel=1e-3)


def test_expected_improvement_is_the_mean_of_the_improvement() -> None:
    """Against numerical integration in arbitrary precision."""
    for mean, std, target in ((0.3, 0.5, 0.1), (2.0, 0.4, 0.0), (-1.0, 0.2, 0.5)):
        exact = mpmath.quad(
            lambda f, mean=mean, std=std, target=target: (target - f) * mpmath.npdf(f, mean, std),
            [min(target, mean) - 12 * std, target],
        )
        found = expected_improvement(np.array([mean]), np.array([std]), target)[0]
        assert found == pytest.approx(float(exact), rel=1e-8)


def test_derivatives_of_log_improvement_and_log_probability() -> None:
    mean, std = np.array([0.3, 2.0, -1.0, 30.0]), np.array([0.5, 0.4, 0.2, 0.7])
    for function in (log_expected_improvement, log_probability):
        _, by_mean, by_std = function(mean, std, 0.1)
        step = 1e-6
        numeric = (function(mean + step, std, 0.1)[0] - function(mean - step, std, 0.1)[0]) / (2 * step)
        assert by_mean == pytest.approx(numeric, rel=1e-5)
        numeric = (function(mean, std + step, 0.1)[0] - function(mean, std - step, 0.1)[0]) / (2 * step)
        assert by_std == pytest.approx(numeric, rel=1e-5, abs=1e-9)


def test_probability_of_improvement_is_the_normal_distribution_function() -> None:
    value = log_probability(np.array([1.0]), np.array([0.5]), 0.2)[0][0]
    assert value == pytest.approx(float(mpmath.log(mpmath.ncdf((0.2 - 1.0) / 0.5))), rel=1e-12)


@pytest.mark.parametrize("objectives", [2, 3])
def test_hypervolume_and_boxes_agree_with_counting_points(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    values = rng.random((12, objectives))
    reference = np.full(objectives, 0.9)
    sample = rng.random((40_000, objectives)) * 0.9
    dominated = np.zeros(len(sample), dtype=bool)
    for row in values:
        dominated |= np.all(row <= sample, axis=1)
    assert hypervolume(values, reference) == pytest.approx(0.9**objectives * dominated.mean(), abs=0.01)
    lows, highs = boxes(values, reference)
    inside = np.zeros(len(sample), dtype=int)
    for low, high in zip(lows, highs, strict=True):
        inside += np.all((low <= sample) & (sample < high), axis=1)
    assert np.array_equal(inside, (~dominated).astype(int))  # a partition: each in exactly one box


def test_the_front_is_what_pairwise_comparison_says() -> None:
    values = np.random.default_rng(0).integers(0, 6, (40, 3)).astype(float)
    expected = [not any(np.all(other <= row) and np.any(other < row) for other in values) for row in values]
    assert list(nondominated(values)) == expected


@pytest.mark.parametrize("objectives", [2, 3])
def test_expected_hypervolume_improvement_is_the_mean_over_samples(objectives: int) -> None:
    rng = np.random.default_rng(5)
    front = rng.random((6, objectives))
    reference = np.full(objectives, 1.1)
    mean, std = rng.random((1, objectives)) * 0.8, 0.1 + 0.2 * rng.random((1, objectives))
    before = hypervolume(front, reference)
    draws = mean + std * rng.standard_normal((1000, objectives))
    gains = np.array([hypervolume(np.vstack([front, draw]), reference) - before for draw in draws])
    value = log_expected_hypervolume_improvement(mean, std, *boxes(front, reference))[0]
    assert float(np.exp(value[0])) == pytest.approx(gains.mean(), abs=4 * gains.std() / np.sqrt(len(gains)))


def test_derivatives_of_expected_hypervolume_improvement() -> None:
    rng = np.random.default_rng(6)
    corners = boxes(rng.random((6, 2)), np.full(2, 1.1))
    mean, std = np.vstack([rng.random((3, 2)), [[4.0, 5.0]]]), 0.1 + 0.2 * rng.random((4, 2))
    _, by_mean, by_std = log_expected_hypervolume_improvement(mean, std, *corners)
    for k in range(2):
        step = np.zeros(2)
        step[k] = 1e-6
        high = log_expected_hypervolume_improvement(mean + step, std, *corners)[0]
        low = log_expected_hypervolume_improvement(mean - step, std, *corners)[0]
        assert by_mean[:, k] == pytest.approx((high - low) / 2e-6, rel=1e-4)
        high = log_expected_hypervolume_improvement(mean, std + step, *corners)[0]
        low = log_expected_hypervolume_improvement(mean, std - step, *corners)[0]
        assert by_std[:, k] == pytest.approx((high - low) / 2e-6, rel=1e-4)


@pytest.mark.parametrize("doubt", [1.0, 4.0])
@pytest.mark.parametrize("problem", [BRANIN, CONSTRAINED, TWO, MIXED])
def test_the_slopes_of_a_studys_acquisition_are_its_derivatives(problem: object, doubt: float) -> None:
    study = problem.study  # type: ignore[attr-defined]
    encoding = Encoding(study.space)
    outcomes = collect(study, encoding, Observations(random_trials(problem, 12)))  # type: ignore[arg-type]
    surrogate = Surrogate.of(study, encoding, outcomes)
    common = (encoding, surrogate.objectives, surrogate.slacks, surrogate.limits)
    if len(study.objectives) == 1:
        acquisition = LogImprovement(*common, target=float(np.median(outcomes.y)))
    else:
        acquisition = LogImprovement.beyond(*common, outcomes.y, outcomes.y.max(axis=0) + 0.1)
    acquisition = replace(acquisition, doubt=doubt)
    rows = encoding.complete(0.02 + 0.96 * sobol(encoding, 6, 3))
    value, slope = acquisition.slopes(rows)
    assert value == pytest.approx(acquisition.values(rows), rel=1e-7)
    for k, column in enumerate(encoding.smooth):
        if encoding.levels[column]:
            continue
        high, low = rows.copy(), rows.copy()
        high[:, column] += 1e-5  # logarithms are large far from what is likely: shorter steps see their rounding
        low[:, column] -= 1e-5
        numeric = (acquisition.values(high) - acquisition.values(low)) / 2e-5
        assert slope[:, k] == pytest.approx(numeric, rel=5e-3, abs=1e-4)


def test_the_search_finds_the_best_of_a_whole_finite_space() -> None:
    """The best value of all rows of the mixed space with its numbers made coarse, by brute force."""
    study = MIXED.study
    encoding = Encoding(study.space)
    outcomes = collect(study, encoding, Observations(random_trials(MIXED, 15)))
    surrogate = Surrogate.of(study, encoding, outcomes)
    acquisition = LogImprovement(encoding, surrogate.objectives, target=float(outcomes.y.min()) - 0.1)
    region = whole_region(encoding, {}, frozenset())
    found = maximise(acquisition, encoding, region, sobol(encoding, 256, 1), Effort())
    dense = encoding.complete(sobol(encoding, 8192, 2))
    dense = dense[region.admit(encoding, dense)]
    assert found[0][1] >= acquisition.values(dense).max() - 1e-6


class Valley:
    """Of two columns of ten levels: only both together may rise."""

    def values(self, rows: Array) -> Array:
        levels = np.floor(rows * 10)
        return np.asarray(levels.sum(axis=1) - 5 * np.abs(levels[:, 0] - levels[:, 1]))

    def slopes(self, rows: Array) -> tuple[Array, Array]:
        return self.values(rows), np.zeros((len(rows), 0))


def test_levels_that_must_change_together_are_changed_together() -> None:
    space = Space(tuple(Ordinal(name=name, choices=tuple(range(10))) for name in "ab"))
    encoding = Encoding(space)
    region = whole_region(encoding, {}, frozenset())
    found = maximise(Valley(), encoding, region, np.array([[0.05, 0.05]]), Effort())
    assert encoding.point(found[0][0]) == {"a": 9, "b": 9}
    taken = frozenset(encoding.keys(np.array([[0.95, 0.95]])))
    found = maximise(Valley(), encoding, replace(region, taken=taken), np.array([[0.05, 0.05]]), Effort())
    assert encoding.point(found[0][0]) == {"a": 8, "b": 8}
