"""A problem as a mathematical program: affine and quadratic parts by their coefficients, the rest spelled out."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.expression.coefficients import affine, quadratic
from solvers.expression.scalars import spelled
from solvers.onelevel.engines.epigraph import Epigraph, Unfit
from solvers.onelevel.problem import Minimize
from solvers.programs.problem import Expression, Nonlinear, Program

#: Coefficients below this share of the largest are rounding of the differentiation.
ROUNDING = 1e-15


def as_program(problem: Minimize) -> tuple[Program, list[tuple[int, int]]]:
    """The program, whose objective is minimized, and for each constraint the range of its rows.

    Raises:
        UnsupportedProblem: an operation that scalar expressions lack.
    """
    n = problem.n
    names = problem.layout.names
    c, offset, Q = np.zeros(n), 0.0, None
    objective: Expression | None = None
    oracle = problem.oracle
    if problem.facts.affine:
        A, b = affine(lambda x: oracle.objective(x).reshape(1), n)
        c, offset = A[0], float(b[0])
    elif problem.facts.degree == 2:
        dense, c, offset = quadratic(oracle.objective, n)
        Q = sp.csr_array(_clean(dense))
    else:
        (array,) = spelled(problem.program, ["objective"], problem.data, names)
        objective = array[()]
    blocks: list[Any] = []
    lower: list[np.ndarray] = []
    upper: list[np.ndarray] = []
    rows: dict[int, Expression] = {}
    ranges: list[tuple[int, int]] = []
    begin = 0
    for k, constraint in enumerate(problem.constraints):
        size = int(np.prod(problem.program.operations[problem.program.outputs[constraint.output]].shape))
        constant = np.zeros(size)
        if constraint.facts.affine:
            A, constant = affine(oracle.constraint(k), n)
            blocks.append(sp.csr_array(_clean(A)))
        else:
            (array,) = spelled(problem.program, [constraint.output], problem.data, names)
            rows.update({begin + i: expression for i, expression in enumerate(array.reshape(-1))})
            blocks.append(sp.csr_array((size, n)))
        lower.append(np.full(size, -np.inf) if constraint.sense == "<=" else -constant)
        upper.append(np.full(size, np.inf) if constraint.sense == ">=" else -constant)
        ranges.append((begin, begin + size))
        begin += size
    program = Program.build(
        c=c,
        offset=offset,
        Q=Q,
        A=sp.vstack(blocks, format="csr") if blocks else None,
        row_lower=np.concatenate(lower) if lower else None,
        row_upper=np.concatenate(upper) if upper else None,
        lower=problem.lower,
        upper=problem.upper,
        integrality=problem.integrality.astype(np.uint8),
        nonlinear=Nonlinear(objective, rows) if objective is not None or rows else None,
        variable_names=None,
    )
    return program, ranges


def kinked(problem: Minimize) -> tuple[Program, list[tuple[int, int]]] | None:
    """As ``as_program``, of a convex piecewise linear or quadratic problem, whose kinks are spelled out with variables
    that follow the problem's own; None if it is not known to be such a one."""
    offsets = {name: part.start for name, part in problem.layout.slices.items()}
    epigraph = Epigraph(problem.program, problem.data, offsets, problem.n)
    outputs = problem.program.outputs
    try:
        objective = epigraph.above(outputs["objective"])
        sides = []
        for constraint in problem.constraints:
            part = epigraph.above(outputs[constraint.output], negated=constraint.sense == ">=")
            if part.D.nnz or (constraint.sense == "==" and not part.exact):
                return None
            sides.append(part)
    except Unfit:
        return None
    blocks, lower, upper, ranges = [], [], [], []
    begin = 0
    for constraint, part in zip(problem.constraints, sides, strict=True):
        sign = -1.0 if constraint.sense == ">=" else 1.0
        blocks.append(sign * epigraph.padded(part.A))
        lower.append(np.full(part.size, -np.inf) if constraint.sense == "<=" else -sign * part.b)
        upper.append(np.full(part.size, np.inf) if constraint.sense == ">=" else -part.b)
        ranges.append((begin, begin + part.size))
        begin += part.size
    for matrix, low, high in epigraph.rows:
        blocks.append(epigraph.padded(matrix))
        lower.append(low)
        upper.append(high)
    added = epigraph.columns - problem.n
    least = np.concatenate([problem.lower, np.full(added, -np.inf)])
    for first, last in epigraph.nonnegative:
        least[first:last] = 0.0
    squares = epigraph.padded(objective.D).toarray()[0]
    program = Program.build(
        c=epigraph.padded(objective.A).toarray()[0],
        offset=float(objective.b[0]),
        Q=sp.diags_array(squares, format="csr") if squares.any() else None,
        A=sp.vstack(blocks, format="csr") if blocks else None,
        row_lower=np.concatenate(lower) if lower else None,
        row_upper=np.concatenate(upper) if upper else None,
        lower=least,
        upper=np.concatenate([problem.upper, np.full(added, np.inf)]),
        integrality=np.concatenate([problem.integrality, np.zeros(added, dtype=bool)]).astype(np.uint8),
        variable_names=None,
    )
    return program, ranges


def _clean(matrix: np.ndarray) -> np.ndarray:
    largest = float(np.abs(matrix).max(initial=0.0))
    cleaned: np.ndarray = np.where(np.abs(matrix) > ROUNDING * largest, matrix, 0.0)
    return cleaned
