"""Random linear bilevel problems: `exact` against the KKT conditions with big-M binaries in HiGHS (scipy's)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

M = 1000.0


def compare(sizes: tuple[int, ...], seeds: int, cap: float) -> list[dict[str, Any]]:
    """A row for each problem: CPU seconds and objectives of both; the cap is wall-clock."""
    return [_one(size, seed, cap) for size in sizes for seed in range(seeds)]


def _one(size: int, seed: int, cap: float) -> dict[str, Any]:
    import torch

    from solvers.bilevel.problem import Bilevel, Level, Structure
    from solvers.core import registry
    from solvers.core.engine import LocalContext

    random = np.random.default_rng(1000 * size + seed)
    n, rows = size, size
    C, D = random.integers(-5, 6, (rows, n)).astype(float), random.integers(-5, 6, (rows, n)).astype(float)
    b = random.integers(n, 4 * n, rows).astype(float)
    c, d, e = (random.integers(-9, 10, n).astype(float) for _ in range(3))
    tC, tD, tb, tc, td, te = (torch.tensor(part) for part in (C, D, b, c, d, e))
    problem = Bilevel(
        Level.build(lambda x, y: tc @ x + td @ y, np.zeros(n), lower=0.0, upper=10.0),
        Level.build(
            lambda _, y: te @ y,
            np.zeros(n),
            lower=0.0,
            upper=10.0,
            inequalities=lambda x, y: tC @ x + tD @ y - tb,
        ),
        Structure(quadratic=True),
    )
    problem.forms  # noqa: B018 - the coefficients are known to both
    began = time.process_time()
    answer = registry.load("bilevel", "exact").solve(problem, {"log": False, "time_limit": cap}, LocalContext())
    ours = time.process_time() - began
    began = time.process_time()
    objective, stopped = _big_m(c, d, e, C, D, b, cap)
    theirs = time.process_time() - began
    mine = np.nan if answer.objective is None else answer.objective
    notes = ["exact stopped"] if answer.limit is not None else []
    notes += ["big-M stopped"] if stopped else []
    if not notes and not abs(mine - objective) <= 1e-4 * (1.0 + abs(mine)):
        notes.append("they differ")
    return {
        "size": f"{n} + {n}",
        "seed": seed,
        "exact": ours,
        "big_m": theirs,
        "objective": mine,
        "big_m_objective": objective,
        "note": ", ".join(notes),
    }


def _big_m(
    c: np.ndarray, d: np.ndarray, e: np.ndarray, C: np.ndarray, D: np.ndarray, b: np.ndarray, cap: float
) -> tuple[float, bool]:
    """The optimum, and whether the cap ended the search.

    Variables x, y, multipliers of rows, of y >= 0 and of y <= 10, and a binary for each of these.
    """
    rows, n = C.shape
    pairs = rows + 2 * n
    size = 2 * n + 2 * pairs
    one = np.eye(n)
    G = np.vstack([np.hstack([C, D]), np.hstack([0 * one, -one]), np.hstack([0 * one, one])])
    h = np.concatenate([b, np.zeros(n), np.full(n, 10.0)])
    feasible = np.hstack([G, np.zeros((pairs, 2 * pairs))])
    stationary = np.hstack([np.zeros((n, 2 * n)), G[:, n:].T, np.zeros((n, pairs))])
    # multiplier <= M z, slack <= M (1 - z)
    positive = np.hstack([np.zeros((pairs, 2 * n)), np.eye(pairs), -M * np.eye(pairs)])
    tight = np.hstack([-G, np.zeros((pairs, pairs)), M * np.eye(pairs)])
    result = milp(
        np.concatenate([c, d, np.zeros(2 * pairs)]),
        constraints=[
            LinearConstraint(feasible, -np.inf, h),
            LinearConstraint(stationary, -e, -e),
            LinearConstraint(positive, -np.inf, 0.0),
            LinearConstraint(tight, -np.inf, M - h),
        ],
        bounds=Bounds(np.zeros(size), np.concatenate([np.full(2 * n, 10.0), np.full(pairs, np.inf), np.ones(pairs)])),
        integrality=np.concatenate([np.zeros(size - pairs), np.ones(pairs)]),
        options={"time_limit": cap, "mip_rel_gap": 1e-6},
    )
    return float(result.fun) if result.x is not None else np.nan, result.status == 1
