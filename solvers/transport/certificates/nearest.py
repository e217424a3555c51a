"""Lower bounds for squared distances in low dimension, without looking at every pair.

Wanted is ``g_j <= min_i |x_i - y_j|^2 - f_i``. Guessed from a few likely points, the values G_j are not below that
minimum. With ``h = |x|^2 - f`` and ``k = |y|^2 - G`` a pair (i, j) can only lower G_j where ``h_i + k_j < 2 x_i .
y_j``. Over two groups of neighbours the left side lies above a plane in x plus a plane in y; what is left of the
inequality is bilinear, and its least value over two boxes is at their corners. Groups for which that is positive are
done; in the others every pair is looked at.

All is computed from centred points. No bound, slope times offset, or value of a pair is off by more than ``margin``: it
bounds the roundings of the at most 8 (d + 8) operations that make one, of numbers not above ``sizes + steep``, and what
centring moved. Groups are done from the margin on, and the result is lowered by three of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import UNIT

#: From so many pairs on; below, the general way is as quick. And up to which dimension groups help.
PAIRS = 20_000_000
DIMENSIONS = 3

#: Doubles of an array that is worked on at once.
_CHUNK = 1 << 20

#: Groups in which the first guess is looked for.
_GUESSES = 3


class _Groups(NamedTuple):
    """Neighbours: ``members`` (groups, size) are numbers of points, of which some come twice; ``low`` and ``high``
    (groups, d) enclose their centred places ``at`` (groups, size, d)."""

    members: np.ndarray
    at: np.ndarray
    low: np.ndarray
    high: np.ndarray


def by_groups(case: Case) -> bool:
    """Large, balanced, of low dimension, with squared distances."""
    problem = case.problem
    large = case.costs.n * case.costs.m > PAIRS
    low = problem.cost == "sqeuclidean" and 0 < problem.d <= DIMENSIONS
    return large and low and case.a.fixed and case.b.fixed


def feasible_potentials(
    case: Case, f: np.ndarray, enough: Callable[[np.ndarray, np.ndarray], bool] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Potentials with ``f_i + g_j <= M_ij`` exactly, of which g is the c-transform of the given f, and f then of g; the
    given f if ``enough(f, g)``."""
    problem = case.problem
    assert problem.x is not None
    assert problem.y is not None
    x, y = problem.x[case.rows], problem.y[case.columns]
    centre = y.mean(axis=0)
    moved = 4 * UNIT * float(np.abs(x).max() + np.abs(y).max())
    size = max(12, round(0.1 * max(len(x), len(y)) ** 0.5))
    left, right = _groups(x - centre, size), _groups(y - centre, size)
    g = _transform(f, left, right, moved)
    if enough is not None and enough(f, g):
        return f, g
    return _transform(g, right, left, moved), g


def _transform(potential: np.ndarray, near: _Groups, goal: _Groups, moved: float) -> np.ndarray:
    """Not above the c-transform of the potential; ``moved``: error of a centred coordinate."""
    d = near.at.shape[2]
    reach = float(max(np.abs(group.at).max() for group in (near, goal)))
    h = (near.at**2).sum(axis=2) - potential[near.members]
    p, above = _plane(near, h)
    least = np.full(goal.members.shape, np.inf)
    for guess in _likely(near, above, p, goal).T:
        _compare(least, np.arange(len(guess)), guess, h, near, goal)
    q, beyond = _plane(goal, -least)
    x0, xr = 0.5 * (near.low + near.high), 0.5 * (near.high - near.low)
    y0, yr = 0.5 * (goal.low + goal.high), 0.5 * (goal.high - goal.low)
    steep = float((np.abs(p) * xr).max() + (np.abs(q) * yr).max())
    sizes = 4 * d * reach**2 + float(np.abs(potential).max()) + float(np.abs(least).max())
    margin = 64 * (d + 8) * UNIT * (sizes + steep) + 16 * d * reach * moved
    step = max(1, _CHUNK // len(near.members))
    for first in range(0, len(goal.members), step):
        part = slice(first, first + step)
        left = beyond[part, None] + above - 2.0 * (y0[part] @ x0.T)
        for axis in range(d):
            to_x = (p[:, axis] - 2.0 * y0[part, axis, None]) * xr[:, axis]
            to_y = (q[part, axis, None] - 2.0 * x0[:, axis]) * yr[part, axis, None]
            product = 2.0 * xr[:, axis] * yr[part, axis, None]
            left += np.minimum(-np.abs(to_x + to_y) - product, product - np.abs(to_x - to_y))
        groups, others = np.nonzero(~(left >= margin))
        _compare(least, groups + first, others, h, near, goal)
    result = np.full(int(goal.members.max()) + 1, np.inf)
    np.minimum.at(result, goal.members, least + (goal.at**2).sum(axis=2))
    lowered: np.ndarray = result - 3.0 * margin
    return lowered


def _groups(places: np.ndarray, size: int) -> _Groups:
    """Halved again and again, across the axis in which the whole half is widest."""
    pieces = [np.arange(len(places))]
    while max(len(piece) for piece in pieces) > size:
        halves = []
        for piece in pieces:
            axis = int(np.ptp(places[piece], axis=0).argmax())
            middle = len(piece) // 2
            split = np.argpartition(places[piece, axis], middle)
            halves += [piece[split[:middle]], piece[split[middle:]]]
        pieces = halves
    most = max(len(piece) for piece in pieces)
    members = np.stack([np.resize(piece, most) for piece in pieces])
    at = places[members]
    return _Groups(members, at, at.min(axis=1), at.max(axis=1))


def _plane(groups: _Groups, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes, and heights at the middle of the box such that no value lies below the plane."""
    middle = 0.5 * (groups.low + groups.high)
    offset = groups.at - middle[:, None]
    spread = offset - offset.mean(axis=1)[:, None]
    moments = np.einsum("gsd,gse->gde", spread, spread)
    moments += (1e-9 * np.einsum("gdd->g", moments) + 1e-290)[:, None, None] * np.eye(moments.shape[1])
    slope = np.linalg.solve(moments, np.einsum("gsd,gs->gd", spread, values)[..., None])[..., 0]
    height = (values - np.einsum("gsd,gd->gs", offset, slope)).min(axis=1)
    return slope, height


def _likely(near: _Groups, above: np.ndarray, p: np.ndarray, goal: _Groups) -> np.ndarray:
    """(goals, few) groups where the least values for the middle of a goal may be found."""
    few = min(_GUESSES, len(near.members))
    middle, half = 0.5 * (near.low + near.high), 0.5 * (near.high - near.low)
    y = 0.5 * (goal.low + goal.high)
    step = max(1, _CHUNK // len(near.members))
    found = []
    for first in range(0, len(y), step):
        part = y[first : first + step]
        worth = above - 2.0 * np.einsum("td,sd->ts", part, middle)
        for axis in range(part.shape[1]):
            worth -= np.abs(p[:, axis] - 2.0 * part[:, axis, None]) * half[:, axis]
        found.append(np.argpartition(worth, few - 1, axis=1)[:, :few])
    return np.concatenate(found)


def _compare(
    least: np.ndarray, groups: np.ndarray, others: np.ndarray, h: np.ndarray, near: _Groups, goal: _Groups
) -> None:
    """``least`` lowered by every pair of points of these pairs of groups."""
    step = max(1, _CHUNK // (h.shape[1] * least.shape[1]))
    for first in range(0, len(groups), step):
        group, other = groups[first : first + step], others[first : first + step]
        values = goal.at[group] @ (-2.0 * near.at[other]).transpose(0, 2, 1)
        values += h[other][:, None]
        np.minimum.at(least, group, values.min(axis=2))
