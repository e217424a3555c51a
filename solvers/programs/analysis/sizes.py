"""How large a program is, and of what it is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.analysis.kind_rules import binary_variables
from solvers.programs.expressions import expanded_size
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program


@dataclass(frozen=True)
class Sizes:
    """Counts. ``binary``, ``integer`` (those that are not binary), ``continuous``, ``semi_continuous`` and
    ``semi_integer`` add up to ``variables``.

    Attributes:
        density: nonzeros / (rows * variables), 0 for an empty matrix.
        free: without a finite bound. boxed: with both. fixed: with equal ones.
        equations, ranges: rows with equal sides, and with two different finite ones.
        quadratic_nonzeros: entries of Q, both triangles.
        nonlinear_nodes: operators, constants and variables in nonlinear expressions, shared ones written out.
    """

    variables: int
    rows: int
    nonzeros: int
    density: float
    binary: int
    integer: int
    continuous: int
    semi_continuous: int
    semi_integer: int
    free: int
    boxed: int
    fixed: int
    equations: int
    inequalities: int
    ranges: int
    quadratic_nonzeros: int
    cones: int
    special_ordered_sets: int
    indicators: int
    nonlinear_rows: int
    nonlinear_nodes: int


def sizes_of(program: Program) -> Sizes:
    kinds = program.integrality
    whole = int(np.count_nonzero(kinds == INTEGER))
    binary = int(np.count_nonzero(binary_variables(program) & (kinds == INTEGER)))
    below, above = np.isfinite(program.lower), np.isfinite(program.upper)
    low, high = np.isfinite(program.row_lower), np.isfinite(program.row_upper)
    equal = program.row_lower == program.row_upper
    cells = program.m * program.n
    nonlinear = program.nonlinear
    parts = [] if nonlinear is None else [part for part in (nonlinear.objective, *nonlinear.rows.values()) if part]
    return Sizes(
        variables=program.n,
        rows=program.m,
        nonzeros=int(program.A.nnz),
        density=program.A.nnz / cells if cells else 0.0,
        binary=binary,
        integer=whole - binary,
        continuous=int(np.count_nonzero(kinds == 0)),
        semi_continuous=int(np.count_nonzero(kinds == SEMI_CONTINUOUS)),
        semi_integer=int(np.count_nonzero(kinds == SEMI_INTEGER)),
        free=int(np.count_nonzero(~below & ~above)),
        boxed=int(np.count_nonzero(below & above)),
        fixed=int(np.count_nonzero(program.lower == program.upper)),
        equations=int(np.count_nonzero(equal)),
        inequalities=int(np.count_nonzero(low ^ high)),
        ranges=int(np.count_nonzero(low & high & ~equal)),
        quadratic_nonzeros=0 if program.Q is None else int(program.Q.nnz),
        cones=len(program.cones),
        special_ordered_sets=len(program.sos),
        indicators=len(program.indicators),
        nonlinear_rows=0 if nonlinear is None else len(nonlinear.rows),
        nonlinear_nodes=sum(expanded_size(part) for part in parts),
    )
