"""Convex-concave quadratic games as one convex program, exactly.

With ``f = x'Px/2 + c'x + x'Ay + b'y - y'Qy/2 + d`` and Y given by rows ``Gy <= h`` (equations among them) and bounds
l, u, the inner maximum is by duality ``min w'Qw/2 + h'p + u's - l't`` over p >= 0 (free for equations), s, t >= 0 and w
with ``Qw + G'p + s - t - A'x = b``. Together with x that is a linear or convex quadratic program; the multipliers of
those equations are y. HiGHS solves it if it is linear, Clarabel otherwise; Newton's method on the active set then
takes the point to rounding.

Floor: one solve with n + 2 m + rows variables and m equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core import registry
from solvers.core.engine import Context, EngineSpec
from solvers.expression.coefficients import quadratic
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Program
from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.polish import polished
from solvers.saddle.problem import Saddle
from solvers.saddle.run import Run
from solvers.saddle.sets import FeasibleSet

SPEC = EngineSpec(
    id="convex-program",
    family="saddle",
    version="1",
    title="Convex program of the game",
    summary="Bilinear and convex-concave quadratic games over polyhedra, by one linear or quadratic program.",
    solves=frozenset(),
    capabilities=frozenset({"deterministic"}),
    process_group="torch",
    requires=("torch", "clarabel", "highspy"),
    citation="von Neumann 1928; Dantzig 1951; for quadratic ones Dorn, Quart. Appl. Math. 18 (1960) 155-162",
)


class ConvexProgram:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Saddle, options: Mapping[str, Any], context: Context) -> SaddleAnswer:
        run = Run(SPEC, problem, options, context)
        program, first = _program(problem)
        # not by HiGHS where Q remains: its active set is slow on dense Hessians
        engine = "highs" if program.Q is None else "clarabel"
        given = {name: run[name] for name in ("time_limit", "threads", "seed", "log") if run[name] is not None}
        found: ProgramAnswer = registry.load("program", engine).solve(program, given, _Quiet(context))
        if found.x is None or found.row_duals is None or np.isnan(found.x).any():
            status: Any = "no-solution"
            message = found.message
            if found.status == "infeasible":
                status, message = (
                    "unbounded",
                    "the maximizing player's gain has no bound, or a set is empty",
                )
            elif found.status == "unbounded":
                status, message = "unbounded", "the minimizing player's cost has no bound"
            limit: Any = found.limit
            return SaddleAnswer(status, limit, message=message, engine=SPEC.id, engine_version=SPEC.version)
        z = np.concatenate([found.x[: problem.n], found.row_duals[first : first + problem.m]])
        z = polished(problem, problem.sets.project(z))
        value, slope = problem.oracle.operator(z)
        run.iterations = int(found.statistics.get("iterations", 0) or 0)
        run.look(z, value, slope)
        return run.answer(statistics={"program": engine, "program_variables": program.n})


class _Quiet:
    """The context of the game, for a solver of another problem: stop and log go through, numbers do not."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.deadline = context.deadline
        self.offers = False

    def report(self, **metrics: float | int | str | None) -> None:
        if "iterations" in metrics:
            self._context.report(iterations=metrics["iterations"])

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        """Points of the program are not points of the game."""

    def log(self, text: str) -> None:
        self._context.log(text)

    def should_stop(self) -> Any:
        return self._context.should_stop()

    def foreign_incumbent(self) -> None:
        return None


def _program(problem: Saddle) -> tuple[Program, int]:
    """The program, whose first variables are x, and the first of the rows whose multipliers are y."""
    n, m = problem.n, problem.m
    H, g, d = quadratic(problem.oracle.objective, n + m)
    H = np.where(np.abs(H) > 1e-14 * np.abs(H).max(initial=0.0), H, 0.0)
    P, A, Q = H[:n, :n], H[:n, n:], -H[n:, n:]
    X, Y = problem.sets.minimizer, problem.sets.maximizer
    own, _ = _matrix(X)
    G, h = _matrix(Y)
    equality = np.array([row.equality for row in Y.rows], dtype=bool)
    above, below = np.flatnonzero(np.isfinite(Y.upper)), np.flatnonzero(np.isfinite(Y.lower))
    curved = bool(np.abs(Q).max(initial=0.0) > 0.0)
    w = m if curved else 0
    identity = sp.identity(m, format="csr")
    blocks = [-A.T, sp.csr_array(Q[:, :w]), G.T, identity[:, above], -identity[:, below]]
    balance = sp.hstack([sp.csr_array(block) for block in blocks], format="csr")
    rest = balance.shape[1] - n
    matrix = sp.vstack([sp.hstack([own, sp.csr_array((own.shape[0], rest))]), balance], format="csr")
    total = n + rest
    c = np.concatenate([g[:n], np.zeros(w), h, Y.upper[above], -Y.lower[below]])
    lower = np.concatenate(
        [X.lower, np.full(w, -np.inf), np.where(equality, -np.inf, 0.0), np.zeros(above.size + below.size)]
    )
    upper = np.concatenate([X.upper, np.full(rest, np.inf)])
    hessian = None
    if curved or np.abs(P).max(initial=0.0) > 0.0:
        blank = total - n - w
        hessian = sp.block_diag([P, Q[:, :w] if curved else sp.csr_array((0, 0)), sp.csr_array((blank, blank))])
    row_upper = np.array([row.b for row in X.rows])
    row_lower = np.array([row.b if row.equality else -np.inf for row in X.rows])
    program = Program.build(
        c=c,
        offset=d,
        Q=hessian,
        A=matrix,
        row_lower=np.concatenate([row_lower, g[n:]]),
        row_upper=np.concatenate([row_upper, g[n:]]),
        lower=lower,
        upper=upper,
    )
    return program, len(X.rows)


def _matrix(s: FeasibleSet) -> tuple[sp.csr_array, np.ndarray]:
    dense = np.zeros((len(s.rows), s.size))
    for k, row in enumerate(s.rows):
        dense[k, row.positions] = row.a
    return sp.csr_array(dense), np.array([row.b for row in s.rows])


ENGINE = ConvexProgram()
