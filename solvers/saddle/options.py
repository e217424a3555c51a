"""Options that every engine for saddle problems shares."""

from __future__ import annotations

from solvers.core.common_options import FEASIBILITY_TOLERANCE, ITERATION_LIMIT, LOG, SEED, THREADS, TIME_LIMIT
from solvers.core.engine import Option

OPTIONS: tuple[Option, ...] = (
    TIME_LIMIT,
    ITERATION_LIMIT,
    Option(
        "tolerance",
        "float",
        1e-6,
        "Largest projected gradient of either player",
        minimum=1e-12,
        maximum=1.0,
    ),
    FEASIBILITY_TOLERANCE,
    Option(
        "relative_gap",
        "float",
        1e-4,
        "Largest |upper - lower| / max(1, |objective|) of a saddle point called globally optimal (0.1 at most)",
        minimum=0.0,
    ),
    THREADS,
    SEED,
    LOG,
)
