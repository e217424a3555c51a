"""Options that every bilevel engine shares."""

from __future__ import annotations

from solvers.core.common_options import LOG, SEED, THREADS, TIME_LIMIT
from solvers.core.engine import Option

OPTIONS: tuple[Option, ...] = (
    TIME_LIMIT,
    Option("iteration_limit", "integer", None, "Largest number of steps of the upper level", minimum=0),
    Option("tolerance", "float", 1e-6, "Largest projected gradient of the upper level", minimum=1e-12, maximum=1.0),
    Option("lower_tolerance", "float", 1e-8, "Largest residual of the lower level", minimum=1e-13, maximum=1.0),
    Option(
        "feasibility_tolerance",
        "float",
        1e-6,
        "Largest violation of a constraint",
        minimum=1e-10,
        maximum=0.01,
    ),
    Option("relative_gap", "float", 1e-6, "Stop when |objective - bound| <= relative_gap * |objective|", minimum=0.0),
    Option("starts", "integer", 1, "How many starting points, in one vectorised run", minimum=1, maximum=4096),
    Option(
        "start_radius",
        "float",
        1.0,
        "Where an upper variable has no finite bounds: spread of its starting points",
        minimum=0.0,
    ),
    Option(
        "restart",
        "string",
        "warm",
        "Where the lower level begins after a step of the upper one: at its last solution or at its start",
        choices=("warm", "cold"),
    ),
    THREADS,
    SEED,
    LOG,
)
# A warm start is not an option but part of the call: options["start"], a pair (x, y) of arrays or None.
