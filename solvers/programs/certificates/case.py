"""One answer about one program, read once, with what all checks share."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates.arithmetic import Entries, some
from solvers.programs.certificates.cones import Cones, read_cone_vectors
from solvers.programs.certificates.curvature import curvature
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.reading import read_number, read_vector
from solvers.programs.certificates.tolerances import Tolerances
from solvers.programs.problem import Program


class Case:
    """Attributes:
    sign: 1 for min, -1 for max: times a value in the user's sense it is one in the sense of minimization.
    discrete: some variables, sets or indicators make the feasible set more than its continuous constraints.
    nonlinear: some part of the program is a nonlinear expression.
    point: the answer's x, if it can be read; ``x_complaint`` says why not.
    """

    def __init__(self, problem: Program, answer: ProgramAnswer, tolerances: Tolerances) -> None:
        self.problem = problem
        self.answer = answer
        self.tolerances = tolerances
        self.sign = 1.0 if problem.sense == "min" else -1.0
        self.entries = Entries(problem.A)
        self.discrete = bool(some(problem.integrality) or problem.sos or problem.indicators)
        nonlinear = problem.nonlinear
        self.nonlinear = nonlinear is not None and bool(nonlinear.rows or nonlinear.objective is not None)
        x, self.x_complaint = read_vector(answer.x, problem.n, "the point")
        self.point = None if x is None else Point(problem, self.entries, x)
        self.claimed_objective, self.objective_complaint = read_number(answer.objective, "the objective")
        self.claimed_bound, self.bound_complaint = read_number(answer.bound, "the bound")

    @cached_property
    def cones(self) -> Cones | None:
        return Cones(self.problem) if self.problem.cones else None

    @cached_property
    def curvature(self) -> np.ndarray | None:
        """Of the quadratic objective in the sense of minimization (see ``curvature``): None if not shown convex."""
        Q = self.problem.Q
        if Q is None or not Q.nnz:
            return np.zeros(self.problem.n)
        return curvature(Q if self.sign > 0 else -Q)

    @cached_property
    def row_duals(self) -> tuple[np.ndarray | None, str]:
        """In the user's sense; what is wrong with them."""
        return read_vector(self.answer.row_duals, self.problem.m, "the vector of row duals")

    @cached_property
    def cone_duals(self) -> tuple[np.ndarray | None, str]:
        """Stacked, in the sense of minimization; what is wrong with them."""
        if self.answer.cone_duals is None or self.cones is None:
            return None, ""
        return read_cone_vectors(self.answer.cone_duals, self.cones)

    @cached_property
    def objective(self) -> float | None:
        """The objective at the point, by own arithmetic; None without a point."""
        return None if self.point is None else self.point.objective[0]
