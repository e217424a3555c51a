"""Lower bounds on the unregularized optimum: potentials made feasible by c-transforms, tile by tile.

The c-transform of f is ``g_j = min_i (M_ij - f_i)``, the largest g with ``f_i + g_j <= M_ij`` (Villani 2009, chapter
5); every pair of feasible potentials gives a lower bound by weak duality. What rounding could have added is taken off
again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solvers.transport.certificates.case import Case, Side
from solvers.transport.certificates.costs import UNIT, Costs
from solvers.transport.certificates.line import on_a_line, staircase_potentials
from solvers.transport.certificates.nearest import by_groups, feasible_potentials


@dataclass(frozen=True)
class LowerBound:
    """Attributes:
    value: certainly not above the optimum; -inf if there is none.
    f, g: the feasible potentials that prove it, of the points with weight.
    lowest, highest: bounds on all costs.
    """

    value: float
    f: np.ndarray
    g: np.ndarray
    lowest: float
    highest: float


def lower_bound(case: Case, f: np.ndarray | None, g: np.ndarray | None, claimed: float | None = None) -> LowerBound:
    """The bound that these potentials prove once they are feasible. Any potentials will do, also none: then the bound
    is that of every point's nearest partner."""
    if on_a_line(case):
        return _proved(case, *staircase_potentials(case), 0.0, case.costs.largest)
    if by_groups(case):
        given = np.zeros(case.costs.n) if f is None else usable(f, case.costs.n)

        def proves(f: np.ndarray, g: np.ndarray) -> bool:
            return claimed is not None and case.dual_value(f, g) >= claimed - 1e-10 * abs(claimed)

        return _proved(case, *feasible_potentials(case, given, proves), 0.0, case.costs.largest)
    found = _from_rows(case, usable(f, case.costs.n) if f is not None else _best_response(case, g))
    enough = case.a.fixed and case.b.fixed if claimed is None else found.value >= claimed - 1e-10 * abs(claimed)
    if f is None or g is None or enough:
        return found
    # which one is transformed first matters: where a marginal is free, or far from the optimum
    other = _from_columns(case, usable(g, case.costs.m), found)
    return other if other.value > found.value else found


def transformed(case: Case, f: np.ndarray) -> np.ndarray:
    """g with ``f_i + g_j <= M_ij`` exactly, for this very f: a c-transform, roundings taken off."""
    return feasible_potentials(case, f)[1] if by_groups(case) else _column_transform(case.costs, f)[2]


def _from_rows(case: Case, f: np.ndarray) -> LowerBound:
    f = case.a.clip(f) if case.a.mass is None else f
    lowest, highest, g = _column_transform(case.costs, f)
    g = _limit(case.b, g)
    f = _limit(case.a, _row_transform(case.costs, g))
    return _proved(case, f, g, lowest, highest)


def _from_columns(case: Case, g: np.ndarray, known: LowerBound) -> LowerBound:
    g = case.b.clip(g) if case.b.mass is None else g
    f = _limit(case.a, _row_transform(case.costs, g))
    g = _limit(case.b, _column_transform(case.costs, f)[2])
    return _proved(case, f, g, known.lowest, known.highest)


def _proved(case: Case, f: np.ndarray, g: np.ndarray, lowest: float, highest: float) -> LowerBound:
    f, g = _balance_shift(case, f, g)
    value = -math.inf
    if _allowed(case.a, f) and _allowed(case.b, g) and lowest >= -_cheapest_unit(case):
        value = case.dual_value(f, g)
    return LowerBound(value if math.isfinite(value) else -math.inf, f, g, lowest, highest)


def usable(potential: np.ndarray, size: int) -> np.ndarray:
    """Without infinities, which engines may have for points that they left out."""
    if potential.shape != (size,):
        raise ValueError(f"potentials of shape {potential.shape} for {size} points")
    finite = np.isfinite(potential)
    lowest = potential[finite].min() if finite.any() else 0.0
    return np.where(finite, potential, lowest)


def _best_response(case: Case, g: np.ndarray | None) -> np.ndarray:
    if g is None:
        return np.zeros(case.costs.n)
    return _row_transform(case.costs, case.b.clip(usable(g, case.costs.m)))


def _column_transform(costs: Costs, f: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Bounds on the costs, and g with ``f_i + g_j <= M_ij`` exactly."""
    g = np.full(costs.m, math.inf)
    lowest, highest = math.inf, -math.inf
    raised = f + costs.row_error
    for rows, columns, tile in costs.tiles():
        lowest, highest = min(lowest, float(tile.min())), max(highest, float(tile.max()))
        _lower(costs, tile)
        tile -= raised[rows, None]
        np.minimum(g[columns], tile.min(axis=0), out=g[columns])
    slack = 3 * UNIT * (np.abs(g) + costs.column_error) + UNIT * float(np.abs(raised).max(initial=0.0))
    error = float(costs.row_error.max() + costs.column_error.max())
    margin = (costs.relative + 4 * UNIT) * max(abs(lowest), abs(highest)) + error
    return lowest - margin, highest + margin, g - costs.column_error - slack


def _row_transform(costs: Costs, g: np.ndarray) -> np.ndarray:
    f = np.full(costs.n, math.inf)
    raised = g + costs.column_error
    for rows, columns, tile in costs.tiles():
        _lower(costs, tile)
        tile -= raised[None, columns]
        np.minimum(f[rows], tile.min(axis=1), out=f[rows])
    slack = 3 * UNIT * (np.abs(f) + costs.row_error) + UNIT * float(np.abs(raised).max(initial=0.0))
    result: np.ndarray = f - costs.row_error - slack
    return result


def _lower(costs: Costs, tile: np.ndarray) -> None:
    """In place: not above the true costs, but for the separate errors of rows and columns."""
    if costs.relative:
        tile *= 1.0 - costs.relative - 3 * UNIT


def _limit(side: Side, potential: np.ndarray) -> np.ndarray:
    """Within what the marginal's penalty allows. Raising to the lower limit is allowed: the other potential was
    transformed from one that kept its own limit, and costs are not negative where there is a limit (see
    ``_allowed``)."""
    if side.divergence == "tv" and math.isfinite(side.strength):
        result: np.ndarray = np.clip(potential, -side.strength, side.strength)
        return result
    return potential


def _allowed(side: Side, potential: np.ndarray) -> bool:
    return bool(np.isfinite(potential).all()) and not (
        side.divergence == "tv" and math.isfinite(side.strength) and (potential < -side.strength).any()
    )


def _cheapest_unit(case: Case) -> float:
    """With total variation on both sides, a cost below minus this would be worth moving mass without end."""
    limited = all(side.divergence == "tv" and math.isfinite(side.strength) for side in (case.a, case.b))
    return case.a.strength + case.b.strength if limited else math.inf


def _balance_shift(case: Case, f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With two KL penalties, the constant that moves from f to g so that the bound is largest (Sejourne, Vialard, Peyre
    2022, translation invariance); the sums ``f_i + g_j`` stay, but for a rounding that is taken off."""
    a, b = case.a, case.b
    if a.divergence != "kl" or math.isinf(a.strength) or math.isinf(b.strength):
        return f, g
    left, right = _log_mass(a, f), _log_mass(b, g)
    shift = a.strength * b.strength / (a.strength + b.strength) * (left - right)
    if not math.isfinite(shift):
        return f, g
    moved_f, moved_g = f + shift, g - shift
    off = 2 * UNIT * (np.abs(moved_f).max() + abs(shift)), 2 * UNIT * (np.abs(moved_g).max() + abs(shift))
    return moved_f - off[0], moved_g - off[1]


def _log_mass(side: Side, potential: np.ndarray) -> float:
    exponents = -potential / side.strength + np.log(side.weights)
    top = float(exponents.max())
    return top + math.log(float(np.exp(exponents - top).sum()))
