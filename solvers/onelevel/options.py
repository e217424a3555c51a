"""Options that every engine of one level shares."""

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
        "Largest residual of the first-order conditions, of each variable relative to max(1, the objective's slope)",
        minimum=1e-12,
        maximum=1.0,
    ),
    FEASIBILITY_TOLERANCE,
    Option(
        "relative_gap",
        "float",
        1e-4,
        "Largest |objective - bound| / max(1, |objective|) of an answer called globally optimal (0.1 at most)",
        minimum=0.0,
    ),
    THREADS,
    SEED,
    LOG,
)

STARTS = Option(
    "starts",
    "integer",
    None,
    "Starting points, of which the best answer is kept; None: several for small problems not known to be convex",
    minimum=1,
    maximum=4096,
)
"""Of engines that go downhill from where they begin."""
