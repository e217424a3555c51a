"""Clarabel on a linear program: equations first, then every finite side of a row or bound as one inequality."""

from __future__ import annotations

import time

import clarabel
import highspy
import numpy as np
import scipy.sparse as sp

from benchmarks.direct import TOLERANCE, Outcome, Solve
from benchmarks.direct.highs import read

_STATUSES = {"Solved": "optimal", "PrimalInfeasible": "infeasible", "DualInfeasible": "unbounded", "MaxTime": "limit"}


def load(path: str, time_limit: float) -> Solve:
    lp = read(path)
    n, m = lp.num_col_, lp.num_row_
    matrix = lp.a_matrix_
    A = sp.csc_array((matrix.value_, matrix.index_, matrix.start_), shape=(m, n)).tocsr()
    sign = 1.0 if lp.sense_ == highspy.ObjSense.kMinimize else -1.0
    cost, offset = np.array(lp.col_cost_), lp.offset_
    G = sp.vstack([A, sp.eye_array(n, format="csr")], format="csr")
    low = np.concatenate([lp.row_lower_, lp.col_lower_])
    high = np.concatenate([lp.row_upper_, lp.col_upper_])
    equal = low == high
    below, above = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal

    def solve() -> Outcome:
        begin = time.perf_counter()
        rows = sp.vstack([G[equal], G[below], -G[above]], format="csc")
        right = np.concatenate([high[equal], high[below], -low[above]])
        cones = [clarabel.ZeroConeT(int(equal.sum())), clarabel.NonnegativeConeT(int(below.sum() + above.sum()))]
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.time_limit = time_limit
        settings.max_threads = 1
        # as sharp as Kantor's engine, whose answers must hold for each row by itself
        settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = TOLERANCE * 1e-4
        solution = clarabel.DefaultSolver(
            sp.csc_matrix((n, n)), sign * cost, sp.csc_matrix(rows), right, cones, settings
        ).solve()
        x = np.array(solution.x)
        seconds = time.perf_counter() - begin
        status = _STATUSES.get(str(solution.status), "other")
        objective = float(cost @ x) + offset if status in ("optimal", "limit") else None
        return Outcome(status, objective, seconds, int(solution.iterations))

    return solve
