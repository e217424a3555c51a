"""Options that every bilevel engine shares."""

from __future__ import annotations

from solvers.core.engine import Option

OPTIONS: tuple[Option, ...] = (
    Option("time_limit", "float", None, "Wall-clock seconds for the solve", minimum=0.0, unit="s"),
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
    Option("threads", "integer", 1, "Threads of the engine", minimum=1, maximum=1024),
    Option("seed", "integer", 0, "Random seed: same seed, same engine, same answer", minimum=0, maximum=2**31 - 1),
    Option("log", "boolean", True, "Keep the engine's log"),
)
# A warm start is not an option but part of the call: options["start"], a pair (x, y) of arrays or None.
