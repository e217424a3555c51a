"""Normal boundary intersection: points evenly spread over any front, with constraints, convex or not.

From each point of the simplex between the objectives' ends, ``min t`` such that ``f(x) <= origin + t direction`` with
the ranges as direction (Das, Dennis 1998, in the form of Pascoletti, Serafini 1984, whose inequalities exclude
dominated points); solved by an engine of one level from the nearest point so far. The multipliers are weights
of a sum that the point minimizes where the problem is convex, which is how it is proved.

Floor: one problem of one level with k more constraints a point.
"""

from __future__ import annotations

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
    id="boundary",
    family="pareto",
    version="1",
    title="Normal boundary intersection",
    summary="Evenly spread points on any smooth front, with constraints.",
    solves=frozenset({"constraints", "nonconvex"}),
    capabilities=frozenset({"incumbents-out", "deterministic"}),
    process_group="torch",
    requires=("torch", "moocore"),
    citation="Das, Dennis, SIAM J. Optim. 8 (1998) 631-657",
)


class Boundary:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Pareto, options: Mapping[str, Any], context: Context) -> ParetoAnswer:
        run = Run(SPEC, problem, options, context)
        corners = ends(run)
        if corners is None:
            return run.answer("no point was found that satisfies the constraints")
        X, values = corners
        run.add(X, values, phase="ends")
        spans = np.maximum(values.max(axis=0) - values.min(axis=0), 1e-9)
        done: set[tuple[float, ...]] = set()
        for _ in range(2):
            missing = run.wanted - run.X.shape[0]
            if missing <= 0 or run.over():
                break
            for share in fronts.directions(problem.k, run.wanted + missing * len(done)):
                if run.over() or run.X.shape[0] >= 2 * run.wanted:
                    break
                key = tuple(np.round(share, 9))
                if key in done or share.max() == 1.0:
                    continue
                done.add(key)
                run.iterations += 1
                _one(run, share @ values, spans)
        return run.answer()


def _one(run: Run, origin: np.ndarray, spans: np.ndarray) -> None:
    problem = run.problem
    away = (run.values_of - origin) / spans
    nearest = int(np.argmin(np.linalg.norm(away - away.mean(axis=1, keepdims=True), axis=1)))
    start = run.X[nearest]
    t = float(away[nearest].max())
    found = run.minimum(problem.towards(origin, spans, start, t))
    if found is None:
        return
    x = np.clip(found[:-1], problem.lower, problem.upper)
    if run.feasible(x):
        run.add(x[None], phase="boundary")


ENGINE = Boundary()
