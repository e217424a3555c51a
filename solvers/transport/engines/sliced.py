"""``sliced``: the mean of one-dimensional transport costs over random directions, by sorting, with its standard error.

Source: Bonneel, Rabin, Peyre, Pfister (2015). Floor: a sort of n + m numbers for each direction: 1000 directions of
    1e4 points take 2 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.engines.line import staircase
from solvers.transport.numerics.watch import Watch
from solvers.transport.problem import Sliced


class SlicedEngine:
    """See the module."""

    spec = EngineSpec(
        id="sliced",
        family="transport",
        version="1",
        title="Sliced",
        summary="Sliced Wasserstein distances with a standard error, for large clouds in any dimension",
        solves=frozenset({"sliced"}),
        capabilities=frozenset({"deterministic", "progress"}),
        process_group="torch",
        citation="doi:10.1007/s10851-014-0506-3",
    )

    def solve(self, problem: Sliced, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``. ``cost`` is the mean of ``W_p^p``; its standard error is in the statistics (of one direction
        there is none). It is an estimate, so the status is ``feasible``; on a line, where it is exact, ``optimal``.

        Raises:
            UnsupportedProblem, InvalidOption.
        """
        values = begin(self.spec, problem, options)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        random = np.random.default_rng(values["seed"])
        uniform = bool(problem.n == problem.m and np.ptp(problem.a) == 0.0 and np.ptp(problem.b) == 0.0)
        found: list[float] = []
        while len(found) < problem.projections and not watch.stopped():
            direction = random.standard_normal((int(problem.x.shape[1]),))
            direction = direction / np.linalg.norm(direction)
            x, y = problem.x @ direction, problem.y @ direction
            if uniform:
                found.append(float((np.abs(np.sort(x) - np.sort(y)) ** problem.p).mean()))
            else:
                found.append(_on_a_line(x, y, problem))
            watch.note(iterations=len(found), objective=float(np.mean(found)))
        if not found:
            return answered(self.spec, "no-solution", watch.limit, message="stopped before the first direction")
        cost = float(np.mean(found))
        watch.end(objective=cost, iterations=len(found))
        statistics: dict[str, Any] = {"projections": len(found), "seconds": watch.seconds}
        on_a_line = problem.x.shape[1] == 1
        if on_a_line:
            statistics["standard_error"], words = 0.0, f"{cost:.6g}, exact on a line"
        elif len(found) > 1:
            error = statistics["standard_error"] = float(np.std(found, ddof=1) / len(found) ** 0.5)
            words = f"{cost:.6g} with a standard error of {error:.2g} over {len(found):,} directions"
        else:
            words = f"{cost:.6g} in one direction, which says nothing of others"
        return answered(
            self.spec,
            "optimal" if on_a_line else "feasible",
            None if len(found) == problem.projections else watch.limit,
            cost=cost,
            statistics=statistics,
            message=words,
        )


def _on_a_line(x: np.ndarray, y: np.ndarray, problem: Sliced) -> float:
    rows, columns = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    rows, columns = rows[problem.a[rows] > 0.0], columns[problem.b[columns] > 0.0]
    i, j, mass = staircase(problem.a[rows], problem.b[columns])
    return float(mass @ np.abs(x[rows[i]] - y[columns[j]]) ** problem.p)


ENGINE = SlicedEngine()
