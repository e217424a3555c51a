"""From a state of the iteration to an answer: a plan with repaired marginals, primal and dual values, potentials of
all nodes.

Rounding after Altschuler, Weed, Rigollet (2017), algorithm 2: columns that carry too much are scaled down, and what is
then missing is spread as a rank-one plan. Dual values: the entropic dual at (f, g); for the unregularized problem the
hard c-transform ``f_i = min_j M_ij - g_j``, which is always feasible.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.marginals import CappedTotal, TotalVariation
from solvers.transport.numerics.passes import Passes, State, exponential
from solvers.transport.numerics.setup import Setup
from solvers.transport.plan import PotentialPlan, SparsePlan
from solvers.transport.problem import Transport

#: A repair of less than this share of the mass changes the regularized value by its first-order term, up to this share
#: of the spread of costs.
SMALL_REST = 1e-10

#: A gap of this share of the spread of costs, for each unit of mass, is rounding.
ROUNDING = 1e-12

#: The same of penalties.
PENALTY_ROUNDING = 1e-14

#: Rounding of potentials that is felt, and the largest plan (in entries) that is then given entry by entry.
UNIT, BLUR, EXPLICIT = 2.0**-53, 1e-11, 1_000_000


def evaluate(setup: Setup, passes: Passes, state: State, *, regularized: bool) -> dict[str, Any]:
    """The numerical fields of a TransportAnswer: cost, bound, objective and its bound (where ``regularized``), plan,
    f, g, marginal_error. Costs one pass, two where the state keeps no plan; polls no stop."""
    a, b, epsilon, geometry = passes.a, passes.b, state.epsilon, setup.geometry
    partial = isinstance(passes.columns, CappedTotal)
    shrink = torch.ones_like(b)
    if passes.exact or partial:
        shrink = (b / state.columns.clamp_min(1e-290)).clamp(max=1.0)
    if isinstance(passes.columns, CappedTotal):
        total = float(torch.dot(shrink, state.columns))
        shrink *= min(1.0, passes.columns.mass / total)
    missing_b = (b - shrink * state.columns).clamp_min(0.0) if passes.exact or partial else torch.zeros_like(b)
    h = state.g / epsilon + passes.log_b + shrink.log()
    feasible_g = _bounded(passes, state.g)
    cost = missing_cost = 0.0
    row_sums = torch.empty_like(a)
    c_transform = torch.empty_like(a)
    for rows in geometry.tiles():
        tile = geometry.tile(rows)
        if state.P is not None:
            P, scale = state.P[rows], shrink
        else:
            exponents = torch.add(h, tile, alpha=-1.0 / epsilon).add_(state.f[rows, None] / epsilon)
            P, scale = exponential(exponents).mul_(a[rows, None]), torch.ones_like(b)
        row_sums[rows] = P @ scale
        cost += float(((P * tile) @ scale).sum())
        c_transform[rows] = (tile - feasible_g).amin(1)
        missing = (a[rows] - row_sums[rows]).clamp_min(0.0)
        missing_cost += float(torch.dot(missing, tile @ missing_b))
    missing_a = (a - row_sums).clamp_min(0.0) if passes.exact or partial else torch.zeros_like(a)
    left_a, left_b = float(missing_a.sum()), float(missing_b.sum())
    share = 0.0
    if left_a > 0.0 and left_b > 0.0:
        wanted = left_b
        if isinstance(passes.columns, CappedTotal):
            wanted = max(0.0, passes.columns.mass - float(row_sums.sum()))
        share = wanted / (left_a * left_b)
    kept_cost, cost = cost, cost + share * missing_cost
    marginal_a = row_sums + missing_a * (share * left_b)
    marginal_b = shrink * state.columns + missing_b * (share * left_a)
    penalties = passes.rows.penalty(a, marginal_a) + passes.columns.penalty(b, marginal_b)
    bound = passes.rows.dual(a, c_transform) + passes.columns.dual(b, feasible_g)
    found: dict[str, Any] = {
        "cost": setup.scale * (cost + penalties),
        "bound": setup.scale * bound,
        "marginal_error": setup.scale * state.error,
        "epsilon": epsilon,
    }
    if regularized:
        added = share * left_a * left_b
        if added <= SMALL_REST * float(row_sums.sum()):
            divergence = _divergence_without_rest(passes, state, shrink, row_sums, kept_cost)
            if added > 0.0:
                logs = torch.dot(missing_a, state.f) * left_b + left_a * torch.dot(
                    missing_b, state.g + epsilon * shrink.log()
                )
                divergence += share * (float(logs) - missing_cost) / epsilon
        else:
            divergence = _divergence(passes, state, h, missing_a, missing_b * share)
        rate = setup.scale * epsilon
        outside = setup.scale * (setup.scale - 1.0) * epsilon - rate * math.log(setup.scale)
        mass = float(a.sum() * b.sum())
        dual = passes.rows.dual(a, state.f) + passes.columns.dual(b, state.g)
        plan_mass = float(state.columns.sum())
        found["objective"] = found["cost"] + rate * divergence + outside
        found["objective_bound"] = setup.scale * (dual - epsilon * (plan_mass - mass)) + outside
    if "tv-on-zeros" in setup.problem.features:
        found["bound"] = None  # without entropy mass may be made at points that are left out here
    shift = epsilon * math.log(setup.scale)
    f = state.f - shift if regularized else c_transform
    g = state.g if regularized else feasible_g
    found["f"], found["g"] = everywhere(setup, f, g, epsilon if regularized else 0.0)
    plan_f, plan_g = everywhere(setup, state.f - shift, state.g + epsilon * shrink.log(), epsilon)
    rest = [np.zeros(setup.problem.n), np.zeros(setup.problem.m)]
    sides = [(setup.rows, missing_a * setup.scale), (setup.columns, missing_b * share)]
    for k, (kept, values) in enumerate(reversed(sides) if setup.flipped else sides):
        rest[k][kept] = values.cpu().numpy()
    found["plan"] = PotentialPlan(plan_f, plan_g, epsilon, rest[0], rest[1])
    if state.P is not None and passes.exact and state.P.numel() <= EXPLICIT and _blurred(passes, state):
        found["plan"] = _entries(setup, state.P * shrink + missing_a[:, None] * (missing_b * share))
    return found


def _blurred(passes: Passes, state: State) -> bool:
    """Potentials are so large that their last digits, in units of epsilon, spoil the marginals of the plan they
    describe."""
    largest = float(state.f.abs().max() + state.g.abs().max()) + passes.geometry.spread()
    return largest * UNIT > BLUR * state.epsilon


def _entries(setup: Setup, P: torch.Tensor) -> SparsePlan:
    """The plan (rows and columns of the geometry) entry by entry, in the problem's own order."""
    kept = sp.coo_array(P.cpu().numpy() * setup.scale)
    row, column = setup.rows[kept.coords[0]], setup.columns[kept.coords[1]]
    places = (column, row) if setup.flipped else (row, column)
    matrix = sp.csr_array(sp.coo_array((kept.data, places), shape=(setup.problem.n, setup.problem.m)))
    matrix.sort_indices()
    return SparsePlan(matrix)


def better(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Of two results of ``evaluate`` (the first may be empty) the cheaper plan, and the potentials of the higher
    bound."""
    if not one:
        return other
    primal = other if other["cost"] <= one["cost"] else one
    dual = other if other["bound"] >= one["bound"] else one
    return {**primal, "bound": dual["bound"], "f": dual["f"], "g": dual["g"]}


def close(found: dict[str, Any], setup: Setup, tolerance: float) -> bool:
    """True if cost and bound are within ``tolerance`` of each other, relatively, or within what rounding leaves of the
    largest costs and of penalties (an optimum of 0 has no relative gap)."""
    gap = found["cost"] - found["bound"]
    rounding = ROUNDING * setup.geometry.spread() * setup.scale * float(setup.a.sum())
    rounding += penalty_rounding(setup.problem)
    return bool(gap <= tolerance * max(abs(found["cost"]), abs(found["bound"])) or gap <= rounding)


def penalty_rounding(problem: Transport) -> float:
    """What rounding leaves of penalties: small differences of masses, times their strengths."""
    sides = ((problem.strength_a, problem.a), (problem.strength_b, problem.b))
    return sum(PENALTY_ROUNDING * strength * float(one.sum()) for strength, one in sides if math.isfinite(strength))


def _bounded(passes: Passes, g: torch.Tensor) -> torch.Tensor:
    """g lowered so far that no c-transform falls below ``-tau`` of a total variation."""
    if not isinstance(passes.rows, TotalVariation):
        return g
    lowest = torch.full_like(g, math.inf)
    for rows in passes.geometry.tiles():
        lowest = torch.minimum(lowest, passes.geometry.tile(rows).amin(0))
    return torch.minimum(g, passes.rows.tau + lowest)


def _divergence_without_rest(
    passes: Passes, state: State, shrink: torch.Tensor, row_sums: torch.Tensor, cost: float
) -> float:
    """``KL(P | a b')`` of the shrunk plan, of which all sums are known: its logarithms are sums of potentials and
    costs."""
    columns = shrink * state.columns
    logs = torch.dot(row_sums, state.f) + torch.dot(columns, state.g + state.epsilon * shrink.log())
    mass = float(passes.a.sum() * passes.b.sum())
    return (float(logs) - cost) / state.epsilon - float(row_sums.sum()) + mass


def _divergence(
    passes: Passes, state: State, h: torch.Tensor, missing_a: torch.Tensor, missing_b: torch.Tensor
) -> float:
    """``KL(P | a b')`` of the repaired plan."""
    total = 0.0
    geometry, epsilon = passes.geometry, state.epsilon
    for rows in geometry.tiles():
        logs = torch.add(h - passes.log_b, geometry.tile(rows), alpha=-1.0 / epsilon).add_(
            state.f[rows, None] / epsilon
        )
        product = passes.a[rows, None] * passes.b
        ratio = logs.exp_().add_(missing_a[rows, None] * missing_b / product)
        total += float((product * (torch.xlogy(ratio, ratio) - ratio + 1.0)).sum())
    return total


def everywhere(setup: Setup, f: torch.Tensor, g: torch.Tensor, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Potentials of all nodes in the problem's own order: those without mass get their (soft) c-transform."""
    problem = setup.problem
    first, second = (g, f) if setup.flipped else (f, g)
    kept_a, kept_b = (setup.columns, setup.rows) if setup.flipped else (setup.rows, setup.columns)
    values_a, values_b = first.cpu().numpy(), second.cpu().numpy()
    whole_a = np.empty(problem.n)
    whole_a[kept_a] = values_a
    if len(kept_a) < problem.n:
        empty = np.setdiff1d(np.arange(problem.n), kept_a)
        whole_a[empty] = _transform(problem, empty, kept_b, values_b, problem.b[kept_b], epsilon, transposed=False)
    whole_b = np.empty(problem.m)
    whole_b[kept_b] = values_b
    if len(kept_b) < problem.m:
        empty = np.setdiff1d(np.arange(problem.m), kept_b)
        # against all sources, so that pairs of two empty nodes are feasible too
        weights = np.maximum(problem.a, 0.0)
        whole_b[empty] = _transform(problem, empty, np.arange(problem.n), whole_a, weights, epsilon, transposed=True)
    return whole_a, whole_b


def _transform(
    problem: Any,
    ours: np.ndarray,
    theirs: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    epsilon: float,
    *,
    transposed: bool,
) -> np.ndarray:
    mine, others = (problem.y, problem.x) if transposed else (problem.x, problem.y)
    M = None
    if problem.cost == "matrix":
        M = (problem.M.T if transposed else problem.M)[np.ix_(ours, theirs)]
    geometry = Geometry(
        None if M is not None else mine[ours],
        None if M is not None else others[theirs],
        M,
        problem.cost,
        problem.p,
        device=torch.device("cpu"),
        keep=False,
    )
    potential, found = torch.from_numpy(values), torch.empty(len(ours), dtype=torch.float64)
    logs = torch.from_numpy(weights).log() if epsilon > 0.0 else None
    for rows in geometry.tiles():
        reduced = potential - geometry.tile(rows)
        if logs is None:
            found[rows] = -reduced.amax(1)
        else:
            found[rows] = -epsilon * torch.logsumexp(reduced / epsilon + logs, 1)
    return found.numpy()
