"""What engines for several objectives do alike: an archive of points, progress by hypervolume, scalar problems
solved by engines of one level, the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from solvers.core import registry
from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import EngineFailure, UnsupportedProblem
from solvers.core.run import BaseRun
from solvers.onelevel.problem import Minimize
from solvers.onelevel.select import choose
from solvers.pareto import fronts
from solvers.pareto.answer import ParetoAnswer
from solvers.pareto.options import OPTIONS
from solvers.pareto.problem import FEATURE_WORDS, Pareto

#: The archive is thinned when it is so many times larger than what is wanted.
ARCHIVE = 8
#: Engines of one level that are taken for scalar problems, which are many and similar.
SCALAR = ("clarabel", "highs", "ipopt", "newton", "lbfgs", "augmented-lagrangian")


class Run(BaseRun):
    """One solve.

    Attributes:
        X, values: the archive: feasible points of which none dominates another.
    """

    def __init__(self, spec: EngineSpec, problem: Pareto, options: Mapping[str, Any], context: Context) -> None:
        super().__init__(spec, problem.features, FEATURE_WORDS, OPTIONS, options, context)
        self.problem = problem
        self.X = np.zeros((0, problem.n))
        self.values_of = np.zeros((0, problem.k))
        self.random = np.random.default_rng(self["seed"])
        self._reference = problem.reference
        self._engines: dict[str, int] = {}
        torch.set_num_threads(self.values["threads"])
        context.report(iterations=0)

    @property
    def wanted(self) -> int:
        """How many points the answer should have."""
        preferences = self.problem.preferences
        return int(self["points"]) if preferences is None else preferences.shape[0]

    def add(self, X: np.ndarray, values: np.ndarray | None = None, **metrics: float | str) -> None:
        """Put feasible points into the archive, and report."""
        values = self.problem.oracle.values(X) if values is None else values
        finite = np.isfinite(values).all(axis=1) & np.isfinite(X).all(axis=1)
        X, values = np.concatenate([self.X, X[finite]]), np.concatenate([self.values_of, values[finite]])
        if self.problem.preferences is None:
            keep = fronts.nondominated(values)
            X, values = X[keep], values[keep]
            if X.shape[0] > ARCHIVE * self.wanted:
                keep = fronts.spread(values, self.wanted * ARCHIVE // 2)
                X, values = X[keep], values[keep]
        self.X, self.values_of = X, values
        self.report(**metrics)

    def report(self, **metrics: float | str) -> None:
        """Progress: hypervolume of the archive and how many points it has."""
        if not self.values_of.shape[0]:
            self.context.report(iterations=self.iterations, points=0, **metrics)
            return
        if self._reference is None and self.values_of.shape[0] > 1:
            self._reference = fronts.reference_for(self.values_of)
        volume = 0.0 if self._reference is None else fronts.hypervolume(self.values_of, self._reference)
        self.context.incumbent(-volume, self.X.reshape(-1))
        self.context.report(iterations=self.iterations, points=self.X.shape[0], hypervolume=volume, **metrics)

    def minimum(self, scalar: Minimize) -> np.ndarray | None:
        """A solution of a scalar problem by the engine that fits; None if none was found.

        Raises:
            UnsupportedProblem: no engine of one level takes it.
        """
        offered = [registry.load("minimize", name).spec for name in SCALAR if name in registry.names("minimize")]
        name, _ = choose(scalar, offered)
        try:
            answer = registry.load("minimize", name).solve(scalar, {"log": False}, _Inner(self.context))
        except (EngineFailure, UnsupportedProblem):
            return None
        self._engines[name] = self._engines.get(name, 0) + 1
        if answer.x is None or not np.isfinite(answer.x).all() or answer.status in ("infeasible", "unbounded"):
            return None
        found: np.ndarray = answer.x
        return found

    def feasible(self, x: np.ndarray) -> bool:
        """Within the tolerance, for the constraints of the problem."""
        scalar = self.problem.weighted
        if not scalar.constraints:
            return True
        oracle = scalar.oracle
        g, h = oracle.values(oracle.inequalities, x), oracle.values(oracle.equalities, x)
        worst = max(float(np.max(g, initial=0.0)), float(np.max(np.abs(h), initial=0.0)))
        return worst <= 0.5 * float(self["feasibility_tolerance"])

    def answer(self, message: str = "", **statistics: Any) -> ParetoAnswer:
        """The archive, thinned to what was asked for; sorted by the first objective, or in the order of preferences."""
        X, values = self.X, self.values_of
        counts = {"iterations": self.iterations, **self.problem.oracle.counts, "seconds": self.seconds, **statistics}
        if self._engines:
            counts["scalar_engines"] = dict(self._engines)
        common: dict[str, Any] = {
            "limit": self.limit,
            "statistics": counts,
            "message": message,
            "engine": self.spec.id,
            "engine_version": self.spec.version,
        }
        if not X.shape[0]:
            return ParetoAnswer(status="no-solution", **common)
        if self.problem.preferences is None:
            keep = fronts.worthwhile(values)
            X, values = X[keep], values[keep]
            keep = fronts.spread(values, self.wanted)
            keep = keep[np.lexsort(values[keep].T[::-1])]
            X, values = X[keep], values[keep]
        return ParetoAnswer(status="feasible", X=X, values=values, **common)


class _Inner:
    """The context of the whole solve for one of its scalar problems: stop goes through, numbers do not."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.deadline = context.deadline
        self.offers = False

    def report(self, **metrics: float | int | str | None) -> None:
        """A scalar problem's progress is not the front's."""

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        """Nor are its points."""

    def log(self, text: str) -> None:
        self._context.log(text)

    def should_stop(self) -> Any:
        return self._context.should_stop()

    def foreign_incumbent(self) -> None:
        return None
