"""``line``: exact transport between points on a line with a convex cost, by sorting: O(n log n) time, O(n) memory.

The monotone coupling is optimal for convex costs of the difference (Santambrogio 2015, theorem 2.9). Potentials follow
the staircase of that
coupling: ``f_i + g_j = M_ij`` on it, where ties in mass take the diagonal's neighbour. Floor: sorting, some 0.1 s for
1e6 points; predicted 0.5 s with the staircase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.engines.each import solve_each
from solvers.transport.numerics.watch import Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport, TransportBatch


class Line:
    """See the module."""

    spec = EngineSpec(
        id="line",
        family="transport",
        version="1",
        title="Line",
        summary="Exact transport on a line by sorting, for millions of points",
        solves=frozenset({"batch", "points", "balanced", "unregularized"}),
        capabilities=frozenset({"exact", "potentials", "deterministic"}),
        process_group="torch",
        citation="Santambrogio, Optimal Transport for Applied Mathematicians, 2015, section 2.2",
    )

    def check(self, problem: Transport | TransportBatch) -> None:
        """Raises UnsupportedProblem for more than one dimension, or a cost that is not convex in x - y."""
        problems = problem.problems if isinstance(problem, TransportBatch) else (problem,)
        if any(one.d != 1 or one.cost == "cosine" for one in problems):
            raise UnsupportedProblem(
                "engine line takes points of dimension 1 with a convex cost", pointer="/engine", hint="engine 'auto'"
            )

    def solve(
        self, problem: Transport | TransportBatch, options: Mapping[str, Any], context: Context
    ) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption.
        """
        values = begin(self.spec, problem, options)
        if isinstance(problem, TransportBatch):
            self.check(problem)
            return solve_each(self.spec, self.solve, problem, options, context)
        self.check(problem)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        if watch.stopped():
            return answered(self.spec, "no-solution", watch.limit, message="stopped before it began")
        assert problem.x is not None
        assert problem.y is not None
        power = {"sqeuclidean": 2.0, "lp": problem.p}.get(problem.cost, 1.0)
        x, y = problem.x[:, 0], problem.y[:, 0]
        rows, columns = np.flatnonzero(problem.a > 0.0), np.flatnonzero(problem.b > 0.0)
        rows, columns = rows[np.argsort(x[rows], kind="stable")], columns[np.argsort(y[columns], kind="stable")]
        i, j, mass = staircase(problem.a[rows], problem.b[columns])
        moved = np.abs(x[rows[i]] - y[columns[j]]) ** power
        cost = float(mass @ moved)
        f, g = np.empty(problem.n), np.empty(problem.m)
        f[rows], g[columns] = _potentials(x[rows], y[columns], i, j, moved)
        self._fill(problem, f, g, power)
        bound = float(problem.a @ f + problem.b @ g)
        carried = mass > 0.0
        entries = (mass[carried], (rows[i[carried]], columns[j[carried]]))
        matrix = sp.csr_array(sp.coo_array(entries, shape=(problem.n, problem.m)))
        matrix.sort_indices()
        watch.end(objective=cost, bound=bound)
        return answered(
            self.spec,
            "optimal",
            cost=cost,
            bound=bound,
            plan=SparsePlan(matrix),
            f=f,
            g=g,
            marginal_error=0.0,
            statistics={"seconds": watch.seconds, "nonzeros": int(matrix.nnz)},
            message="monotone coupling",
        )

    def _fill(self, problem: Transport, f: np.ndarray, g: np.ndarray, power: float) -> None:
        """c-transforms for the points without mass, one by one: O(n) each."""
        assert problem.x is not None
        assert problem.y is not None
        x, y = problem.x[:, 0], problem.y[:, 0]
        kept = problem.a > 0.0
        for j in np.flatnonzero(problem.b <= 0.0):
            g[j] = float((np.abs(x[kept] - y[j]) ** power - f[kept]).min())
        for i in np.flatnonzero(~kept):
            f[i] = float((np.abs(x[i] - y) ** power - g).min())


def staircase(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The north-west corner rule: indices i, j and masses of at most n + m - 1 steps, connected (each moves one
    index)."""
    upper_a, upper_b = np.cumsum(a), np.cumsum(b)
    upper_b *= upper_a[-1] / upper_b[-1]
    upper_a[-1] = upper_b[-1] = max(upper_a[-1], upper_b[-1])
    ends = np.concatenate([upper_a[:-1], upper_b[:-1]])
    from_a = np.concatenate([np.ones(len(a) - 1, dtype=np.int64), np.zeros(len(b) - 1, dtype=np.int64)])
    order = np.argsort(ends, kind="stable")
    ends, from_a = ends[order], from_a[order]
    i = np.concatenate([[0], np.cumsum(from_a)])
    j = np.concatenate([[0], np.cumsum(1 - from_a)])
    mass = np.diff(np.concatenate([[0.0], ends, upper_a[-1:]]))
    return i, j, mass


def _potentials(
    x: np.ndarray, y: np.ndarray, i: np.ndarray, j: np.ndarray, moved: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """f and g with f + g = M on the staircase.

    A step to the next source keeps j, so f changes by the difference of costs to y_j; likewise for targets. For convex
    costs this is feasible everywhere.
    """
    f, g = np.zeros(len(x)), np.zeros(len(y))
    changes = np.diff(moved)
    right = np.diff(i) == 1
    walked_f = np.concatenate([[0.0], np.cumsum(np.where(right, changes, 0.0))])
    walked_g = np.concatenate([[0.0], np.cumsum(np.where(right, 0.0, changes))])
    f[i] = walked_f
    g[j] = walked_g + moved[0]
    return f, g


ENGINE = Line()
