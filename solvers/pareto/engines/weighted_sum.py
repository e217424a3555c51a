"""Weighted sums, each minimized by an engine of one level: for convex problems all of the front, proved.

Two objectives: after both ends, the two neighbours that are farthest apart give the next weights, the normal of the
line through them (Aneja, Nair 1979), until there are points enough or lines are facets. More objectives: weights on a
simplex lattice, scaled by the ranges. With preferences these are the weights.

Floor: one problem of one level a point; near points begin at their neighbours.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec
from solvers.pareto import fronts
from solvers.pareto.answer import ParetoAnswer
from solvers.pareto.ends import ends
from solvers.pareto.problem import Pareto
from solvers.pareto.run import Run

SPEC = EngineSpec(
    id="weighted-sum",
    family="pareto",
    version="1",
    title="Weighted sums",
    summary="Convex problems, proved point by point; preferences for any problem.",
    solves=frozenset({"constraints", "nonconvex", "preferences"}),
    capabilities=frozenset({"incumbents-out", "deterministic"}),
    process_group="torch",
    requires=("torch", "moocore"),
    citation="Aneja, Nair, Management Science 25 (1979) 73-78",
)

#: A new point that is nearer to the line through its neighbours than this share of the ranges shows a facet.
FACET = 1e-7


class WeightedSum:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Pareto, options: Mapping[str, Any], context: Context) -> ParetoAnswer:
        run = Run(SPEC, problem, options, context)
        if problem.preferences is not None:
            _by_weights(run, problem.preferences, problem.start)
            return run.answer()
        corners = ends(run)
        if corners is None:
            return run.answer("no point was found that satisfies the constraints")
        X, values = corners
        run.add(X, values, phase="ends")
        if problem.k == 2:
            _between(run, X, values)
        else:
            spans = np.maximum(values.max(axis=0) - values.min(axis=0), 1e-9)
            lattice = fronts.directions(problem.k, run.wanted) / spans
            lattice = np.maximum(lattice, 1e-6 * lattice.max(axis=1, keepdims=True))
            _by_weights(run, lattice, X.mean(axis=0))
        return run.answer()


def _by_weights(run: Run, weights: np.ndarray, start: np.ndarray) -> None:
    for row in weights:
        if run.over():
            break
        run.iterations += 1
        x = run.minimum(run.problem.sum_with(row / row.sum(), start))
        if x is not None and run.feasible(x):
            run.add(x[None], phase="weights")
            start = x


def _between(run: Run, X: np.ndarray, values: np.ndarray) -> None:
    """Two objectives: refine the longest segment until there are points enough."""
    spans = np.maximum(np.abs(values[0] - values[-1]), 1e-300)
    known = {0: (X[0], values[0]), 1: (X[-1], values[-1])}
    heap: list[tuple[float, int, int]] = [(-float(np.sqrt(2.0)), 0, 1)]
    while heap and len(known) < run.wanted and not run.over():
        _, i, j = heapq.heappop(heap)
        (xi, fi), (xj, fj) = known[i], known[j]
        weights = np.array([abs(fj[1] - fi[1]) / spans[1] / spans[0], abs(fi[0] - fj[0]) / spans[0] / spans[1]])
        if not (weights > 0.0).all():
            continue
        run.iterations += 1
        weights /= weights.sum()
        x = run.minimum(run.problem.sum_with(weights, 0.5 * (xi + xj)))
        if x is None or not run.feasible(x):
            continue
        f = run.problem.oracle.values(x[None])[0]
        gain = float(weights @ (fi - f)) / float(weights @ spans)
        if gain <= FACET:
            continue
        number = len(known)
        known[number] = (x, f)
        run.add(x[None], f[None], phase="weights")
        for a, b in ((i, number), (number, j)):
            length = float(np.linalg.norm((known[a][1] - known[b][1]) / spans))
            heapq.heappush(heap, (-length, a, b))


ENGINE = WeightedSum()
