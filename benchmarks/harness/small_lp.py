"""The 20 by 20 linear program of the overhead benchmark: dense, feasible, bounded; 0.3 ms of simplex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIZE = 20


@dataclass(frozen=True)
class SmallLp:
    """Maximize ``c'x`` over ``A x <= b``, ``x >= 0``: A and b positive, so feasible and bounded."""

    c: np.ndarray
    A: np.ndarray
    b: np.ndarray


def small_lp(seed: int) -> SmallLp:
    """Another program for each seed, so that no cache can help."""
    rng = np.random.default_rng(seed)
    return SmallLp(
        c=np.round(rng.uniform(1.0, 10.0, SIZE), 3),
        A=np.round(rng.uniform(0.1, 5.0, (SIZE, SIZE)), 3),
        b=np.round(rng.uniform(50.0, 100.0, SIZE), 3),
    )


def document(lp: SmallLp) -> dict[str, object]:
    """The body of ``POST /v1/jobs``, with a dense CSR matrix in plain JSON lists."""
    m, n = lp.A.shape
    return {
        "problem": {
            "kind": "program",
            "sense": "max",
            "objective": lp.c.tolist(),
            "A": {
                "format": "csr",
                "shape": [m, n],
                "data": lp.A.ravel().tolist(),
                "indices": list(range(n)) * m,
                "indptr": list(range(0, m * n + 1, n)),
            },
            "row_upper": lp.b.tolist(),
        },
        "engine": "highs",
    }


def solve_directly(lp: SmallLp) -> float:
    """The same by highspy in this process: a new model, solved once, all of the solution read."""
    import highspy

    m, n = lp.A.shape
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = n, m
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_, model.row_upper_ = lp.c, lp.b
    model.col_lower_, model.col_upper_ = np.zeros(n), np.full(n, highspy.kHighsInf)
    model.row_lower_ = np.full(m, -highspy.kHighsInf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.arange(0, m * n + 1, n)
    model.a_matrix_.index_ = np.tile(np.arange(n), m)
    model.a_matrix_.value_ = lp.A.ravel()
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.passModel(model)
    highs.run()
    solution = highs.getSolution()
    np.array(solution.col_value), np.array(solution.row_dual), np.array(solution.col_dual)
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"the small program was not solved: {highs.modelStatusToString(highs.getModelStatus())}")
    return float(highs.getInfo().objective_function_value)
