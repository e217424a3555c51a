"""Jacobian descent from many starts at once, for problems without constraints, convex or not.

All points step together: ``x+ = P(x - s J'w)`` with the weights of UPGrad (Quinton, Rey 2024), so that no objective
gets worse to first order; s by Armijo's rule for every objective (Fliege, Svaiter 2000), for each point its own. Then
rounds that fill gaps: between neighbours that are far apart new points start. At the end points that are not
stationary yet are moved by ``min t``, ``f - f(x) <= t`` times the ranges, which betters all objectives at once.

Floor: an iteration is one batched Jacobian (k gradients of all points together) and one small nonnegative least squares
a point, some 0.1 ms; first-order: a point of condition c needs about c log(1/eps) iterations.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.pareto import fronts
from solvers.pareto.answer import ParetoAnswer
from solvers.pareto.ends import ends
from solvers.pareto.engines.upgrad import Direction
from solvers.pareto.problem import Pareto
from solvers.pareto.run import Run
from solvers.pareto.stationarity import residual, weights_at

SPEC = EngineSpec(
    id="jacobian-descent",
    family="pareto",
    version=version("torchjd"),
    title="Jacobian descent",
    summary="Smooth objectives without constraints, convex or not, from many starts.",
    solves=frozenset({"nonconvex", "nonsmooth", "preferences"}),
    capabilities=frozenset({"incumbents-out", "deterministic"}),
    options=(
        Option("starts", "integer", None, "Points that begin; None: as many as are wanted", minimum=1, maximum=10_000),
        Option("start_radius", "float", 1.0, "Spread of starts where bounds are infinite", minimum=0.0),
        Option("descent", "integer", 100, "Steps of each round", minimum=1, maximum=100_000),
        Option("rounds", "integer", 10, "Rounds that fill gaps", minimum=0, maximum=100),
    ),
    process_group="torch",
    # torchjd, which imports torch, is asked for in the registry
    requires=("torch", "moocore"),
    citation="Quinton, Rey, arXiv 2406.16232; Fliege, Svaiter, Math. Methods Oper. Res. 51 (2000) 479-494",
)

ARMIJO = 1e-4
#: Dimensions for which scipy has Sobol's sequence.
SOBOL = 21_201
#: Descent ends at a residual of this share of the gradients: Newton's method, at the end, is faster.
NEAR = 1e-2
#: Steps of points that begin between two of the front.
SHORT = 40
LARGEST, SMALLEST = 1e6, 1e-16
#: Neighbours in objective space that gaps are looked for among.
NEIGHBOURS = 6
#: Once there are points enough, gaps are those that are so many times the mean one.
GAP = 2.0
#: A finished point may be so much worse, relative to the ranges.
ACCEPTED = 1e-7
#: A weight above which a point is stationary for one objective alone.
ALONE = 1.0 - 1e-6


class JacobianDescent:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Pareto, options: Mapping[str, Any], context: Context) -> ParetoAnswer:
        run = Run(SPEC, problem, options, context)
        X = _starts(run)
        leanings = problem.preferences
        if leanings is None:
            # each point leans to other objectives, else all would follow the steepest one to the same end
            leanings = np.maximum(run.random.permutation(fronts.directions(problem.k, X.shape[0]))[: X.shape[0]], 1e-3)
        X = _descend(run, X, leanings, "descent")
        if problem.preferences is not None:
            # one point for each, in their order
            X = _finished(run, X)
            run.add(X, phase="finish")
            return run.answer()
        run.add(X, phase="descent")
        corners = ends(run) if problem.smooth else None
        if corners is not None:
            run.add(*corners, phase="ends")
        for _ in range(run["rounds"]):
            between = _gaps(run)
            if not between.shape[0] or run.over():
                break
            run.add(_descend(run, between, None, "gaps"), phase="gaps")
        if run.limit is None and run.X.shape[0]:
            useful = np.flatnonzero(fronts.worthwhile(run.values_of))
            keep = useful[fronts.spread(run.values_of[useful], run.wanted)]
            finished = _finished(run, run.X[keep])
            sound = np.isfinite(problem.oracle.jacobians(finished)).all(axis=(1, 2))
            finished = finished[sound] if sound.any() else finished
            run.X, run.values_of = run.X[:0], run.values_of[:0]
            run.add(finished, phase="finish")
        return run.answer()


def _starts(run: Run) -> np.ndarray:
    """The start itself, and points in the box (Sobol's sequence) or around the start."""
    # it looks at every module that there is, torch among them: not before an engine solves
    from scipy.stats import qmc

    problem = run.problem
    preferences = problem.preferences
    count = preferences.shape[0] if preferences is not None else run["starts"] or run.wanted
    if problem.n <= SOBOL:
        draws = qmc.Sobol(problem.n, rng=run.random).random_base2(max(0, (count - 1).bit_length()))[:count]
    else:
        draws = run.random.random((count, problem.n))
    boxed = np.isfinite(problem.lower) & np.isfinite(problem.upper)
    size = run["start_radius"] * np.maximum(1.0, np.abs(problem.start))
    low = np.where(boxed, problem.lower, problem.start - size)
    high = np.where(boxed, problem.upper, problem.start + size)
    X: np.ndarray = np.clip(low + draws * (high - low), problem.lower, problem.upper)
    X[0] = problem.start
    return X


def _descend(run: Run, X: np.ndarray, preferences: np.ndarray | None, phase: str) -> np.ndarray:
    problem, oracle = run.problem, run.problem.oracle
    direction = Direction(preferences)
    values, J = oracle.values(X), oracle.jacobians(X)
    scale = _scale(values)
    step = np.full(X.shape[0], 1.0)
    alive = np.isfinite(values).all(axis=1) & np.isfinite(J).all(axis=(1, 2))
    for k in range(run["descent"] if phase == "descent" else min(SHORT, run["descent"])):
        if run.over() or not alive.any():
            break
        run.iterations += 1
        moving = np.flatnonzero(alive)
        trial = X.copy()
        drop = np.zeros_like(values)
        for i in moving.tolist():
            d = _safe(problem, direction, X[i], J[i] / scale[:, None], i)
            trial[i] = np.clip(X[i] - step[i] * d, problem.lower, problem.upper)
            drop[i] = J[i] @ (trial[i] - X[i])
        new = oracle.values(trial[moving])
        good = np.isfinite(new).all(axis=1)
        wanted = values[moving] + ARMIJO * np.minimum(drop[moving], 0.0) + 1e-15 * np.abs(values[moving])
        good &= (new <= wanted).all(axis=1)
        moved = np.abs(trial[moving] - X[moving]).max(axis=1) > 1e-15 * np.maximum(1.0, np.abs(X[moving]).max(axis=1))
        good &= moved
        accepted, refused = moving[good], moving[~good]
        if accepted.size:
            slopes = oracle.jacobians(trial[accepted])
            sound = np.isfinite(slopes).all(axis=(1, 2))
            refused = np.concatenate([refused, accepted[~sound]])
            better, good_places = accepted[sound], np.flatnonzero(good)[sound]
            X[better], J[better], values[better] = trial[better], slopes[sound], new[good_places]
            step[better] = np.minimum(2.0 * step[better], LARGEST)
        step[refused] *= 0.25
        alive[refused] &= step[refused] > SMALLEST
        if k % 10 == 9:
            for i in np.flatnonzero(alive).tolist():
                near = NEAR * float(np.linalg.norm(J[i], axis=1).max())
                alive[i] = residual(problem, X[i], J[i]) > max(near, 0.1 * float(run["tolerance"]))
            run.report(phase=phase, moving=int(alive.sum()))
    return X


def _safe(problem: Pareto, direction: Direction, x: np.ndarray, J: np.ndarray, point: int) -> np.ndarray:
    """The direction, with coordinates that bounds block left out of the gradients."""
    at_lower, at_upper = x <= problem.lower, x >= problem.upper
    free = np.ones(x.size, dtype=bool)
    d = np.zeros_like(x)
    for _ in range(3):
        inner = np.where(free, J, 0.0)
        d = direction.weights(inner, point) @ inner
        blocked = free & ((at_lower & (d > 0.0)) | (at_upper & (d < 0.0)))
        if not blocked.any():
            break
        free &= ~blocked
    return d


def _scale(values: np.ndarray) -> np.ndarray:
    """Typical sizes of the objectives, so that their units do not decide the direction."""
    finite = values[np.isfinite(values).all(axis=1)]
    if finite.shape[0] < 2:
        return np.ones(values.shape[1])
    size = finite.std(axis=0)
    return np.asarray(np.where(size > 0.0, size, 1.0))


def _gaps(run: Run) -> np.ndarray:
    """Middles of neighbours on the front that are far apart, the farthest first, as many points as are wanted."""
    X, values = run.X, run.values_of
    if X.shape[0] < 2:
        return X[:0]
    scaled = fronts.normalized(values)
    distances = np.linalg.norm(scaled[:, None, :] - scaled[None, :, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    pairs: dict[tuple[int, int], float] = {}
    if values.shape[1] == 2:
        order = np.argsort(values[:, 0])
        neighbours = list(zip(order[:-1].tolist(), order[1:].tolist(), strict=True))
    else:
        near = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
        neighbours = [(i, j) for i, row in enumerate(near.tolist()) for j in row if np.isfinite(distances[i, j])]
    for i, j in neighbours:
        pairs[min(i, j), max(i, j)] = float(distances[i, j])
    typical = float(np.mean(list(pairs.values())))
    longest = sorted(pairs, key=lambda pair: -pairs[pair])[: run.wanted]
    chosen = [pair for pair in longest if pairs[pair] >= GAP * typical or X.shape[0] < run.wanted]
    if not chosen:
        return X[:0]
    share = run.random.uniform(0.3, 0.7, size=(len(chosen), 1))
    first, second = (X[[pair[k] for pair in chosen]] for k in (0, 1))
    return np.asarray(first + share * (second - first))


def _finished(run: Run, X: np.ndarray) -> np.ndarray:
    """The same points, moved to stationary ones that are better in all objectives where they are not yet."""
    problem, oracle = run.problem, run.problem.oracle
    if not problem.smooth:
        return X
    values, J = oracle.values(X), oracle.jacobians(X)
    finite = np.isfinite(values).all(axis=1)
    spans = values[finite].max(axis=0) - values[finite].min(axis=0) if finite.any() else np.ones(problem.k)
    ranges = np.maximum(1e-9, np.where(spans > 0.0, spans, 1.0))
    result = X.copy()
    for i in range(X.shape[0]):
        if run.over():
            break
        if not finite[i]:
            continue
        weights = weights_at(problem, X[i], J[i])
        # stationary for one objective alone: the others may still improve while that one stands still
        alone = weights > ALONE
        if not alone.any() and residual(problem, X[i], J[i]) <= 0.5 * float(run["tolerance"]):
            continue
        # at the end of a piece of the front all objectives together barely improve: then a weighted sum does
        for scalar in (
            problem.towards(values[i] + 1e-9 * ranges * alone, np.where(alone, 0.0, ranges), X[i], 0.0),
            problem.sum_with(weights, X[i]),
        ):
            found = run.minimum(scalar)
            if found is None:
                continue
            x = np.clip(found[: problem.n], problem.lower, problem.upper)
            new = oracle.values(x[None])[0]
            if not np.isfinite(new).all() or not (new <= values[i] + ACCEPTED * ranges).all():
                continue
            result[i] = x
            if residual(problem, x, oracle.jacobians(x[None])[0]) <= float(run["tolerance"]):
                break
        if i % 5 == 0:
            run.report(phase="finish")
    return result


ENGINE = JacobianDescent()
