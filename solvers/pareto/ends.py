"""The best point of each objective, among these the one that is best for the others."""

from __future__ import annotations

import numpy as np

from solvers.pareto.run import Run

#: Weight of the other objectives, relative to their ranges: enough to leave weakly dominated points.
OTHERS = 1e-4


def ends(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """One row for each objective: points and values; None if one has no solution that satisfies the constraints."""
    problem = run.problem
    X = []
    for k in range(problem.k):
        weights = np.full(problem.k, OTHERS / problem.k)
        weights[k] = 1.0
        x = run.minimum(problem.sum_with(weights / weights.sum()))
        if x is None or not run.feasible(x):
            return None
        X.append(x)
    values = problem.oracle.values(np.array(X))
    spans = np.maximum(values.max(axis=0) - values.min(axis=0), 1e-12)
    if spans.max() > 100.0 * spans.min() and not run.over():
        # units so unlike that the first weights were none
        for k in range(problem.k):
            weights = OTHERS / problem.k / spans
            weights[k] = 1.0 / spans[k]
            x = run.minimum(problem.sum_with(weights / weights.sum(), X[k]))
            if x is not None and run.feasible(x):
                X[k] = x
        values = problem.oracle.values(np.array(X))
    return np.array(X), values
