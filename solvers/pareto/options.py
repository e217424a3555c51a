"""Options that every engine for several objectives shares."""

from __future__ import annotations

from solvers.core.common_options import FEASIBILITY_TOLERANCE, ITERATION_LIMIT, LOG, SEED, THREADS, TIME_LIMIT
from solvers.core.engine import Option

OPTIONS: tuple[Option, ...] = (
    TIME_LIMIT,
    ITERATION_LIMIT,
    Option("points", "integer", 50, "How many points of the front are wanted", minimum=2, maximum=10_000),
    Option(
        "tolerance",
        "float",
        1e-6,
        "Largest residual of Pareto stationarity: min |J'w| over weights w >= 0 that sum to 1",
        minimum=1e-12,
        maximum=1.0,
    ),
    FEASIBILITY_TOLERANCE,
    Option(
        "relative_gap",
        "float",
        1e-4,
        "Largest |weighted sum - its bound| / max(1, |weighted sum|) of a point called globally optimal (0.1 at most)",
        minimum=0.0,
    ),
    THREADS,
    SEED,
    LOG,
)
