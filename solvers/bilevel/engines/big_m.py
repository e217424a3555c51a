"""Binaries instead of special ordered sets, for those complementarity pairs whose two bounds are proven.

A bound is the optimum of a linear program over the rows of the KKT program, of complementarity only what follows from
the variable being positive: its partner is zero, and for a multiplier of a bound that of the opposite bound. So every
point of the problem where it is positive is in it. It is used only if the program has an optimum; a pair without both
bounds stays an ordered set.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from solvers.bilevel.engines.kkt import Kkt
from solvers.core.engine import Context
from solvers.programs.problem import Program

#: A proven bound is widened by this share, for the tolerance of the linear programs.
MARGIN = 1e-6


def with_binaries(kkt: Kkt, context: Context) -> tuple[Program, int]:
    """The program with binaries where bounds could be proven, and for how many pairs. Programs with products: none."""
    program = kkt.program
    if program.nonlinear is not None:
        return program, 0
    columns, kept = [], []
    for index, (slack, multiplier) in enumerate(kkt.pairs):
        zero = [multiplier], [slack, *([kkt.opposite[multiplier]] if multiplier in kkt.opposite else [])]
        bounds = [
            _largest(program, column, partners, context)
            for column, partners in zip((slack, multiplier), zero, strict=True)
        ]
        if None in bounds:
            kept.append(program.sos[index])
        else:
            columns.append((slack, multiplier, *bounds))
    count = len(columns)
    if not count:
        return program, 0
    # slack <= M b and multiplier <= N (1 - b)
    row = np.repeat(np.arange(2 * count), 2)
    col = np.array([j for k, (s, v, _, _) in enumerate(columns) for j in (s, program.n + k, v, program.n + k)])
    data = np.array([d for _, _, M, N in columns for d in (1.0, -float(M or 0.0), 1.0, float(N or 0.0))])
    below = sp.csr_array((data, (row, col)), shape=(2 * count, program.n + count))
    limits = np.array([u for _, _, _, N in columns for u in (0.0, float(N or 0.0))])
    wide = sp.csr_array((program.m, count))
    widened = Program.build(
        c=np.concatenate([program.c, np.zeros(count)]),
        Q=None if program.Q is None else sp.block_diag([program.Q, sp.csr_array((count, count))], format="csr"),
        offset=program.offset,
        A=sp.vstack([sp.hstack([program.A, wide]), below], format="csr"),
        row_lower=np.concatenate([program.row_lower, np.full(2 * count, -np.inf)]),
        row_upper=np.concatenate([program.row_upper, limits]),
        lower=np.concatenate([program.lower, np.zeros(count)]),
        upper=np.concatenate([program.upper, np.ones(count)]),
        integrality=np.concatenate([program.integrality, np.ones(count, dtype=np.uint8)]),
        sos=kept,
    )
    return replace(widened), count


def _largest(program: Program, column: int, zero: list[int], context: Context) -> float | None:
    """The largest value of a variable where others are zero, a little above; None if it is not proven."""
    if np.isfinite(program.upper[column]):
        return float(program.upper[column])
    if context.should_stop() is not None:
        return None
    cost = np.zeros(program.n)
    cost[column] = -1.0
    upper = program.upper.copy()
    upper[zero] = 0.0
    if (program.lower > upper).any():
        return 0.0
    equal = program.row_lower == program.row_upper
    above, below = ~equal & np.isfinite(program.row_upper), ~equal & np.isfinite(program.row_lower)
    result = linprog(
        cost,
        A_ub=sp.vstack([program.A[above], -program.A[below]], format="csr"),
        b_ub=np.concatenate([program.row_upper[above], -program.row_lower[below]]),
        A_eq=program.A[equal],
        b_eq=program.row_lower[equal],
        bounds=np.column_stack([program.lower, upper]),
        method="highs",
    )
    if result.status == 2:
        return 0.0
    if result.status != 0:
        return None
    return max(0.0, -float(result.fun)) * (1.0 + MARGIN) + MARGIN
