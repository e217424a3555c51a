"""Known answers of refinement, bounds, batch tests, bandits and populations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidProblem
from solvers.schedules import batch, population
from solvers.schedules.bandit import ChebCB, TsallisInf, probabilities
from solvers.schedules.curves import compress, values
from solvers.schedules.engine import ENGINE, Task
from solvers.schedules.refine import bound, refine, refined, sharp_bound, smooth

T = 1000


def linear(t: int = T) -> np.ndarray:
    return np.arange(t - 1, -1, -1) / (t - 1)


@pytest.mark.parametrize("norm", ["l2", "l1"])
@pytest.mark.parametrize("g", [1e-3, 1.0, 70.0])
def test_constant_norms_give_exactly_linear_decay(norm: str, g: float) -> None:
    assert refined(np.full(T, g), norm) == pytest.approx(linear(), abs=1e-12)  # type: ignore[arg-type]


def test_large_early_norms_give_a_warm_up_and_small_late_ones_a_plateau() -> None:
    early = np.where(np.arange(T) < 100, 5.0, 1.0)
    late = np.where(np.arange(T) > 700, 0.3, 1.0)

    assert refined(early)[0] < 0.1
    assert np.argmax(refined(early)) == 100
    assert np.argmax(refined(late)) > 700


def test_norms_that_vanish_at_the_end_weigh_less_than_by_the_theory_and_those_of_a_warm_up_do_not() -> None:
    steps = np.arange(T, dtype=float)
    vanishing = np.geomspace(1.0, 0.05, T)
    warm = np.where(steps < 200, 9.0, 1.0)
    found = refine([(steps, vanishing)], T, tau=0.01)
    theory = refine([(steps, vanishing)], T, tau=0.01, power=2.0)

    assert found.power == pytest.approx(math.log(2) / math.log(found.norms[T // 2] / 0.058), rel=0.02)
    assert np.sum(found.curve[:500]) > 0.6 * np.sum(found.curve[500:])
    assert np.sum(theory.curve[:500]) < 0.15 * np.sum(theory.curve[500:])
    assert refine([(steps, warm)], T).power == 2.0
    assert refine([(steps, warm)], T).curve[0] < 0.1
    assert refine([(steps, vanishing)], T, power=0.0).curve == pytest.approx(linear(), abs=1e-12)


def test_the_bound_of_linear_decay_is_the_known_one_and_that_of_a_constant_has_a_logarithm() -> None:
    g = np.full(T, 3.0)

    assert bound(linear(), g) == pytest.approx(2 * 3.0 / math.sqrt(T), rel=0.01)
    assert bound(np.ones(T), g) > 1.4 * bound(linear(), g)
    assert sharp_bound(g) == pytest.approx(3.0 / math.sqrt(T))


def test_the_bound_is_that_of_the_theorem_by_its_plain_sums() -> None:
    rng = np.random.default_rng(0)
    eta, g = rng.random(30) + 0.1, rng.random(30) + 0.5

    def plain(c: float) -> float:
        e = c * eta
        total = 1 / (2 * e.sum()) + (e**2 * g**2).sum() / (2 * e.sum())
        for k in range(29):
            total += 0.5 * e[k] / e[k + 1 :].sum() / e[k:].sum() * (e[k:] ** 2 * g[k:] ** 2).sum()
        return float(total)

    least = min(plain(c) for c in np.geomspace(0.02, 1, 800))
    assert bound(eta, g) == pytest.approx(least, rel=1e-4)


def test_the_refined_schedule_has_a_smaller_bound_than_linear_decay_for_the_norms_it_was_made_of() -> None:
    rng = np.random.default_rng(1)
    norms = np.exp(0.3 * rng.normal(size=T)) * np.linspace(4.0, 1.0, T)

    found = refine([(np.arange(T, dtype=float), norms)], T, before=linear())

    assert found.before is not None
    assert found.after < found.before
    assert found.curve[-1] == 0
    assert found.curve.max() == 1


def test_scales_of_runs_do_not_matter_and_spikes_are_filtered() -> None:
    steps = np.arange(T, dtype=float)
    norms = np.full(T, 2.0)
    spiky = norms.copy()
    spiky[5::37] = 500.0

    assert refine([(steps, norms), (steps, 1000 * norms)], T).curve == pytest.approx(linear(), abs=1e-9)
    assert refine([(steps, spiky)], T).curve == pytest.approx(linear(), abs=1e-9)
    assert smooth(spiky, 0.1)[1] == 101


def test_runs_that_say_too_little_are_refused() -> None:
    with pytest.raises(InvalidProblem, match="10 are needed"):
        refine([(np.arange(20.0), np.full(20, np.nan))], 20)
    with pytest.raises(InvalidProblem, match="second half"):
        refine([(np.arange(100.0), np.ones(100))], 1000)


def test_a_curve_is_kept_by_few_knots() -> None:
    steps = np.arange(10_000.0)
    cosine = 0.5 * (1 + np.cos(np.pi * steps / 9_999))

    knots = compress(steps, cosine)

    assert len(knots) < 40
    assert np.abs(values(knots, steps) - cosine).max() <= 1e-3
    assert compress(steps, np.ones(10_000)) == [(0.0, 1.0), (9_999.0, 1.0)]


def test_the_norm_test_asks_for_the_batch_at_which_noise_is_a_share_of_the_gradient() -> None:
    assert batch.norm_test(variance=100.0, norm=2.0, eta=0.5) == pytest.approx(100.0)
    assert batch.inner_product_test(variance=32.0, norm=2.0, theta=0.5) == pytest.approx(8.0)
    assert batch.inner_product_test(32.0, 2.0, 0.5, orthogonal=4 * 100 * 5.84**2) == pytest.approx(100.0)
    assert [batch.following(64, wanted, 1000) for wanted in (10.0, 100.2, 1e9, math.inf, math.nan)] == [
        64,
        101,
        128,
        128,
        64,
    ]
    assert batch.following(700, 1e9, 1000) == 1000


def test_tsallis_probabilities_are_those_of_the_definition() -> None:
    losses = np.array([0.0, 1.0, 4.0, 4.0])
    p = probabilities(losses, 9)

    assert p.sum() == pytest.approx(1.0)
    # 1/sqrt(p_i) - 1/sqrt(p_j) = eta (L_i - L_j) / 2 for one x
    assert 1 / math.sqrt(p[1]) - 1 / math.sqrt(p[0]) == pytest.approx(2 / 3 / 2, rel=1e-6)
    assert p[2] == pytest.approx(p[3])
    assert probabilities(np.zeros(5), 1) == pytest.approx(np.full(5, 0.2))


def sor_iterations(omega: float, rng: np.random.Generator) -> float:
    """Of SOR on a model problem, with noise: least at 1.6."""
    return 40.0 + 300.0 * (omega - 1.6) ** 2 + rng.normal()


def test_the_bandit_finds_the_best_relaxation_with_little_regret() -> None:
    arms = np.linspace(1.0, 1.9, 10)
    regrets = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        bandit = TsallisInf.of(10)
        total = 0.0
        for _ in range(1000):
            p = bandit.probabilities()
            arm = int(rng.choice(10, p=p))
            cost = sor_iterations(arms[arm], rng)
            bandit.observe(arm, cost, float(p[arm]))
            total += cost - 40.0
            bandit = TsallisInf.of(10, bandit.memory())  # nothing is kept elsewhere
        regrets.append(total / 1000)
        assert np.argmax(bandit.probabilities()) in (5, 6, 7)
    uniform = float(np.mean(300 * (arms - 1.6) ** 2))
    assert max(regrets) < 0.5 * uniform


def test_with_a_context_the_bandit_follows_where_the_best_arm_goes() -> None:
    arms = np.linspace(1.0, 1.9, 7)
    rng = np.random.default_rng(3)
    bandit = ChebCB.of(7, 0.0, 1.0)
    late = []
    for t in range(1500):
        context = rng.random()
        p = bandit.probabilities(context)
        arm = int(rng.choice(7, p=p))
        cost = 20 + 100 * (arms[arm] - 1.1 - 0.7 * context) ** 2
        bandit.observe(arm, cost, context)
        if t > 1000:
            late.append(cost - min(20 + 100 * (arms - 1.1 - 0.7 * context) ** 2))
        if t == 700:
            bandit = ChebCB.of(7, 0.0, 1.0, memory=bandit.memory())
    assert np.mean(late) < 3.0
    assert np.argmin(bandit.costs(0.0)) < np.argmin(bandit.costs(1.0))


def test_the_population_learns_which_values_raise_the_score() -> None:
    rng = np.random.default_rng(0)
    history = []
    for time in range(8):
        for _ in range(5):
            place = rng.random()
            history.append(
                population.Interval(time, place, 0.1 * time, 1 - 4 * (place - 0.3) ** 2 + 0.05 * rng.normal())
            )

    proposed = [population.propose(history, 0.8, 8, [], seed) for seed in range(5)]
    spread = population.propose(history, 0.8, 8, [proposed[0]] * 3, 0)

    assert np.median(np.abs(np.array(proposed) - 0.3)) < 0.15
    assert 0 <= spread <= 1
    assert population.exchanges({1: 0.1, 2: 0.9, 3: 0.5, 4: 0.6}, 0.25, 0) == {1: 2}
    assert population.exchanges({1: 0.1}, 0.25, 0) == {}


def test_a_member_whose_score_is_no_number_takes_over_another() -> None:
    runs = tuple(
        {
            "number": number,
            "state": "running",
            "advice": {"value": 0.5, "path": [[0, 0.5]], "time": 0},
            "final": None,
            "observations": [{"step": 5, "score": 1.0 + number}, {"step": 15, "score": last}],
        }
        for number, last in ((1, 3.0), (2, "NaN"), (3, 5.0), (4, 4.0))
    )
    definition = {"policy": "pb2", "horizon": 100, "interval": 10, "low": 0.0, "high": 1.0, "log": False}
    definition |= {"goal": "max", "quantile": 0.25, "seed": 0}

    advice = ENGINE.solve(Task("advise", definition, runs), {}, LocalContext()).advice

    assert advice[2]["copy_from"] == 3
    assert all("copy_from" not in advice[number] for number in (1, 3, 4))
