"""Problems whose marginals are free: unbalanced, semi-relaxed, partial; and points without weight in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.numerics.reduction import best_level
from solvers.transport.problem import Transport
from solvers.transport.select import choose

VARIANTS: tuple[dict[str, Any], ...] = (
    {"variant": "unbalanced", "strength": 0.3},
    {"variant": "unbalanced", "strength_a": 0.1, "strength_b": 5.0},
    {"variant": "unbalanced", "strength": 0.3, "divergence": "tv"},
    {"variant": "semi-relaxed", "strength": 0.2},
    {"variant": "semi-relaxed", "strength": 0.2, "divergence": "tv"},
    {"variant": "partial", "mass": 0.4},
    {"variant": "partial", "mass": 0.9},
)


def _certified(problem: Transport, **options: Any) -> TransportAnswer:
    """Of the engine that auto chooses, after Kantor's check."""
    specs = [registry.load("transport", name).spec for name in registry.names("transport")]
    engine = registry.load("transport", choose(problem, options, specs).engine)
    answer, _ = certify(problem, engine.solve(problem, options, LocalContext()), options)
    return answer


@pytest.mark.parametrize("fields", VARIANTS)
@pytest.mark.parametrize("epsilon", [0.5, 1e-2, 1e-3])
def test_newton_closes_the_gap_of_every_variant_and_agrees_with_sweeps(fields: dict[str, Any], epsilon: float) -> None:
    r = np.random.default_rng(4)
    x, y = r.random((30, 2)), r.random((20, 2)) + 0.2
    problem = Transport.build(x, y, a=r.random(30) / 10.0, b=r.random(20) / 8.0, regularization=epsilon, **fields)
    answer = _certified(problem)
    assert answer.engine == "sinkhorn-newton"
    assert answer.status == "optimal"
    assert answer.objective_gap is not None
    assert answer.objective_gap < 1e-8
    if epsilon >= 1e-2:
        sweeps = registry.load("transport", "sinkhorn").solve(problem, {}, LocalContext())
        assert answer.objective == pytest.approx(sweeps.objective, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("strength", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("totals", [(1.0, 1.0), (700.0, 1.0), (1.0, 700.0)])
def test_masses_and_penalties_of_very_different_size_do_not_stop_newton(
    strength: float, totals: tuple[float, float]
) -> None:
    r = np.random.default_rng(5)
    M, a, b = r.random((25, 18)), r.random(25), r.random(18)
    for variant in ("unbalanced", "semi-relaxed"):
        sides = {"a": a * (totals[0] / a.sum()), "b": b * (totals[1] / b.sum())}
        problem = Transport.build(M=M, **sides, variant=variant, strength=strength, regularization=0.02)
        assert _certified(problem).status == "optimal", variant
        plain = Transport.build(M=M, **sides, variant=variant, strength=strength)
        assert _certified(plain, tolerance=1e-4).status == "optimal", variant


def test_partial_transport_of_integer_points_is_proved_optimal_although_its_basis_is_degenerate() -> None:
    r = np.random.default_rng(43)
    for _ in range(10):
        x, y = r.integers(0, 5, (20, 1)), r.integers(0, 5, (14, 1))
        problem = Transport.build(x, y, cost="l1", variant="partial", mass=float(r.uniform(0.1, 1.0)))
        assert _certified(problem).status == "optimal"


def test_the_level_of_partial_transport_is_the_best_of_all() -> None:
    r = np.random.default_rng(6)
    b, g = r.random(9), r.normal(size=9)
    mass = 0.3 * float(b.sum())
    level, value = best_level(b, g, mass)
    values = [b @ np.minimum(g - v, 0.0) + v * mass for v in np.linspace(g.min() - 1.0, g.max() + 1.0, 5001)]
    assert value >= max(values) - 1e-12
    assert level in g


@pytest.mark.parametrize("variant", ["unbalanced", "semi-relaxed"])
def test_total_variation_may_make_mass_where_there_is_none_and_the_check_agrees(variant: str) -> None:
    """Against the linear program with its made and lost masses as variables."""
    r = np.random.default_rng(7)
    n, m, t = 7, 6, 0.4
    M, a, b = r.random((n, m)) * 0.2, r.random(n), r.random(m)
    b[[1, 4]] = 0.0
    M[:, [1, 4]] *= 0.01  # the cheapest targets have no weight
    problem = Transport.build(M=M, a=a, b=b, variant=variant, divergence="tv", strength=t)
    soft = variant == "unbalanced"
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    zeros = np.zeros
    system = np.block(
        [
            [rows, soft * np.eye(n), -soft * np.eye(n), zeros((n, 2 * m))],
            [columns, zeros((m, 2 * n)), np.eye(m), -np.eye(m)],
        ]
    )
    best = linprog(np.concatenate([M.ravel(), np.full(2 * (n + m), t)]), A_eq=system, b_eq=np.concatenate([a, b])).fun
    answer = _certified(problem)
    assert answer.status == "optimal"
    assert answer.cost == pytest.approx(best, rel=1e-9)
    assert answer.plan is not None
