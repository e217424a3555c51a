"""A HiGHS that answers, again and again, whether parts of a program are infeasible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from solvers.programs.engines.highs_model import integrality_for, load
from solvers.programs.engines.settings import Settings
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import SEMI_CONTINUOUS, Program

if TYPE_CHECKING:
    from highspy import Highs

Side = Literal["lower", "upper"]


@dataclass(frozen=True)
class Element:
    """One thing that may be part of a contradiction."""

    kind: Literal["row", "bound", "integrality"]
    index: int
    side: Side = "lower"


def quiet(problem: Program, settings: Settings) -> Highs:
    """A silent HiGHS that holds the problem, with one thread, for the questions that follow a solve."""
    import highspy

    highs = highspy.Highs()
    for name, value in (("output_flag", False), ("small_matrix_value", 1e-12), ("threads", settings["threads"])):
        highs.setOptionValue(name, value)
    highs.setOptionValue("random_seed", settings["seed"])
    load(highs, problem)
    return highs


def renew_time(highs: Highs, watch: Watch) -> None:
    """HiGHS' clock runs on over several runs, and its limit is on the sum."""
    highs.setOptionValue("time_limit", highs.getRunTime() + watch.remaining)


class Oracle:
    """Answers whether parts of a program are infeasible; HiGHS keeps its basis from question to question."""

    def __init__(self, problem: Program, watch: Watch, settings: Settings, *, relaxed: bool = False) -> None:
        self._problem = replace(problem, c=np.zeros(problem.n), Q=None, offset=0.0)
        self._watch = watch
        self._highs = quiet(self._problem, settings)
        self._highs.setOptionValue("mip_max_improving_sols", 1)
        self._highs.setOptionValue("solve_relaxation", relaxed)
        self._highs.setOptionValue("simplex_iteration_limit", 1000 + 20 * (problem.n + problem.m))
        self._highs.setOptionValue("run_crossover", "off")
        self.discrete = problem.discrete and not relaxed
        self._asked = False

    def infeasible(self) -> bool | None:
        """True or False, or None if time ran out or HiGHS could not tell."""
        # the first question may need presolve; the next ones start from the last basis
        verdict = self._ask("simplex", "off" if self._asked and not self.discrete else "on")
        if verdict is None and not self.discrete:
            self._highs.clearSolver()
            verdict = self._ask("ipm", "on")
            self._highs.clearSolver()
        return verdict

    def _ask(self, solver: str, presolve: str) -> bool | None:
        import highspy

        S = highspy.HighsModelStatus
        if self._watch.stopped or self._watch.remaining <= 0.0:
            return None
        self._asked = True
        self._highs.setOptionValue("solver", solver)
        self._highs.setOptionValue("presolve", presolve)
        renew_time(self._highs, self._watch)
        self._highs.run()
        status = self._highs.getModelStatus()
        if status == S.kInfeasible:
            return True
        if status in (S.kOptimal, S.kModelEmpty, S.kSolutionLimit, S.kUnbounded):
            return False
        return None

    def point(self) -> np.ndarray:
        return np.array(self._highs.getSolution().col_value)

    def keep(self, kept: Sequence[Element]) -> None:
        """Make the live model consist of these sides and integralities only."""
        p = self._problem
        sides = {"row": (np.full(p.m, -np.inf), np.full(p.m, np.inf)), "bound": self._free_bounds()}
        whole = np.zeros(p.n, dtype=np.uint8)
        whole[p.integrality >= SEMI_CONTINUOUS] = integrality_for(p)[p.integrality >= SEMI_CONTINUOUS]
        source = {"row": (p.row_lower, p.row_upper), "bound": (p.lower, p.upper)}
        for element in kept:
            if element.kind == "integrality":
                whole[element.index] = 1
            else:
                k = 0 if element.side == "lower" else 1
                sides[element.kind][k][element.index] = source[element.kind][k][element.index]
        rows, columns = np.arange(p.m, dtype=np.int32), np.arange(p.n, dtype=np.int32)
        self._highs.changeRowsBounds(p.m, rows, *sides["row"])
        self._highs.changeColsBounds(p.n, columns, *sides["bound"])
        if self.discrete:
            self._highs.changeColsIntegrality(p.n, columns, whole)

    def _free_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        p = self._problem
        low, high = np.full(p.n, -np.inf), np.full(p.n, np.inf)
        semi = p.integrality >= SEMI_CONTINUOUS  # their bounds belong to what they are
        low[semi], high[semi] = p.lower[semi], p.upper[semi]
        return low, high
