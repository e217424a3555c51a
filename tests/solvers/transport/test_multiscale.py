"""Cells of points: certified gaps without looking at every pair."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import UnsupportedProblem
from solvers.transport.certificates import certify
from solvers.transport.certificates.case import case_of
from solvers.transport.certificates.nearest import feasible_potentials
from solvers.transport.engines.multiscale import joined
from solvers.transport.numerics.transform import transform
from solvers.transport.numerics.watch import Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport
from solvers.transport.select import choose

ENGINE = registry.load("transport", "multiscale")


@pytest.mark.parametrize("d", [2, 3])
def test_the_gap_encloses_the_exact_cost_and_falls_with_more_cells(d: int) -> None:
    r = np.random.default_rng(d)
    x, y = r.random((1500, d)), 0.4 * r.standard_normal((1300, d)) + 1.0
    a = r.random(1500)
    a[:20] = 0.0
    problem = Transport.build(x, y, a=a, normalize=True)
    exact = registry.load("transport", "network-simplex").solve(problem, {}, LocalContext())
    gaps = []
    for cells in (64, 512):
        answer = ENGINE.solve(problem, {"cells": cells, "tolerance": 1e-6}, LocalContext())
        settled, certificate = certify(problem, answer, {"tolerance": 1e-6})
        assert certificate.verified
        assert settled.bound is not None
        assert settled.cost is not None
        assert settled.bound <= exact.cost * (1 + 1e-12)
        assert exact.cost <= settled.cost * (1 + 1e-12)
        gaps.append(settled.gap)
    assert gaps[1] < 0.5 * gaps[0]
    assert gaps[1] < 0.05


def test_a_translation_is_solved_exactly_at_any_scale() -> None:
    """The optimal map of a translation moves every cell as a whole."""
    r = np.random.default_rng(1)
    x = r.random((2000, 2))
    shift = np.array([3.0, -1.0])
    answer = ENGINE.solve(Transport.build(x, x + shift), {"cells": 256, "tolerance": 1e-3}, LocalContext())
    assert answer.status == "optimal"
    assert answer.cost == pytest.approx(10.0, rel=1e-3)


def test_thousands_of_points_in_the_plane_are_certified_without_a_matrix() -> None:
    r = np.random.default_rng(2)
    problem = Transport.build(r.random((8_000, 2)), r.random((7_000, 2)) * 0.5 + 1.0)
    specs = [registry.load("transport", name).spec for name in registry.names("transport")]
    options = {"tolerance": 1e-2}
    assert choose(problem, options, specs).engine == "multiscale"
    answer, certificate = certify(problem, ENGINE.solve(problem, options, LocalContext()), options)
    assert answer.status == "optimal"
    assert certificate.verified
    assert isinstance(answer.plan, SparsePlan)
    assert answer.plan.matrix.nnz < 3 * (problem.n + problem.m)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_potentials_by_groups_are_feasible_to_the_last_digit(offset: float, scale: float) -> None:
    r = np.random.default_rng(3)
    for d in (1, 2, 3):
        x, y = (r.random((60, d)) + offset) * scale, (r.random((40, d)) + offset) * scale
        case = case_of(Transport.build(x, y), 0.0)
        f, g = feasible_potentials(case, r.normal(size=60) * scale**2)
        wide_x, wide_y = x.astype(np.longdouble), y.astype(np.longdouble)
        M = ((wide_x[:, None] - wide_y[None]) ** 2).sum(axis=2)
        assert (f[:, None].astype(np.longdouble) + g <= M).all()
        assert float(((M - g).min(axis=1) - f).max()) <= 1e-7 * scale**2


@pytest.mark.parametrize("shape", ["flat", "steep", "duplicates", "one point"])
def test_the_search_in_tiles_finds_the_least_of_all_pairs(shape: str) -> None:
    r = np.random.default_rng(5)
    watch = Watch(LocalContext())
    for d in (1, 2, 3):
        x, y = r.random((900, d)), r.random((700, d)) * (1e-3 if shape == "flat" else 1.0)
        if shape == "duplicates":
            x, y = np.round(3 * x), np.round(3 * y)
        if shape == "one point":
            y = y[:1]
        f = (x**2).sum(axis=1) + 1e-9 * r.normal(size=900) if shape == "flat" else r.normal(size=900)
        least = (((x[:, None] - y[None]) ** 2).sum(axis=2) - f[:, None]).min(axis=0)
        np.testing.assert_allclose(transform(x, f, y, watch), least, rtol=0, atol=1e-13)
        proved = feasible_potentials(case_of(Transport.build(x, y), 0.0), f)[1]
        assert (proved <= least + 1e-15).all()
        np.testing.assert_allclose(proved, least, rtol=0, atol=1e-10)


def test_points_are_joined_within_their_pairs_of_cells() -> None:
    r = np.random.default_rng(4)
    a, b = r.random(9), r.random(8)
    b *= a.sum() / b.sum()
    rows, columns = np.array([a[:4].sum(), a[4:].sum()]), np.array([b[:3].sum(), b[3:].sum()])
    both = min(rows[0], columns[0]) * 0.6
    pairs = np.array([both, rows[0] - both, columns[0] - both, rows[1] - columns[0] + both])
    i, j, mass = joined(a, b, pairs, np.arange(4), np.array([0, 2, 1, 3]))
    plan = np.zeros((9, 8))
    np.add.at(plan, (i, j), mass)
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-12)
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=1e-12)
    assert plan[:4, :3].sum() == pytest.approx(both)


def test_without_a_tolerance_the_best_gap_is_said_and_nothing_is_claimed() -> None:
    r = np.random.default_rng(6)
    problem = Transport.build(r.random((1000, 2)), r.random((900, 2)) ** 2)
    answer, certificate = certify(problem, ENGINE.solve(problem, {"cells": 128}, LocalContext()), {})
    assert answer.status == "feasible"
    assert answer.statistics["cells"] == 128
    assert certificate.verified


def test_what_cannot_end_in_time_is_refused_with_the_estimate() -> None:
    specs = [registry.load("transport", name).spec for name in registry.names("transport")]
    wide = Transport.build(np.zeros((100_000, 64)), np.ones((100_000, 64)))
    with pytest.raises(UnsupportedProblem, match="about 408 s, the limit is 60 s"):
        choose(wide, {"time_limit": 60.0, "tolerance": 1e-2}, specs)
    assert choose(wide, {"tolerance": 1e-2}, specs).engine == "sinkhorn-newton"
    flat = Transport.build(np.zeros((100_000, 2)), np.ones((100_000, 2)))
    assert choose(flat, {"time_limit": 60.0, "tolerance": 1e-4}, specs).engine == "multiscale"


def test_other_costs_and_dimensions_are_refused() -> None:
    with pytest.raises(UnsupportedProblem):
        ENGINE.solve(Transport.build(np.zeros((3, 4)), np.ones((3, 4))), {}, LocalContext())
    with pytest.raises(UnsupportedProblem):
        ENGINE.solve(Transport.build(np.zeros((3, 2)), np.ones((3, 2)), cost="l1"), {}, LocalContext())
