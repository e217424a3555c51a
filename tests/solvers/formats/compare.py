"""Comparing programs: with each other, and with what other readers make of a file."""

from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
import scipy.sparse as sp

from solvers.programs.problem import Program

#: HiGHS drops matrix entries up to this (small_matrix_value).
DROPPED_BY_HIGHS = 1e-9


def differences(ours: Program, other: Program, *, names: bool = True, dropped: float = 0.0) -> list[str]:
    """What differs between two programs, exactly compared; matrix entries up to ``dropped`` may be missing."""
    found = [
        part
        for part in ("c", "row_lower", "row_upper", "lower", "upper", "integrality")
        if not np.array_equal(getattr(ours, part), getattr(other, part))
    ]
    found += [part for part in ("sense", "offset") if getattr(ours, part) != getattr(other, part)]
    if ours.A.shape != other.A.shape or _largest(ours.A - other.A) > dropped:
        found.append("A")
    if (ours.Q is None) != (other.Q is None) or (ours.Q is not None and _largest(ours.Q - other.Q) > dropped):
        found.append("Q")
    if _sets(ours) != _sets(other):
        found.append("sos")
    if _indicators(ours) != _indicators(other):
        found.append("indicators")
    if names:
        found += [
            part for part in ("variable_names", "constraint_names") if getattr(ours, part) != getattr(other, part)
        ]
    return found


def _largest(matrix: sp.csr_array) -> float:
    return float(np.abs(matrix.data).max(initial=0.0))


def _sets(program: Program) -> list[tuple[int, list[int], list[float]]]:
    return [(group.type, group.indices.tolist(), group.weights.tolist()) for group in program.sos]


def _indicators(program: Program) -> list[tuple[object, ...]]:
    return [
        (
            one.binary,
            one.active,
            dict(zip(one.indices.tolist(), one.coefficients.tolist(), strict=True)),
            one.lower,
            one.upper,
        )
        for one in program.indicators
    ]


def highs_reads(path: Path) -> Program:
    """The program that HiGHS finds in a file."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    assert solver.readModel(str(path)) != highspy.HighsStatus.kError
    model = solver.getModel()
    lp, hessian = model.lp_, model.hessian_
    matrix = lp.a_matrix_
    A = sp.csc_array((matrix.value_, matrix.index_, matrix.start_), shape=(lp.num_row_, lp.num_col_))
    Q = None
    if hessian.dim_:
        Q = sp.csc_array((hessian.value_, hessian.index_, hessian.start_), shape=(hessian.dim_, hessian.dim_))
    return Program.build(
        c=np.array(lp.col_cost_),
        A=A,
        row_lower=np.array(lp.row_lower_),
        row_upper=np.array(lp.row_upper_),
        lower=np.array(lp.col_lower_),
        upper=np.array(lp.col_upper_),
        integrality=np.array([int(kind) for kind in lp.integrality_]) if len(lp.integrality_) else 0,
        sense="max" if lp.sense_ == highspy.ObjSense.kMaximize else "min",
        offset=lp.offset_,
        Q=Q,
        variable_names=list(lp.col_names_),
        constraint_names=list(lp.row_names_),
    )
