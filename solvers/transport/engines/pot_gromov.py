"""``pot-gromov``: Gromov-Wasserstein and fused Gromov-Wasserstein couplings, with POT's conditional gradient.

Not convex: what is found is a local minimum, of several starts if asked. The bound is Memoli's second lower bound
(2011, section 6): the two distributions of distances, transported on a line; plus the linear part on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import ot
import scipy.sparse as sp

from solvers.core.engine import Context, EngineSpec, Option
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.engines.line import staircase
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.rounding import rounded
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Gromov

#: Distances beyond this number are not sorted for the bound.
MOST_PAIRS = 20_000_000

#: Gap at which a local minimum is known to be global, and what rounding leaves, as a part of the largest distortion.
SAME, ROUNDING = 1e-9, 1e-12


class PotGromov:
    """See the module."""

    spec = EngineSpec(
        id="pot-gromov",
        family="transport",
        version=version("POT"),
        title="Gromov-Wasserstein (POT)",
        summary="Couplings of spaces that have no common coordinates, by their distances; also with a linear cost",
        solves=frozenset({"gromov", "fused-gromov", "unregularized", "entropic"}),
        capabilities=frozenset({"deterministic"}),
        options=(
            Option("starts", "integer", 1, "Starting plans; the best local minimum is kept", minimum=1, maximum=1000),
        ),
        process_group="torch",
        requires=("torch", "ot"),
        citation="pythonot.github.io; doi:10.1007/s10208-011-9093-5",
    )

    def solve(self, problem: Gromov, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption, EngineFailure.
        """
        values = begin(self.spec, problem, options)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        random = np.random.default_rng(values["seed"])
        best: tuple[float, np.ndarray] | None = None
        found: list[float] = []
        try:
            watch.check()
            for k in range(values["starts"]):
                start = None if k == 0 else _start(problem, random)
                plan = rounded(aside(partial(_pot, problem, start, values), watch, "POT"), problem.a, problem.b)
                value = distortion(problem, plan)
                found.append(value)
                watch.note(objective=value, start=k + 1, starts=values["starts"])
                if best is None or value < best[0]:
                    best = (value, plan)
        except Stopped:
            pass
        statistics = {"seconds": watch.seconds, "starts": len(found), "values": found[:100]}
        if best is None:
            return answered(
                self.spec, "no-solution", watch.limit, statistics=statistics, message="stopped before a local minimum"
            )
        matrix = sp.csr_array(best[1])
        matrix.sort_indices()
        epsilon = None if problem.regularization is None else _epsilon(problem)
        bound = _bound(problem)
        watch.end(objective=best[0], bound=bound)
        size = problem.alpha * float(np.abs(problem.C).max() + np.abs(problem.D).max()) ** 2
        exact = bound is not None and best[0] - bound <= max((values["tolerance"] or SAME) * best[0], ROUNDING * size)
        return answered(
            self.spec,
            "optimal" if exact else "feasible",
            watch.limit,
            cost=best[0],
            bound=bound,
            epsilon=epsilon,
            epsilon_from=""
            if problem.regularization is None
            else "relative"
            if problem.regularization.relative
            else "problem",
            plan=SparsePlan(matrix),
            marginal_error=0.0,
            statistics=statistics,
            message=f"the best of {len(found)} local minima",
        )


def distortion(problem: Gromov, P: np.ndarray) -> float:
    """The objective without regularization at a plan with exact marginals; O(n^2 m + n m^2)."""
    a, b = problem.a, problem.b
    square = float(a @ (problem.C**2) @ a + b @ (problem.D**2) @ b - 2.0 * ((problem.C @ P) * (P @ problem.D)).sum())
    linear = 0.0 if problem.M is None else float((problem.M * P).sum())
    return problem.alpha * max(square, 0.0) + (1.0 - problem.alpha) * linear


def _epsilon(problem: Gromov) -> float:
    assert problem.regularization is not None
    mean = 1.0
    if problem.regularization.relative:
        mean = distortion(problem, np.outer(problem.a, problem.b)) or 1.0
    return problem.regularization.strength * mean


def _pot(problem: Gromov, start: np.ndarray | None, values: dict[str, Any]) -> np.ndarray:
    most = values["iteration_limit"] or 10_000
    given: dict[str, Any] = {"symmetric": True, "G0": start, "max_iter": most}
    sides = (problem.C, problem.D, problem.a, problem.b)
    if problem.regularization is not None:
        given |= {"epsilon": _epsilon(problem), "max_iter": min(most, 1000)}
        if problem.M is None:
            plan = ot.gromov.entropic_gromov_wasserstein(*sides, **given)
        else:
            plan = ot.gromov.entropic_fused_gromov_wasserstein(problem.M, *sides, alpha=problem.alpha, **given)
    elif problem.M is None:
        plan = ot.gromov.gromov_wasserstein(*sides, **given)
    else:
        plan = ot.gromov.fused_gromov_wasserstein(problem.M, *sides, alpha=problem.alpha, **given)
    return np.asarray(plan)


def _start(problem: Gromov, random: np.random.Generator) -> np.ndarray:
    """A random vertex: the north-west corner rule in random orders."""
    rows, columns = random.permutation(problem.n), random.permutation(problem.m)
    i, j, mass = staircase(problem.a[rows], problem.b[columns])
    plan = np.zeros((problem.n, problem.m))
    np.add.at(plan, (rows[i], columns[j]), mass)
    return plan


def _bound(problem: Gromov) -> float | None:
    if problem.n**2 + problem.m**2 > MOST_PAIRS:
        return None
    sides = []
    for distances, weights in ((problem.C, problem.a), (problem.D, problem.b)):
        flat, mass = distances.ravel(), np.outer(weights, weights).ravel()
        kept = np.flatnonzero(mass > 0.0)
        order = kept[np.argsort(flat[kept], kind="stable")]
        sides.append((flat[order], mass[order]))
    (c, mass_c), (d, mass_d) = sides
    i, j, mass = staircase(mass_c, mass_d)
    bound = problem.alpha * float(mass @ (c[i] - d[j]) ** 2)
    if problem.M is not None and problem.alpha < 1.0:
        bound += (1.0 - problem.alpha) * float(ot.emd2(problem.a, problem.b, problem.M, numItermax=1_000_000))
    return bound * (1.0 - 1e-9)


ENGINE = PotGromov()
