"""The bounds of the certificate hold in exact arithmetic, and are tight."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.transport.certificates import certify
from solvers.transport.certificates.bounds import lower_bound
from solvers.transport.certificates.case import case_of
from solvers.transport.certificates.costs import Costs
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport
from tests.solvers.transport.certificates.examples import (
    by_linear_program,
    by_sweeps,
    costs,
    exact_cost,
    exact_optimum,
    low_rank,
    points,
)

CASES = [(seed, size, cost) for seed in range(6) for size in (2, 4) for cost in ("sqeuclidean", "l1")]


@pytest.mark.parametrize(("seed", "size", "cost"), CASES)
def test_cost_and_bound_enclose_the_rational_optimum_within_rounding(seed, size, cost):
    problem, optimum = exact_optimum(seed, size, cost)
    answer, certificate = certify(problem, by_linear_program(problem))
    assert answer.status == "optimal"
    assert certificate.proved
    assert Fraction(answer.bound) <= optimum <= Fraction(answer.cost)
    assert answer.cost - answer.bound <= 1e-12 * max(1.0, answer.cost)


@pytest.mark.parametrize(("seed", "size", "cost"), CASES[::3])
def test_the_enclosure_holds_for_plans_and_potentials_that_are_off(seed, size, cost):
    problem, optimum = exact_optimum(seed, size, cost)
    good = by_linear_program(problem)
    random = np.random.default_rng(seed)
    for amount in (1e-12, 1e-6, 1e-2, 1.0):
        noise = sp.csr_array(amount * random.random((size, size)))
        answer, _ = certify(
            problem,
            replace(
                good,
                status="feasible",
                bound=None,
                plan=SparsePlan(sp.csr_array(good.plan.matrix + noise)),
                f=good.f + amount * random.normal(size=size),
                g=good.g - amount * random.normal(size=size),
            ),
        )
        assert Fraction(answer.bound) <= optimum <= Fraction(answer.cost)
        assert answer.cost - answer.bound <= 100 * amount + 1e-11


@pytest.mark.parametrize("d", [1, 2, 3, 20])
def test_potentials_of_a_bound_are_feasible_in_rational_numbers(d):
    """Where both transforms meet, f_i + g_j equals the cost but for rounding: half of them would be above."""
    for seed in range(8):
        x, y = points(7, 9, d, seed)
        problem = Transport.build(x, y + 3.0)
        found = lower_bound(case_of(problem, 0.0), np.random.default_rng(seed).normal(size=7) * 10.0**seed, None)
        for i in range(7):
            for j in range(9):
                assert Fraction(float(found.f[i])) + Fraction(float(found.g[j])) <= exact_cost(problem, i, j)


@pytest.mark.parametrize("seed", range(4))
def test_marginals_that_are_off_by_rounding_are_paid_for(seed):
    """A little less mass, or a little of it on cheaper ways, would else cost less than the optimum."""
    problem, optimum = exact_optimum(seed, 4, "sqeuclidean")
    good = by_linear_program(problem)
    dense = good.plan.matrix.toarray()
    M = costs(problem)
    cheaper = dense.copy()
    row = int(np.argmax((dense * M).sum(axis=1) / 0.25 - M.min(axis=1)))
    cheaper[row, np.argmax(dense[row])] -= 2e-12
    cheaper[row, np.argmin(M[row])] += 2e-12
    for plan in (dense * (1.0 - 2e-12), cheaper, cheaper.T.copy().T):
        answer, _ = certify(problem, replace(good, cost=None, plan=SparsePlan(sp.csr_array(plan))))
        assert Fraction(answer.cost) >= optimum
        assert answer.cost <= float(optimum) + 1e-9


@pytest.mark.parametrize("cost", ["sqeuclidean", "euclidean", "l1", "lp", "cosine"])
@pytest.mark.parametrize("d", [1, 3, 40])
def test_costs_of_tiles_and_of_entries_are_right_within_their_stated_errors(cost, d):
    x, y = points(300, 40, d, 3)
    x, y = x + 100.0, y + 100.0  # far from the origin, where products cancel
    found = Costs(cost, x, y, p=1.5)
    rows, columns = np.divmod(np.arange(300 * 40), 40)
    single, error = found.entries(rows, columns)
    dense = np.zeros((300, 40))
    for r, c, tile in found.tiles():
        dense[r, c] = tile
    exact = costs(Transport.build(x.astype(np.longdouble), y.astype(np.longdouble), cost=cost, p=1.5))
    allowed = exact * found.relative + found.row_error[:, None] + found.column_error + 1e-14 * exact + 1e-15
    assert (np.abs(dense - exact) <= allowed).all()
    assert (np.abs(single - exact.ravel()) <= error + 1e-14 * exact.ravel() + 1e-15).all()


def test_the_product_form_states_its_error():
    """In rational arithmetic, where longdouble could not tell."""
    x, y = points(6, 5, 20, 1)
    problem = Transport.build(x + 50.0, y + 50.0)
    found = Costs("sqeuclidean", problem.x, problem.y)
    tile = found.tile(slice(0, 6), slice(0, 5))
    for i in range(6):
        for j in range(5):
            off = abs(Fraction(float(tile[i, j])) - exact_cost(problem, i, j))
            assert off <= Fraction(found.row_error[i]) + Fraction(found.column_error[j])


def test_rows_and_columns_beyond_one_tile_are_all_seen():
    x, y = points(600, 4200, 2, 5)
    answer, certificate = certify(Transport.build(x, y), low_rank(Transport.build(x, y)))
    assert certificate.verified
    M = costs(Transport.build(x, y))
    assert answer.cost == pytest.approx(M.mean(), rel=1e-11)
    nearest = M.min(axis=0)
    assert answer.bound >= nearest.mean() - 1e-9


@pytest.mark.parametrize("cost", ["sqeuclidean", "l1", "euclidean", "lp"])
def test_a_line_is_bounded_without_its_pairs(cost, monkeypatch):
    """The same bound as by all pairs, and potentials that no pair contradicts, in rational numbers."""
    random = np.random.default_rng(4)
    x, y = np.round(random.normal(size=40), 1), random.normal(size=31) * 3.0
    a, b = random.random(40) ** 3, random.random(31)
    a[[0, 3]] = 0.0
    problem = Transport.build(x, y, a=a, b=b, normalize=True, cost=cost, p=1.5)
    claimed = by_linear_program(problem)
    by_pairs, _ = certify(problem, claimed)
    monkeypatch.setattr("solvers.transport.certificates.line.PAIRS", 0)
    answer, certificate = certify(problem, replace(claimed, f=None, g=None))
    assert certificate.proved
    assert answer.bound == pytest.approx(by_pairs.bound, rel=1e-12)
    if cost in ("sqeuclidean", "l1"):
        case = case_of(problem, 0.0)
        found = lower_bound(case, None, None)
        for i, row in enumerate(case.rows):
            for j in range(31):
                assert Fraction(float(found.f[i])) + Fraction(float(found.g[j])) <= exact_cost(problem, int(row), j)


def test_zero_weights_neither_bind_nor_bear_anything():
    x, y = points(8, 9, 2, 6)
    a, b = np.ones(8) / 6, np.ones(9) / 7
    a[[0, 5]], b[[1, 8]] = 0.0, 0.0
    whole = Transport.build(np.vstack([x, [[1e3, 1e3]]]), y, a=np.append(a, 0.0), b=b)
    answer, certificate = certify(whole, by_linear_program(whole))
    part = Transport.build(x[a > 0], y[b > 0], a=a[a > 0], b=b[b > 0])
    assert certificate.proved
    assert answer.cost == pytest.approx(by_linear_program(part).cost, rel=1e-12)


def test_repair_is_cheap_and_keeps_a_plan_sparse():
    x, y = points(60, 70, 2, 7)
    problem = Transport.build(x, y)
    good = by_linear_program(problem)
    keep = np.random.default_rng(1).random(good.plan.matrix.nnz) > 0.05
    matrix = good.plan.matrix.copy()
    matrix.data = matrix.data * keep
    answer, _ = certify(problem, replace(good, status="feasible", plan=SparsePlan(matrix)))
    assert np.abs(answer.plan.matrix.sum(axis=1) - problem.a).max() < 1e-13
    assert np.abs(answer.plan.matrix.sum(axis=0) - problem.b).max() < 1e-13
    assert answer.plan.matrix.nnz <= good.plan.matrix.nnz + 130
    lost = 1.0 - matrix.sum()
    assert good.cost <= answer.cost <= good.cost + 2 * lost * costs(problem).mean()


def test_an_approximate_entropic_plan_is_repaired_to_a_bound():
    x, y = points(40, 50, 2, 8)
    problem = Transport.build(x, y)
    optimum = by_linear_program(problem).cost
    rough = by_sweeps(problem, 0.05, sweeps=200)
    answer, certificate = certify(problem, replace(rough, status="feasible", objective=None, cost=None))
    assert "marginals" in {check.name for check in certificate.failures}
    assert answer.bound <= optimum <= answer.cost
    assert answer.cost - answer.bound < 0.5 * optimum
