"""Options that every engine of one level shares."""

from __future__ import annotations

from solvers.core.engine import Option

OPTIONS: tuple[Option, ...] = (
    Option("time_limit", "float", None, "Wall-clock seconds for the solve", minimum=0.0, unit="s"),
    Option("iteration_limit", "integer", None, "Largest number of iterations", minimum=0),
    Option(
        "tolerance",
        "float",
        1e-6,
        "Largest residual of the first-order conditions, relative to max(1, largest multiplier / 100)",
        minimum=1e-12,
        maximum=1.0,
    ),
    Option(
        "feasibility_tolerance",
        "float",
        1e-6,
        "Largest accepted violation of a constraint",
        minimum=1e-12,
        maximum=0.01,
    ),
    Option(
        "relative_gap",
        "float",
        1e-4,
        "Largest |objective - bound| / max(1, |objective|) of an answer called globally optimal",
        minimum=0.0,
    ),
    Option("threads", "integer", 1, "Threads of the engine", minimum=1, maximum=1024),
    Option("seed", "integer", 0, "Random seed: same seed, same engine, same answer", minimum=0, maximum=2**31 - 1),
    Option("log", "boolean", True, "Keep the engine's log"),
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
