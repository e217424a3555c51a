"""HiGHS' callbacks, connected to a watch.

HiGHS asks whether to stop at every simplex iteration and every few microseconds of branch and bound. These callbacks
are therefore left inactive; the ticker activates them when there is a reason, and they deactivate themselves.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.programs.answer import Solution
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import SEMI_CONTINUOUS, Program

if TYPE_CHECKING:
    from highspy import Highs

# HighsCallbackType of HiGHS 1.14
LOGGING, SIMPLEX, IPM, MIP_SOLUTION, MIP_IMPROVING, _MIP_LOGGING, MIP_INTERRUPT = range(7)
MIP_USER_SOLUTION = 9
_INTERRUPTS = (SIMPLEX, IPM, MIP_INTERRUPT)

#: The tail of a line of HiGHS' branch-and-bound table: LP iterations (12345, 678k or 9m) and seconds.
_TABLE_TAIL = re.compile(r"\s(\d+)([km]?)\s+\d+\.\d+s\s*$")
#: A line of the simplex table: iterations, objective, infeasibilities.
_SIMPLEX_LINE = re.compile(r"^\s*(\d+)\s+(-?\d\.\d+e[+-]\d+)\s+(?:Pr|Ph1)")
#: A warning about every linear program that is handed over as arrays.
_NOTHING = "No semi-integer/integer variables in model with non-empty integrality"
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


class Events:
    """Callbacks of one solve.

    Attributes:
        pool: feasible points in the order of their discovery, at most ``pool_size``, if more than one was asked for.
        bound_cutoff: stop when the bound proves that nothing better than this exists.
        iteration_limit: of LP iterations in branch and bound, which HiGHS itself does not limit.
        cut_off, iterations_spent: which of the two ended the solve.
    """

    def __init__(self, highs: Highs, problem: Program, *, pool_size: int = 1) -> None:
        self._highs = highs
        self._problem = problem
        self._pool_size = pool_size
        self.watch: Watch | None = None
        self.pool: list[Solution] = []
        self.bound_cutoff: float | None = None
        self.iteration_limit: int | None = None
        self.cut_off = False
        self.iterations_spent = False
        self._early: list[str] = []
        highs.setCallback(self._called, None)
        highs.startCallbackInt(LOGGING)

    def connect(self, watch: Watch, *, offers: bool) -> None:
        """From now on tell the watch, and listen to it."""
        self.watch = watch
        for line in self._early:
            watch.log(line)
        if self._problem.discrete:
            self._highs.startCallbackInt(MIP_IMPROVING)
            if self._pool_size > 1:
                self._highs.startCallbackInt(MIP_SOLUTION)
            if offers and not (self._problem.integrality >= SEMI_CONTINUOUS).any():
                # with semi-variables HiGHS searches another model, with more variables than it says
                self._highs.startCallbackInt(MIP_USER_SOLUTION)

    def disconnect(self) -> None:
        """HiGHS and its callbacks hold each other, which no garbage collector sees: let go.

        HiGHS keeps copies of a callback even when it is taken back.
        """
        self._highs.setCallback(None, None)
        del self._highs

    def interrupt(self) -> None:
        """Have HiGHS ask whether to stop: then it is told yes."""
        for kind in _INTERRUPTS:
            self._highs.startCallbackInt(kind)

    def sample(self) -> None:
        """Have HiGHS say once how far it is."""
        self.interrupt()

    @property
    def errors(self) -> str:
        """What HiGHS complained about so far, for a message."""
        return " ".join(line.strip() for line in self._early if line.startswith("ERROR"))

    def _called(self, kind: int, message: str, out: Any, into: Any, _: object) -> None:
        watch = self.watch
        if watch is None:
            if _NOTHING not in message:
                self._early.append(message)
            return
        try:
            if kind == LOGGING:
                self._logged(message, watch)
            elif kind in _INTERRUPTS:
                self._asked(kind, out, into, watch)
            elif kind == MIP_IMPROVING:
                watch.incumbent(out.objective_function_value, self._point(out))
                self._note_search(out, watch)
            elif kind == MIP_SOLUTION:
                self._keep(out)
            elif kind == MIP_USER_SOLUTION:
                foreign = watch.foreign_incumbent()
                if foreign is not None:
                    into.setSolution(np.ascontiguousarray(foreign[1], dtype=np.float64))
        except BaseException as error:  # must not cross C++ code
            watch.fail(error)

    def _logged(self, message: str, watch: Watch) -> None:
        watch.log(message)
        self._read(message, watch)

    def _asked(self, kind: int, out: Any, into: Any, watch: Watch) -> None:
        if kind == MIP_INTERRUPT:
            self._note_search(out, watch)
        elif kind == SIMPLEX:
            if not self._problem.discrete:
                watch.note(iterations=out.simplex_iteration_count)
        else:
            watch.note(iterations=out.ipm_iteration_count)
        stop = watch.stopped or self.cut_off or self.iterations_spent
        into.user_interrupt = stop
        if not stop:
            self._highs.stopCallbackInt(kind)

    def _note_search(self, out: Any, watch: Watch) -> None:
        bound = out.mip_dual_bound
        watch.note(
            objective=_known(out.mip_primal_bound),
            bound=_known(bound),
            gap=_known(out.mip_gap),
            nodes=out.mip_node_count,
        )
        if self.bound_cutoff is not None and math.isfinite(bound):
            sign = 1.0 if self._problem.sense == "min" else -1.0
            self.cut_off = sign * bound > sign * self.bound_cutoff

    def _read(self, line: str, watch: Watch) -> None:
        if self._problem.discrete:
            tail = _TABLE_TAIL.search(line)
            if tail is not None:
                spent = int(tail[1]) * _UNITS[tail[2]]
                watch.note(iterations=spent)
                if self.iteration_limit is not None and spent >= self.iteration_limit:
                    self.iterations_spent = True
                    self.interrupt()
        else:
            row = _SIMPLEX_LINE.match(line)
            if row is not None:
                watch.note(iterations=int(row[1]), objective=float(row[2]))

    def _point(self, out: Any) -> np.ndarray:
        """Without the variables that HiGHS adds for semi-variables."""
        x: np.ndarray = out.mip_solution[: self._problem.n]
        return x

    def _keep(self, out: Any) -> None:
        x = np.array(self._point(out), copy=True)
        if any(np.array_equal(known.x, x) for known in self.pool):
            return
        self.pool.append(Solution(out.objective_function_value, x))
        sign = 1.0 if self._problem.sense == "min" else -1.0
        self.pool.sort(key=lambda solution: sign * solution.objective)
        del self.pool[self._pool_size :]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) and abs(value) < 1e200 else None
