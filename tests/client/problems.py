"""Problems that several tests send."""

from __future__ import annotations

import kantor
import numpy as np
import scipy.sparse as sp


def doors() -> kantor.Program:
    """Two products, three plants: 36 at (2, 6)."""
    return kantor.Program(
        sense="max",
        objective=[3.0, 5.0],
        A=np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 2.0]]),
        row_upper=[4.0, 12.0, 18.0],
        variable_names=["doors", "windows"],
        constraint_names=["plant 1", "plant 2", "plant 3"],
    )


def hard() -> kantor.Program:
    """Market split with slacks: feasible at once, never proved within a test."""
    rng = np.random.default_rng(7)
    A = rng.integers(0, 100, (6, 50)).astype(float)
    side = np.floor(A.sum(axis=1) / 2)
    slack = sp.hstack([sp.eye_array(6), -sp.eye_array(6)])
    return kantor.Program(
        objective=np.r_[np.zeros(50), np.ones(12)],
        A=sp.hstack([A, slack]),
        row_lower=side,
        row_upper=side,
        upper=np.r_[np.ones(50), np.full(12, np.inf)],
        integrality=np.r_[np.ones(50), np.zeros(12)],
    )


def hard_mps() -> str:
    """The same as free MPS."""
    program = hard()
    document = program.document(lambda _, numbers: numbers.tolist())
    A = document["A"]
    columns: dict[int, list[str]] = {j: [f" x{j} cost {c}"] for j, c in enumerate(document["objective"]) if c}
    for i, (begin, end) in enumerate(zip(A["indptr"], A["indptr"][1:], strict=False)):
        for k in range(begin, end):
            columns.setdefault(A["indices"][k], []).append(f" x{A['indices'][k]} r{i} {A['data'][k]}")
    integers = [j for j, kind in enumerate(document["integrality"]) if kind]
    lines = ["NAME hard", "ROWS", " N cost", *(f" E r{i}" for i in range(6)), "COLUMNS"]
    lines += [line for j in sorted(set(columns) - set(integers)) for line in columns[j]]
    lines += [" m1 'MARKER' 'INTORG'", *(line for j in integers for line in columns[j]), " m2 'MARKER' 'INTEND'"]
    lines += ["RHS", *(f" rhs r{i} {side}" for i, side in enumerate(document["row_lower"]))]
    lines += ["BOUNDS", *(f" UP bnd x{j} 1" for j in integers), "ENDATA", ""]
    return "\n".join(lines)
