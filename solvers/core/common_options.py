"""Options that several families have, with one meaning in all of them."""

from __future__ import annotations

from solvers.core.engine import Option

TIME_LIMIT = Option("time_limit", "float", None, "Wall-clock seconds for the solve", minimum=0.0, unit="s")
ITERATION_LIMIT = Option("iteration_limit", "integer", None, "Largest number of iterations", minimum=0)
FEASIBILITY_TOLERANCE = Option(
    "feasibility_tolerance", "float", 1e-6, "Largest accepted violation of a constraint", minimum=1e-12, maximum=0.01
)
THREADS = Option("threads", "integer", 1, "Threads of the engine", minimum=1, maximum=1024)
SEED = Option("seed", "integer", 0, "Random seed: same seed, same engine, same answer", minimum=0, maximum=2**31 - 1)
LOG = Option("log", "boolean", True, "Keep the engine's log")
